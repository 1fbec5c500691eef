"""Transport sockets: what Envoy and gRPC read in them."""

from envoy.config.core.v3.base_pb2 import TransportSocket
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import TlsParameters
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import (
    CommonTlsContext,
    DownstreamTlsContext,
    UpstreamTlsContext,
)

from translators import tls
from translators.model import (
    DownstreamTls,
    MatchKind,
    SecretRef,
    SecretSource,
    StringMatch,
    UpstreamTls,
)

AGENT, ADS = SecretSource.AGENT, SecretSource.ADS
SAN = "spiffe://cluster.local/ns/shop/sa/web"


def server(value: DownstreamTls) -> DownstreamTlsContext:
    context = DownstreamTlsContext()
    assert unpacked(tls.downstream(value), context)
    return context


def client(value: UpstreamTls) -> UpstreamTlsContext:
    context = UpstreamTlsContext()
    assert unpacked(tls.upstream(value), context)
    return context


def unpacked(socket: TransportSocket, context: DownstreamTlsContext | UpstreamTlsContext) -> bool:
    assert socket.name == "envoy.transport_sockets.tls"
    return bool(socket.typed_config.Unpack(context))


def mutual(source: SecretSource, *, provider: bool = False) -> DownstreamTls:
    return DownstreamTls(
        certificates=(SecretRef("default", source),),
        alpn=("h2",),
        trust=SecretRef("ROOTCA", source),
        require=True,
        sans=(StringMatch(MatchKind.PREFIX, "spiffe://cluster.local/"),),
        maximum="TLSv1_3",
        ciphers=("AES128-GCM-SHA256",),
        provider=provider,
    )


def simple(**more: object) -> UpstreamTls:
    return UpstreamTls(certificate=None, trust=None, **more)  # type: ignore[arg-type]


def files(source: SecretSource, *, root: str = "file-root:/ca") -> CommonTlsContext:
    return client(
        UpstreamTls(
            certificate=SecretRef("file-cert:/c~/k", source),
            trust=SecretRef(root, source),
            sans=(SAN,),
            crl="/crl",
        )
    ).common_tls_context


def test_a_server_of_the_mesh() -> None:
    context = server(mutual(AGENT))
    assert context.require_client_certificate.value
    common = context.common_tls_context
    assert list(common.alpn_protocols) == ["h2"]
    assert common.tls_params.tls_minimum_protocol_version == TlsParameters.TLSv1_2
    assert common.tls_params.tls_maximum_protocol_version == TlsParameters.TLSv1_3
    combined = common.combined_validation_context
    (san,) = combined.default_validation_context.match_subject_alt_names
    assert san.prefix == "spiffe://cluster.local/"
    (own,) = common.tls_certificate_sds_secret_configs
    trust = combined.validation_context_sds_secret_config
    assert (own.name, trust.name) == ("default", "ROOTCA")
    for config in (own.sds_config, trust.sds_config):
        (service,) = config.api_config_source.grpc_services
        assert service.envoy_grpc.cluster_name == "sds-grpc"
        assert config.HasField("initial_fetch_timeout")
        assert config.initial_fetch_timeout.ToMilliseconds() == 0


def test_secrets_come_over_ads_where_no_agent_is() -> None:
    (own,) = server(mutual(ADS)).common_tls_context.tls_certificate_sds_secret_configs
    assert own.sds_config.HasField("ads")


def test_only_for_its_own_identity_a_proxy_waits_without_end() -> None:
    value = DownstreamTls((SecretRef("kubernetes://a", ADS),), alpn=())
    context = server(value)
    (one,) = context.common_tls_context.tls_certificate_sds_secret_configs
    assert not one.sds_config.HasField("initial_fetch_timeout")
    assert not context.require_client_certificate.value
    assert not context.common_tls_context.HasField("tls_params")
    assert context.common_tls_context.WhichOneof("validation_context_type") is None


def test_a_client_that_verifies_nothing() -> None:
    context = client(simple(sni="a.example", alpn=("h2",)))
    assert context.sni == "a.example"
    common = context.common_tls_context
    assert common.HasField("validation_context")
    assert not common.validation_context.ListFields()
    assert not common.HasField("tls_params")


def test_versions_of_a_client() -> None:
    params = client(simple(minimum="TLSv1_2", maximum="TLSv1_3")).common_tls_context.tls_params
    assert params.tls_minimum_protocol_version == TlsParameters.TLSv1_2
    assert params.tls_maximum_protocol_version == TlsParameters.TLSv1_3


def test_files_are_secrets_of_the_agent() -> None:
    common = files(AGENT)
    (own,) = common.tls_certificate_sds_secret_configs
    assert own.name == "file-cert:/c~/k"
    combined = common.combined_validation_context
    assert combined.validation_context_sds_secret_config.name == "file-root:/ca"
    assert combined.default_validation_context.crl.filename == "/crl"


def test_files_are_named_directly_where_no_agent_is() -> None:
    common = files(ADS)
    (own,) = common.tls_certificates
    assert (own.certificate_chain.filename, own.private_key.filename) == ("/c", "/k")
    context = common.validation_context
    assert (context.trusted_ca.filename, context.crl.filename) == ("/ca", "/crl")
    assert [san.exact for san in context.match_subject_alt_names] == [SAN]
    system = files(ADS, root="file-root:system").validation_context
    assert system.trusted_ca.filename == "/etc/ssl/certs/ca-certificates.crt"


def test_grpc_has_a_certificate_provider_in_both_fields() -> None:
    context = server(mutual(AGENT, provider=True))
    assert context.require_client_certificate.value
    value = UpstreamTls(
        certificate=SecretRef("default", AGENT),
        trust=SecretRef("ROOTCA", AGENT),
        sans=(SAN,),
        provider=True,
    )
    for common in (context.common_tls_context, client(value).common_tls_context):
        combined = common.combined_validation_context
        instances = (
            common.tls_certificate_provider_instance,
            common.tls_certificate_certificate_provider_instance,
            combined.default_validation_context.ca_certificate_provider_instance,
            combined.validation_context_certificate_provider_instance,
        )
        assert {one.instance_name for one in instances} == {"default"}
        assert [one.certificate_name for one in instances] == ["default"] * 2 + ["ROOTCA"] * 2
        assert not common.tls_certificate_sds_secret_configs
    expected = client(value).common_tls_context.combined_validation_context
    (san,) = expected.default_validation_context.match_subject_alt_names
    assert san.exact == SAN
