"""What a group of sidecars sends to: outbound clusters, listeners and route tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from controlplane.convergence.assembly import Hosts, patched, whole
from controlplane.convergence.contributions import (
    Contribution,
    Viewer,
    bare_host,
    contribution,
    rules_for,
)
from controlplane.convergence.egress import takes
from controlplane.convergence.endpoints import still_there
from controlplane.convergence.hosts import covers, exported
from controlplane.convergence.records import MESH, ServiceId
from controlplane.convergence.world import Touched, World
from translators.model import Assignment, View

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, eq=False)
class Outbound:
    """The view of one group, and the parts that it was put together from.

    `retired` are assignments of clusters that are gone from the view, for proxies that still run
    them while their listeners drain.
    """

    viewer: Viewer
    view: View
    hosts: Hosts
    parts: Mapping[ServiceId, Contribution]
    visible: frozenset[ServiceId] | None = None
    retired: Mapping[str, Assignment] = field(default_factory=dict)

    @property
    def shown(self) -> View:
        """The view, and what is retired beside it."""
        if not self.retired:
            return self.view
        return replace(
            self.view,
            assignments={**self.retired, **self.view.assignments},
            mark=object(),
            changes=None,
        )


def build(
    world: World, viewer: Viewer, before: Outbound | None, *, in_use: frozenset[str]
) -> Outbound:
    """The outbound view of `viewer`. With `before`, which must be of the World before, only what
    `world.touched` names is looked at.

    in_use  names of retired assignments that some proxy still asks for
    """
    rebuild = before is None or before.viewer != viewer
    if rebuild or _scope_moved(world.touched, viewer):
        visible = _visible(world, viewer)
    else:
        assert before is not None
        visible = before.visible
    if rebuild:
        old = before.parts if before is not None else {}
        parts: dict[ServiceId, Contribution] = {}
        affected = dict.fromkeys(_everything(world, viewer, visible))
    else:
        assert before is not None
        old, parts = before.parts, dict(before.parts)
        affected = dict.fromkeys(_affected(world))
        if visible != before.visible:
            affected |= dict.fromkeys((visible or frozenset()) ^ (before.visible or frozenset()))
    for id in affected:
        part = _part(world, id, viewer) if _seen(world, id, viewer, visible) else None
        if part is None:
            parts.pop(id, None)
        else:
            parts[id] = _same(old.get(id), part)
    if rebuild or before is None:
        view, hosts = whole(viewer, parts)
        gone = before.view.assignments if before is not None else {}
    else:
        pairs = [(b, parts.get(id)) for id in affected if (b := old.get(id)) is not parts.get(id)]
        if not pairs and not before.retired:
            return Outbound(viewer, before.view, before.hosts, before.parts, visible)
        view, hosts = patched(viewer, parts, pairs, before.view, before.hosts)
        gone = {name: a for b, _ in pairs if b is not None for name, a in b.assignments.items()}
    gone = {**(before.retired if before is not None else {}), **gone}
    kept = {n: a for n, a in gone.items() if n not in view.assignments}
    if before is not None:
        kept = {n: a for n, a in kept.items() if n not in before.retired or n in in_use}
    return Outbound(viewer, view, hosts, parts, visible, _living(world, kept))


def _living(world: World, assignments: Mapping[str, Assignment]) -> Mapping[str, Assignment]:
    """`assignments` with those of their endpoints that are still there."""
    found: dict[str, Assignment] = {}
    for name, assignment in assignments.items():
        left = still_there(world.mesh, assignment.endpoints)
        same = len(left) == len(assignment.endpoints)
        found[name] = assignment if same else Assignment(name, left)
    return found


def _scope_moved(touched: Touched, viewer: Viewer) -> bool:
    """Whether the set of services that are seen may differ: with egress hosts given, routes
    import their destinations."""
    if viewer.scope is None or not viewer.scope.egress:
        return False
    return bool(touched.hosts or touched.services)


def _same(old: Contribution | None, new: Contribution) -> Contribution:
    """`old` when every value in it is the same object."""
    if old is None or old.service is not new.service:
        return new
    if not (
        _equal(old.clusters, new.clusters)
        and _equal(old.assignments, new.assignments)
        and _equal(old.hosts, new.hosts)
        and _equal(old.tables, new.tables)
    ):
        return new
    return old


def _equal(old: Mapping[K, V], new: Mapping[K, V]) -> bool:
    return old is new or (
        len(old) == len(new) and all(old.get(k) is value for k, value in new.items())
    )


def _affected(world: World) -> set[ServiceId]:
    """What the touched objects may have changed, bare hosts included."""
    touched, mesh = world.touched, world.mesh
    found = set(touched.services | touched.endpoints)
    hosts = set(touched.hosts)
    for id in touched.services:
        # services that share a VirtualService are routed on each other's ports
        for rules in mesh.routes.get(id.hostname, ()):
            if len(rules.hosts) > 1:
                hosts |= set(rules.hosts)
        hosts.add(id.hostname)
    for host in hosts:
        found.add(ServiceId(host, ""))
        if host.startswith("*"):
            found |= {id for id in mesh.services if covers(host, id.hostname)}
        else:
            found |= mesh.by_hostname.get(host, frozenset())
    return found


def _part(world: World, id: ServiceId, viewer: Viewer) -> Contribution | None:
    if id.namespace:
        return contribution(world, id, viewer)
    if world.mesh.by_hostname.get(id.hostname):
        return None
    return bare_host(world, id.hostname, viewer)


def _everything(
    world: World, viewer: Viewer, visible: frozenset[ServiceId] | None
) -> Iterator[ServiceId]:
    ids = world.mesh.services if visible is None else sorted(visible)
    for id in ids:
        if _seen(world, id, viewer, visible):
            yield id
    if viewer.routed:
        for host in world.mesh.routes:
            yield ServiceId(host, "")


def _seen(
    world: World, id: ServiceId, viewer: Viewer, visible: frozenset[ServiceId] | None
) -> bool:
    if not id.namespace:
        return viewer.routed and (visible is None or _host_wanted(viewer, id.hostname))
    if visible is not None and id not in visible:
        return False
    record = world.mesh.services.get(id)
    return record is not None and exported(
        record.service.export_to, owner=id.namespace, viewer=viewer.namespace
    )


def _host_wanted(viewer: Viewer, host: str) -> bool:
    """Whether a host without a service is asked for by the Sidecar."""
    if viewer.scope is None:
        return True
    return any(covers(pattern, host) for e in viewer.scope.egress for _, pattern in e.hosts)


def _visible(world: World, viewer: Viewer) -> frozenset[ServiceId] | None:
    """The services that the Sidecar lets its workloads see; None: all that are exported. Where
    routes lead is seen with them, also when it is not listed."""
    scope = viewer.scope
    if scope is None or not scope.egress:
        return None
    found: set[ServiceId] = set()
    for id in world.mesh.services:
        if any(takes(e, id) for e in scope.egress):
            found.add(id)
    hosts = {id.hostname for id in found}
    for host in hosts:
        rules = rules_for(world.mesh, host, gateway=MESH, namespace=viewer.namespace)
        for rule in rules.rules if rules is not None else ():
            for destination in rule.destinations:
                found |= world.mesh.by_hostname.get(destination.host, frozenset())
    return frozenset(found)
