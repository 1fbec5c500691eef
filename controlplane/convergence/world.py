"""The values that converge() yields: the mesh as it is meant, and what is to be said about it.

A World is immutable and built from the one before; what did not change is the same object.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from controlplane.convergence.records import (
    Backends,
    Gateway,
    HostPolicy,
    Rules,
    Scope,
    SecretId,
    SecretRecord,
    ServiceId,
    ServiceRecord,
    Target,
)
from controlplane.kinds import Key, Object, Verdict
from translators.model import Labels, PeerMode, Service, Workload


@dataclass(frozen=True, slots=True)
class Options:
    """How configuration is read. The defaults are the product's; the switches give Istio's way."""

    missing_destination: Literal["hold", "istio"] = "hold"
    domain: str = "cluster.local"
    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()  # whose identities count as ours, too
    # how long HTTP connections of the mesh last, so that none outlives its certificates
    connection_lifetime_ms: int | None = None
    # seconds that servers accept what was and what will be, while a proxy has not acknowledged that
    # the mode of mutual TLS changes; 0: modes change at once
    switch_wait: float = 0.0
    auto_mtls: bool = True  # clients speak mutual TLS to endpoints that take it, unasked
    ready_wait: float = 10.0  # seconds for a newly named destination to get a ready endpoint
    drain: float = 45.0

    @property
    def trust_domains(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.trust_domain, *self.trust_domain_aliases)))


@dataclass(frozen=True, slots=True)
class Held:
    """A VirtualService that waits: for what, and since when (monotonic seconds)."""

    candidate: Object
    missing: tuple[str, ...]
    since: float
    deadline: float | None  # when it goes into force all the same; None: as long as it takes


@dataclass(frozen=True, slots=True)
class Touched:
    """What differs from the World before: the work that is to be done again."""

    services: frozenset[ServiceId] = frozenset()  # definition, policy or routes
    endpoints: frozenset[ServiceId] = frozenset()
    addresses: frozenset[str] = frozenset()  # workload addresses whose inbound ports may differ
    hosts: frozenset[str] = frozenset()  # VirtualService hosts whose routes may differ
    namespaces: frozenset[str] = frozenset()  # whose Sidecars or PeerAuthentications changed
    gateways: bool = False
    workloads: frozenset[Key] = frozenset()
    secrets: frozenset[SecretId] = frozenset()  # whose content differs

    def __bool__(self) -> bool:
        return bool(
            self.services
            or self.endpoints
            or self.addresses
            or self.hosts
            or self.namespaces
            or self.gateways
            or self.workloads
            or self.secrets
        )


@dataclass(frozen=True, slots=True, eq=False)
class PeerPolicy:
    """A PeerAuthentication. Without labels it is for its namespace; a mode None is inherited."""

    key: Key
    age: tuple[object, ...]
    labels: Labels
    mode: PeerMode | None
    ports: Mapping[int, PeerMode | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to be said of `object`, because of one port of one service."""

    object: Key
    reason: str
    others: tuple[Key, ...]
    service: ServiceId
    port: int


