"""The security of connections to one cluster: what its DestinationRule says, else what its
endpoints want (automatic mutual TLS)."""

from dataclasses import replace
from typing import Final

from controlplane.convergence.records import Sight
from translators.model import (
    ClientTls,
    Cluster,
    Discovery,
    LoadBalancer,
    SecretRef,
    SecretSource,
    TlsMode,
    TrafficPolicy,
    UpstreamTls,
)
from translators.names import (
    IDENTITY,
    TRUST,
    credential,
    file_certificate,
    file_root,
    sni,
    spiffe_id,
)

_MESH_ALPN: Final = ("istio-peer-exchange", "istio")
_H2: Final = "h2"
_MINIMUM: Final = "TLSv1_2"
_MAXIMUM: Final = "TLSv1_3"


def secured(cluster: Cluster, sight: Sight, *, host: str, port: int) -> Cluster:
    """`cluster` with its TLS part."""
    tls = cluster.policy.tls
    if tls is None:
        found = _automatic(cluster, sight, host, port)
    else:
        found = _written(cluster, tls, sight, host, port)
    return replace(cluster, tls=found) if found is not None else cluster


def identities(
    accounts: tuple[tuple[str, str], ...], trust_domains: tuple[str, ...]
) -> tuple[str, ...]:
    """The SPIFFE ids of (namespace, service account), in every trust domain that is ours."""
    return tuple(
        spiffe_id(domain, namespace, account)
        for namespace, account in accounts
        for domain in trust_domains
    )


def dials_addresses(cluster_discovery: Discovery, policy: TrafficPolicy) -> bool:
    """Whether connections go to the address that was dialled, which no endpoint stands for."""
    return (
        cluster_discovery is Discovery.ORIGINAL_DST
        or policy.load_balancer is LoadBalancer.PASSTHROUGH
    )


def provided(cluster: Cluster) -> UpstreamTls | None:
    """For gRPC clients, whose identity is with a certificate provider: they do as they are told
    by a DestinationRule, and cannot ask endpoints."""
    tls = cluster.policy.tls
    if cluster.tls is None or tls is None or tls.mode is not TlsMode.ISTIO_MUTUAL:
        return None
    return replace(cluster.tls, provider=True)


def told_plaintext(policy: TrafficPolicy) -> bool:
    """Whether a DestinationRule takes the choice from endpoints: they do not say `tlsMode` then."""
    return policy.tls is not None and policy.tls.mode is not TlsMode.ISTIO_MUTUAL


def _automatic(cluster: Cluster, sight: Sight, host: str, port: int) -> UpstreamTls | None:
    if not sight.automatic or sight.secrets is SecretSource.NONE:
        return None
    dials = dials_addresses(cluster.discovery, cluster.policy)
    if (dials or sight.headless) and port not in sight.unanimous:
        return None
    return replace(_mesh(cluster, sight, host, port), by_endpoint=not dials)


def _written(
    cluster: Cluster, tls: ClientTls, sight: Sight, host: str, port: int
) -> UpstreamTls | None:
    match tls.mode:
        case TlsMode.DISABLE:
            return None
        case TlsMode.ISTIO_MUTUAL:
            if sight.secrets is SecretSource.NONE:
                return None
            found = _mesh(cluster, sight, host, port)
            return replace(found, sni=tls.sni or found.sni, sans=tls.sans or found.sans)
    if tls.credential and not sight.router:
        return None
    return UpstreamTls(
        certificate=_certificate(tls, sight.secrets) if tls.mode is TlsMode.MUTUAL else None,
        trust=None if tls.unverified else _trust(tls, sight.secrets),
        sni=tls.sni,
        sans=tls.sans,
        alpn=(_H2,) if _speaks_http2(cluster) else (),
        crl=tls.crl,
        automatic=not tls.sni,
        minimum=_MINIMUM,
        maximum=_MAXIMUM,
    )


def _certificate(tls: ClientTls, source: SecretSource) -> SecretRef:
    if tls.credential:
        return SecretRef(credential(tls.credential), SecretSource.ADS)
    return SecretRef(file_certificate(tls.certificate, tls.key), source)


def _trust(tls: ClientTls, source: SecretSource) -> SecretRef:
    if tls.credential:
        return SecretRef(credential(tls.credential, roots=True), SecretSource.ADS)
    return SecretRef(file_root(tls.roots), source)


def _mesh(cluster: Cluster, sight: Sight, host: str, port: int) -> UpstreamTls:
    """Mutual TLS with the identities of the mesh."""
    return UpstreamTls(
        certificate=SecretRef(IDENTITY, sight.secrets),
        trust=SecretRef(TRUST, sight.secrets),
        sni=sni(host, port, cluster.subset),
        sans=sight.identities,
        alpn=(*_MESH_ALPN, _H2) if _speaks_http2(cluster) else _MESH_ALPN,
        minimum=_MINIMUM,
        maximum=_MAXIMUM,
        lifetime_ms=sight.lifetime_ms,
    )


def _speaks_http2(cluster: Cluster) -> bool:
    pool = cluster.policy.connection_pool
    upgraded = pool is not None and bool(pool.h2_upgrade) and cluster.protocol.is_http
    return cluster.protocol.is_http2 or upgraded
