"""DownstreamTls and UpstreamTls -> Envoy's TLS transport sockets, and where secrets come from.

gRPC without a proxy takes its certificates from a provider that its bootstrap names: those
contexts carry the new and the deprecated field, because clients of both kinds are about (gRFC A29).
"""

from collections.abc import Iterable
from typing import Final

from envoy.config.core.v3.base_pb2 import DataSource, TransportSocket
from envoy.config.core.v3.config_source_pb2 import ApiConfigSource, ApiVersion, ConfigSource
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.extensions.transport_sockets.raw_buffer.v3.raw_buffer_pb2 import RawBuffer
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import (
    CertificateProviderPluginInstance,
    CertificateValidationContext,
    TlsCertificate,
    TlsParameters,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import (
    CommonTlsContext,
    DownstreamTlsContext,
    UpstreamTlsContext,
)
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue

from translators.ads import ads_source
from translators.matchers import string_matcher
from translators.model import DownstreamTls, MatchKind, SecretRef, SecretSource, StringMatch
from translators.model import UpstreamTls as Upstream
from translators.names import FILE_CERT, FILE_ROOT, IDENTITY, SDS_CLUSTER, SYSTEM_ROOTS, TRUST
from translators.wire import pack

# where Debian, and so Envoy's images, keep what the system trusts
_SYSTEM_FILE: Final = "/etc/ssl/certs/ca-certificates.crt"
_PROVIDER: Final = "default"  # the certificate provider that gRPC's bootstrap names
_NAME: Final = "envoy.transport_sockets.tls"
_DEFAULT_MINIMUM: Final = "TLSv1_2"  # Envoy's own, for servers

# how an endpoint says that it takes mutual TLS, and a cluster chooses by it (Istio's names)
MATCH_METADATA: Final = "envoy.transport_socket_match"
TLS_MODE: Final = "tlsMode"
ISTIO: Final = "istio"

RAW_BUFFER: Final = TransportSocket(
    name="envoy.transport_sockets.raw_buffer", typed_config=pack(RawBuffer())
)


def downstream(tls: DownstreamTls) -> TransportSocket:
    """What a filter chain presents to its callers and asks of them."""
    context = DownstreamTlsContext(require_client_certificate=BoolValue(value=tls.require))
    common = context.common_tls_context
    if tls.maximum or tls.ciphers or tls.minimum not in ("", _DEFAULT_MINIMUM):
        common.tls_params.CopyFrom(_parameters(tls.minimum, tls.maximum, tls.ciphers))
    if tls.provider:
        # gRPC negotiates its own protocols, and refuses contexts with what it does not know
        _provided(common, trusted=tls.trust is not None, sans=tls.sans)
        return _socket(context)
    common.alpn_protocols.extend(tls.alpn)
    _certificates(common, tls.certificates)
    if tls.trust is not None:
        _trust(common, tls.trust, tls.sans, tls.crl)
    if tls.spki or tls.hashes or tls.unverified:
        _pinned(common, tls)
    return _socket(context)


def upstream(tls: Upstream) -> TransportSocket:
    """What a cluster presents to its servers and asks of them."""
    context = UpstreamTlsContext(sni=tls.sni)
    common = context.common_tls_context
    sans = [StringMatch(MatchKind.EXACT, san) for san in tls.sans]
    if tls.provider:
        _provided(common, trusted=tls.trust is not None, sans=sans)
        return _socket(context)
    if tls.minimum or tls.maximum:
        common.tls_params.CopyFrom(_parameters(tls.minimum, tls.maximum, ()))
    common.alpn_protocols.extend(tls.alpn)
    if tls.certificate is not None:
        _certificates(common, (tls.certificate,))
    if tls.trust is not None:
        _trust(common, tls.trust, sans, tls.crl)
    else:
        common.validation_context.SetInParent()
    return _socket(context)


def _socket(context: Message) -> TransportSocket:
    return TransportSocket(name=_NAME, typed_config=pack(context))


def _parameters(minimum: str, maximum: str, ciphers: Iterable[str]) -> TlsParameters:
    return TlsParameters(
        tls_minimum_protocol_version=minimum or None,
        tls_maximum_protocol_version=maximum or None,
        cipher_suites=ciphers,
    )


def _certificates(common: CommonTlsContext, refs: Iterable[SecretRef]) -> None:
    for ref in refs:
        if _direct(ref):
            chain, _, key = ref.name.removeprefix(FILE_CERT).partition("~")
            common.tls_certificates.append(
                TlsCertificate(certificate_chain=_file(chain), private_key=_file(key))
            )
        else:
            common.tls_certificate_sds_secret_configs.append(_secret(ref))


def _trust(common: CommonTlsContext, ref: SecretRef, sans: Iterable[StringMatch], crl: str) -> None:
    """The root by its name, and beside it what only the user of the root knows."""
    direct = _direct(ref)
    context = (
        common.validation_context
        if direct
        else common.combined_validation_context.default_validation_context
    )
    context.SetInParent()
    # not typed: one name may stand as DNS name or URI, as in Istio
    context.match_subject_alt_names.extend(_names(sans))
    if crl:
        context.crl.CopyFrom(_file(crl))
    if direct:
        path = ref.name.removeprefix(FILE_ROOT)
        context.trusted_ca.CopyFrom(_file(_SYSTEM_FILE if ref.name == SYSTEM_ROOTS else path))
        return
    common.combined_validation_context.validation_context_sds_secret_config.CopyFrom(_secret(ref))


def _pinned(common: CommonTlsContext, tls: DownstreamTls) -> None:
    """Callers by their very certificates or keys; and those whom nobody known has signed."""
    context = (
        common.combined_validation_context.default_validation_context
        if common.HasField("combined_validation_context")
        else common.validation_context
    )
    context.verify_certificate_spki.extend(tls.spki)
    context.verify_certificate_hash.extend(tls.hashes)
    if tls.unverified:
        context.trust_chain_verification = CertificateValidationContext.ACCEPT_UNTRUSTED


def _names(sans: Iterable[StringMatch]) -> list[StringMatcher]:
    return [matcher for san in sans if (matcher := string_matcher(san)) is not None]


def _direct(ref: SecretRef) -> bool:
    """Whether Envoy reads the files itself: names of files are known to Istio's agent only."""
    return ref.source is not SecretSource.AGENT and ref.name.startswith((FILE_CERT, FILE_ROOT))


def _file(path: str) -> DataSource:
    return DataSource(filename=path)


def _secret(ref: SecretRef) -> SdsSecretConfig:
    """A proxy waits for its own identity as long as it takes; for any other secret only Envoy's
    15 s, so that a credential that is missing does not hold up everything beside it."""
    source = _agent() if ref.source is SecretSource.AGENT else ads_source()
    source.ClearField("initial_fetch_timeout")
    if ref.name in (IDENTITY, TRUST):
        source.initial_fetch_timeout.CopyFrom(Duration())
    return SdsSecretConfig(name=ref.name, sds_config=source)


def _agent() -> ConfigSource:
    """The SDS server beside the proxy, by the cluster of Istio's bootstrap."""
    return ConfigSource(
        api_config_source=ApiConfigSource(
            api_type=ApiConfigSource.GRPC,
            transport_api_version=ApiVersion.V3,
            set_node_on_first_message_only=True,
            grpc_services=[GrpcService(envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=SDS_CLUSTER))],
        ),
        resource_api_version=ApiVersion.V3,
    )


def _provided(common: CommonTlsContext, *, trusted: bool, sans: Iterable[StringMatch]) -> None:
    """Identity and trust from the certificate provider `default`."""
    identity = CertificateProviderPluginInstance(instance_name=_PROVIDER, certificate_name=IDENTITY)
    common.tls_certificate_provider_instance.CopyFrom(identity)
    old = common.tls_certificate_certificate_provider_instance
    old.instance_name, old.certificate_name = _PROVIDER, IDENTITY
    if not trusted:
        return
    combined = common.combined_validation_context
    combined.default_validation_context.CopyFrom(
        CertificateValidationContext(
            ca_certificate_provider_instance=CertificateProviderPluginInstance(
                instance_name=_PROVIDER, certificate_name=TRUST
            ),
            match_subject_alt_names=_names(sans),
        )
    )
    old = combined.validation_context_certificate_provider_instance
    old.instance_name, old.certificate_name = _PROVIDER, TRUST
