"""Who calls on the secure port: a certificate of the mesh or a token proves a SPIFFE identity.

It decides whether a caller is believed, never what a caller may do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from controlplane import telemetry
from controlplane.xds.callers import UnauthenticatedError
from sds.attest import Attestor, Evidence, NotAttested, first
from sds.identity import SpiffeId
from translators.bootstrap import CLUSTER_ID

# metadata that proves something; the rest is nobody's business here
_HEADERS: Final = ("authorization", "clusterid")
# how gRPC names a client of a socket in the file system
_LOCAL: Final = "unix:"


class Connections(Protocol):
    """What knows the connections that came through the door."""

    def knows(self, peer: str) -> bool: ...

    def certificate(self, peer: str) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Proven:
    """Callers of the secure port, and of the Unix socket beside it, where there is no certificate
    to show."""

    connections: Connections
    attestors: Sequence[Attestor]
    metrics: telemetry.Telemetry
    socket: bool = False  # whether there is a Unix socket: its clients have no name

    async def identify(self, peer: str, metadata: Iterable[tuple[str, Any]]) -> SpiffeId | None:
        local = self.socket and peer.startswith(_LOCAL)
        if not local and not self.connections.knows(peer):
            # somebody on this machine found the inner socket
            raise UnauthenticatedError(f"{peer} did not come through the door")
        certificate, headers = self.connections.certificate(peer), _headers(metadata)
        if certificate is None and headers.get("clusterid", CLUSTER_ID) != CLUSTER_ID:
            # a token is one of a cluster, and this is not ours
            raise UnauthenticatedError(f"unknown cluster {headers['clusterid']!r}")
        return await prove(
            Evidence(headers, certificate),
            attestors=self.attestors,
            metrics=self.metrics,
        )


async def prove(
    evidence: Evidence, *, attestors: Sequence[Attestor], metrics: telemetry.Telemetry
) -> SpiffeId:
    """The identity that `evidence` proves. Raises UnauthenticatedError."""
    try:
        return await first(attestors, evidence)
    except NotAttested as error:
        metrics.unauthenticated.inc()
        telemetry.log("callers").warning("not_authenticated", why=str(error))
        raise UnauthenticatedError(str(error)) from error


def _headers(metadata: Iterable[tuple[str, Any]]) -> Mapping[str, str]:
    return {
        name: value if isinstance(value, str) else value.decode("latin-1")
        for name, value in metadata
        if name in _HEADERS
    }
