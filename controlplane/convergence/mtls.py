"""Who must speak mutual TLS: what a port accepts, and what its clients are told, two questions.

Both follow the PeerAuthentications: that of a port wins over that of the workload, the namespace
and the mesh, the oldest within a level; without any, both plaintext and mutual TLS are accepted.
What is accepted makes a workload's own listeners; what is told makes the endpoints' metadata and
the TLS part of clusters.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from controlplane.convergence.world import Mesh, Options, PeerPolicy
from controlplane.kinds import Key
from translators.model import Labels, PeerMode, selects

DEFAULT: Final = PeerMode.PERMISSIVE  # Istio's, where nothing is written
TLS_LABEL: Final = "security.istio.io/tlsMode"
ISTIO: Final = "istio"


Lookup = Callable[[str], tuple[PeerPolicy, ...] | None]


class Peers(NamedTuple):
    """Where PeerAuthentications are looked up, by namespace, the oldest first. `earlier` are those
    that were in force before, for as long as servers accept what they said."""

    get: Lookup
    root: str
    earlier: tuple[Lookup, ...] = ()

    def all(self) -> Iterator["Peers"]:
        """Each by itself."""
        for get in (self.get, *self.earlier):
            yield Peers(get, self.root)


@dataclass(frozen=True, slots=True)
class Posture:
    """What a workload's ports have written for them. `by` decides for the ports without a mode of
    their own, `ports_by` for those that have one."""

    mode: PeerMode = DEFAULT
    ports: Mapping[int, PeerMode] | None = None
    by: Key | None = None
    ports_by: Key | None = None

    def of(self, port: int | None) -> PeerMode:
        if port is None or self.ports is None:
            return self.mode
        return self.ports.get(port, self.mode)

    def decided_by(self, port: int) -> Key | None:
        return self.ports_by if self.ports is not None and port in self.ports else self.by


_NOTHING: Final = Posture()


def peers(mesh: Mesh, options: Options) -> Peers:
    """For what servers accept."""
    return Peers(mesh.peers.get, options.root_namespace, tuple(table.get for table in mesh.earlier))


def told_peers(mesh: Mesh, options: Options) -> Peers:
    """For what clients are told."""
    return Peers(mesh.told.get, options.root_namespace)


def accepted(peers: Peers, *, namespace: str, labels: Labels, port: int | None = None) -> PeerMode:
    """What the workload accepts on `port`; None: on every port without a mode of its own."""
    return _both(posture(one, namespace, labels).of(port) for one in peers.all())


def accepted_ports(peers: Peers, *, namespace: str, labels: Labels) -> Mapping[int, PeerMode]:
    """The ports of the workload that have a mode of their own."""
    found = [posture(one, namespace, labels) for one in peers.all()]
    ports = sorted({port for one in found for port in one.ports or ()})
    return {port: _both(one.of(port) for one in found) for port in ports}


def _both(modes: Iterable[PeerMode]) -> PeerMode:
    """What accepts all that one of `modes` does."""
    found = frozenset(modes)
    return next(iter(found)) if len(found) == 1 else PeerMode.PERMISSIVE


def told(
    peers: Peers, *, namespace: str, labels: Labels | None = None, port: int | None = None
) -> PeerMode:
    """What clients are told that the workload accepts on `port`; without `labels`, what its
    namespace does in general."""
    return posture(peers, namespace, labels).of(port)


def posture(peers: Peers, namespace: str, labels: Labels | None) -> Posture:
    """The policies of workload, namespace and mesh put together; UNSET inherits."""
    if not peers.get(namespace) and not peers.get(peers.root):
        return _NOTHING  # asked for every endpoint, and mostly nobody has written anything
    found = governing(peers, namespace, labels)
    inherited = next((policy for policy in found if policy.mode is not None), None)
    mode = DEFAULT if inherited is None or inherited.mode is None else inherited.mode
    by = None if inherited is None else inherited.key
    if not found or not found[0].ports:
        return Posture(mode, None, by)
    return Posture(
        mode,
        {port: own if own is not None else mode for port, own in found[0].ports.items()},
        by,
        found[0].key,
    )


def governing(peers: Peers, namespace: str, labels: Labels | None) -> tuple[PeerPolicy, ...]:
    """The one policy of each level, the most specific first."""
    found: list[PeerPolicy | None] = []
    if labels is not None:
        found.append(next(iter(selecting(peers, namespace, labels)), None))
    found += (
        next((p for p in peers.get(level) or () if not p.labels), None)
        for level in dict.fromkeys((namespace, peers.root))
    )
    return tuple(policy for policy in found if policy is not None)


def selecting(peers: Peers, namespace: str, labels: Labels) -> tuple[PeerPolicy, ...]:
    """The policies that select a workload by its labels: the first counts. In the root namespace
    selectors select nothing (Istio's rule)."""
    if namespace == peers.root:
        return ()
    return tuple(p for p in peers.get(namespace) or () if p.labels and selects(p.labels, labels))


def capable(labels: Labels, account: str = "") -> bool:
    """Whether there is a proxy that takes mutual TLS: the label says so or, where there is none,
    the service account that a WorkloadEntry names."""
    mode = labels.get(TLS_LABEL)
    return bool(account) if mode is None else mode == ISTIO