class Phase(StrEnum):
    """How far a change of PeerAuthentications is (switching)."""

    OPENING = "opening"
    TELLING = "telling"


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of PeerAuthentications that proxies follow in phases.

    generation  of the World with which the phase began: who has acknowledged it has followed
    deadline    when it goes on all the same (monotonic seconds)
    namespaces  of the policies that changed
    """

    phase: Phase
    generation: int
    deadline: float
    namespaces: frozenset[str]


HostKey = tuple[str, str]  # namespace of the rule, host


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """The model of everything, indexed by the questions that are asked of it.

    `written` and `written_policies` are what stands in the objects; `services` and `policies` add
    what is retained for routes in force.
    """

    workloads: Mapping[Key, Workload] = field(default_factory=dict)
    workload_keys: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    owners: Mapping[str, frozenset[Key]] = field(default_factory=dict)  # by address
    slices: Mapping[tuple[str, str], frozenset[Key]] = field(default_factory=dict)
    declared: Mapping[Key, tuple[Service, ...]] = field(default_factory=dict)
    declarers: Mapping[ServiceId, frozenset[Key]] = field(default_factory=dict)
    service_keys: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    written: Mapping[ServiceId, Service] = field(default_factory=dict)
    services: Mapping[ServiceId, ServiceRecord] = field(default_factory=dict)
    by_hostname: Mapping[str, frozenset[ServiceId]] = field(default_factory=dict)
    hostnames: Mapping[str, frozenset[ServiceId]] = field(default_factory=dict)  # as written
    retained: frozenset[ServiceId] = frozenset()
    backends: Mapping[ServiceId, Backends] = field(default_factory=dict)
    targets: Mapping[str, frozenset[Target]] = field(default_factory=dict)
    rule_keys: Mapping[HostKey, frozenset[Key]] = field(default_factory=dict)
    written_policies: Mapping[HostKey, HostPolicy] = field(default_factory=dict)
    policies: Mapping[HostKey, HostPolicy] = field(default_factory=dict)
    wild_policies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: Mapping[Key, Rules] = field(default_factory=dict)
    routes: Mapping[str, tuple[Rules, ...]] = field(default_factory=dict)
    wild_routes: tuple[str, ...] = ()  # wildcard hosts of `routes`, most specific first
    naming: Mapping[str, frozenset[Key]] = field(default_factory=dict)  # by destination host
    filed: Mapping[Key, frozenset[str]] = field(default_factory=dict)  # the way back
    ruling: Mapping[str, frozenset[Key]] = field(default_factory=dict)  # rules by host
    spoken: Mapping[str, frozenset[Key]] = field(default_factory=dict)  # conflicts said, by host
    peers: Mapping[str, tuple[PeerPolicy, ...]] = field(default_factory=dict)  # by namespace
    # what clients are told by, and what servers accept besides `peers`: while modes change
    told: Mapping[str, tuple[PeerPolicy, ...]] = field(default_factory=dict)
    earlier: tuple[Mapping[str, tuple[PeerPolicy, ...]], ...] = ()
    overruled: Mapping[Key, frozenset[Key]] = field(default_factory=dict)  # policy -> workloads
    ruled: Mapping[str, frozenset[HostKey]] = field(default_factory=dict)  # policies by host
    findings: Mapping[ServiceId, frozenset[Finding]] = field(default_factory=dict)
    found: Mapping[Key, frozenset[ServiceId]] = field(default_factory=dict)  # the way back
    sidecars: Mapping[str, tuple[Scope, ...]] = field(default_factory=dict)
    gateways: tuple[Gateway, ...] = ()
    secrets: Mapping[SecretId, SecretRecord] = field(default_factory=dict)
    by_source: bool = False  # whether some routes depend on who asks


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What all objects together mean.

    changed    objects that this pass accepted, dropped, put in force or began to hold
    accepted   the last good state of every object that exists, as written
    in_force   VirtualServices that are in force (not always as written: see `held`)
    said       what is to be said, by family of rules and object
    """

    generation: int = 0
    options: Options = Options()
    touched: Touched = Touched()
    changed: frozenset[Key] = frozenset()
    accepted: Mapping[Key, Object] = field(default_factory=dict)
    in_force: Mapping[Key, Object] = field(default_factory=dict)
    held: Mapping[Key, Held] = field(default_factory=dict)
    said: Mapping[tuple[str, Key], tuple[Verdict, ...]] = field(default_factory=dict)
    wake_at: float | None = None
    transition: Transition | None = None
    mesh: Mesh = field(default_factory=Mesh)

    def verdicts(self) -> Mapping[Key, tuple[Verdict, ...]]:
        """Everything that is to be said, by object."""
        found: dict[Key, tuple[Verdict, ...]] = {}
        for (_, key), verdicts in sorted(self.said.items()):
            found[key] = found.get(key, ()) + verdicts
        return found


EMPTY_WORLD: Final = World()
