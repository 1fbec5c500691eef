"""The World under construction: one pass edits it stage by stage, then freezes it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from controlplane.convergence.records import (
    Backends,
    HostPolicy,
    Rules,
    SecretId,
    SecretRecord,
    ServiceId,
    ServiceRecord,
    Target,
)
from controlplane.convergence.table import Index, Table
from controlplane.convergence.world import (
    Finding,
    Held,
    HostKey,
    Mesh,
    Options,
    PeerPolicy,
    Transition,
    World,
)
from controlplane.kinds import Key, Object, Verdict
from translators.model import Service, Workload


@dataclass(slots=True)
class Draft:
    """Tables read through to the World before; a stage reads what earlier stages have written.

    The sets `touched_*` gather what the views have to look at again.
    """

    before: World
    options: Options
    now: float
    arrived: int = 0  # the generation that all proxies have acknowledged

    accepted: Table[Key, Object] = field(init=False)
    in_force: Table[Key, Object] = field(init=False)
    held: Table[Key, Held] = field(init=False)
    said: Table[tuple[str, Key], tuple[Verdict, ...]] = field(init=False)
    workloads: Table[Key, Workload] = field(init=False)
    workload_keys: Index[str, Key] = field(init=False)
    owners: Index[str, Key] = field(init=False)
    slices: Index[tuple[str, str], Key] = field(init=False)
    declared: Table[Key, tuple[Service, ...]] = field(init=False)
    declarers: Index[ServiceId, Key] = field(init=False)
    service_keys: Index[str, Key] = field(init=False)
    written: Table[ServiceId, Service] = field(init=False)
    services: Table[ServiceId, ServiceRecord] = field(init=False)
    by_hostname: Index[str, ServiceId] = field(init=False)
    backends: Table[ServiceId, Backends] = field(init=False)
    targets: Index[str, Target] = field(init=False)
    rule_keys: Index[HostKey, Key] = field(init=False)
    written_policies: Table[HostKey, HostPolicy] = field(init=False)
    policies: Table[HostKey, HostPolicy] = field(init=False)
    rules: Table[Key, Rules] = field(init=False)
    routes: Table[str, tuple[Rules, ...]] = field(init=False)
    naming: Index[str, Key] = field(init=False)
    filed: Table[Key, frozenset[str]] = field(init=False)
    ruling: Index[str, Key] = field(init=False)
    spoken: Index[str, Key] = field(init=False)
    hostnames: Index[str, ServiceId] = field(init=False)
    peers: Table[str, tuple[PeerPolicy, ...]] = field(init=False)
    overruled: Index[Key, Key] = field(init=False)
    ruled: Index[str, HostKey] = field(init=False)
    findings: Table[ServiceId, frozenset[Finding]] = field(init=False)
    found: Index[Key, ServiceId] = field(init=False)
    secrets: Table[SecretId, SecretRecord] = field(init=False)

    told: Mapping[str, tuple[PeerPolicy, ...]] = field(default_factory=dict)
    earlier: tuple[Mapping[str, tuple[PeerPolicy, ...]], ...] = ()
    transition: Transition | None = None

    touched_addresses: set[str] = field(default_factory=set)
    touched_workloads: set[Key] = field(default_factory=set)
    touched_services: set[ServiceId] = field(default_factory=set)
    touched_endpoints: set[ServiceId] = field(default_factory=set)
    touched_policies: set[HostKey] = field(default_factory=set)
    touched_hosts: set[str] = field(default_factory=set)
    touched_namespaces: set[str] = field(default_factory=set)
    touched_uses: set[str] = field(default_factory=set)
    touched_gateways: bool = False
    touched_secrets: set[SecretId] = field(default_factory=set)

    def __post_init__(self) -> None:
        before, mesh = self.before, self.before.mesh
        self.accepted = Table(before.accepted)
        self.in_force = Table(before.in_force)
        self.held = Table(before.held)
        self.said = Table(before.said)
        self.workloads = Table(mesh.workloads)
        self.workload_keys = Index(mesh.workload_keys)
        self.owners = Index(mesh.owners)
        self.slices = Index(mesh.slices)
        self.declared = Table(mesh.declared)
        self.declarers = Index(mesh.declarers)
        self.service_keys = Index(mesh.service_keys)
        self.written = Table(mesh.written)
        self.services = Table(mesh.services)
        self.by_hostname = Index(mesh.by_hostname)
        self.backends = Table(mesh.backends)
        self.targets = Index(mesh.targets)
        self.rule_keys = Index(mesh.rule_keys)
        self.written_policies = Table(mesh.written_policies)
        self.policies = Table(mesh.policies)
        self.rules = Table(mesh.rules)
        self.routes = Table(mesh.routes)
        self.naming = Index(mesh.naming)
        self.filed = Table(mesh.filed)
        self.ruling = Index(mesh.ruling)
        self.spoken = Index(mesh.spoken)
        self.hostnames = Index(mesh.hostnames)
        self.peers = Table(mesh.peers)
        self.overruled = Index(mesh.overruled)
        self.ruled = Index(mesh.ruled)
        self.findings = Table(mesh.findings)
        self.found = Index(mesh.found)
        self.secrets = Table(mesh.secrets)

    def changed_of(self, kinds: Iterable[str]) -> list[Key]:
        """Keys of these kinds whose accepted object changed in this pass, in a fixed order."""
        wanted = frozenset(kinds)
        return sorted(key for key in self.accepted.changed if key.kind in wanted)

    def age(self, key: Key) -> tuple[object, ...]:
        """What sorts objects from the oldest to the newest."""
        item = self.accepted.get(key) or self.accepted.was(key)
        return item.order if item is not None else ()

    def say(self, family: str, key: Key, verdicts: Iterable[Verdict]) -> None:
        """Replace what `family` has to say of `key`."""
        new = tuple(verdicts)
        if new != (self.said.get((family, key)) or ()):
            self.said.set((family, key), new or None)

    def mesh(self, base: Mesh) -> Mesh:
        """The tables frozen; what they do not cover is taken from `base`."""
        return Mesh(
            workloads=self.workloads.frozen(),
            workload_keys=self.workload_keys.frozen(),
            owners=self.owners.frozen(),
            slices=self.slices.frozen(),
            declared=self.declared.frozen(),
            declarers=self.declarers.frozen(),
            service_keys=self.service_keys.frozen(),
            written=self.written.frozen(),
            services=self.services.frozen(),
            by_hostname=self.by_hostname.frozen(),
            backends=self.backends.frozen(),
            targets=self.targets.frozen(),
            rule_keys=self.rule_keys.frozen(),
            written_policies=self.written_policies.frozen(),
            policies=self.policies.frozen(),
            wild_policies=base.wild_policies,
            rules=self.rules.frozen(),
            routes=self.routes.frozen(),
            wild_routes=base.wild_routes,
            naming=self.naming.frozen(),
            filed=self.filed.frozen(),
            ruling=self.ruling.frozen(),
            spoken=self.spoken.frozen(),
            hostnames=self.hostnames.frozen(),
            peers=self.peers.frozen(),
            told=self.told,
            earlier=self.earlier,
            overruled=self.overruled.frozen(),
            ruled=self.ruled.frozen(),
            findings=self.findings.frozen(),
            found=self.found.frozen(),
            secrets=self.secrets.frozen(),
            retained=base.retained,
            sidecars=base.sidecars,
            gateways=base.gateways,
            by_source=base.by_source,
        )
