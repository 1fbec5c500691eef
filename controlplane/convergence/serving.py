"""What a gRPC server without a proxy runs: one listener for each port that a service of its pod
has, under every name that the server may ask for it by."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from controlplane.convergence import mtls
from controlplane.convergence.world import World
from translators.model import (
    Direction,
    DownstreamTls,
    FilterChain,
    HttpConnection,
    Labels,
    Listener,
    PeerMode,
    Proxy,
    RouteTable,
    SecretRef,
    SecretSource,
    View,
)
from translators.names import IDENTITY, TRUST, served_listener

# a server asks for what it listens on, which is rarely its own address
_ANY = ("0.0.0.0", "::")
_PLAINTEXT, _MUTUAL = "inbound-plaintext", "inbound-mtls"
_NO_ROUTES = RouteTable("inbound", {})  # requests go no further


@dataclass(frozen=True, slots=True)
class Serving:
    """Everything that decides the view: replicas on other addresses have views of their own."""

    addresses: tuple[str, ...]
    ports: tuple[tuple[int, bool], ...]  # port, and whether mutual TLS is spoken on it


def serving_of(world: World, proxy: Proxy, labels: Labels) -> Serving:
    peers = mtls.peers(world.mesh, world.options)
    found = {
        target.endpoint_port
        for address in proxy.ips
        for target in world.mesh.targets.get(address, frozenset())
    }
    return Serving(
        addresses=(*_ANY, *proxy.ips),
        ports=tuple(
            (port, secured)
            for port in sorted(found)
            if (
                secured := _secured(
                    mtls.accepted(peers, namespace=proxy.namespace, labels=labels, port=port),
                    proxy,
                    labels,
                )
            )
            is not None
        ),
    )


def _secured(mode: PeerMode, proxy: Proxy, labels: Labels) -> bool | None:
    """Whether a port speaks mutual TLS. A gRPC server cannot do both: what would accept both does
    as its clients are told (Istio's rule). None: it must, and has no identity to do it with."""
    strict = mode is PeerMode.STRICT
    if proxy.secrets is SecretSource.NONE:
        return None if strict else False
    return strict or (mode is PeerMode.PERMISSIVE and mtls.capable(labels))


@lru_cache(maxsize=16384)
def build(serving: Serving) -> View:
    """The view; the same object for equal arguments."""
    return View(listeners={made.name: made for made in _listeners(serving)})


def _listeners(serving: Serving) -> Iterator[Listener]:
    for port, secured in serving.ports:
        for address in dict.fromkeys(serving.addresses):
            yield Listener(
                name=served_listener(address, port),
                address=address,
                port=port,
                direction=Direction.INBOUND,
                chains=(
                    FilterChain(
                        _MUTUAL if secured else _PLAINTEXT,
                        HttpConnection(_NO_ROUTES, Direction.INBOUND, ""),
                        tls=_PROVIDED if secured else None,
                    ),
                ),
                served=True,
            )


_PROVIDED = DownstreamTls(
    certificates=(SecretRef(IDENTITY, SecretSource.AGENT),),
    alpn=(),
    trust=SecretRef(TRUST, SecretSource.AGENT),
    require=True,
    provider=True,
)
