"""What a group of sidecars sends to: outbound clusters, listeners and route tables."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from controlplane.convergence.contributions import Contribution, Viewer, bare_host, contribution
from controlplane.convergence.egress import allows_any, takes
from controlplane.convergence.endpoints import still_there
from controlplane.convergence.hosts import covers, exported
from controlplane.convergence.listeners import listeners_of
from controlplane.convergence.records import ServiceId
from controlplane.convergence.tables import tables_of
from controlplane.convergence.world import Touched, World
from translators.builtin import BLACK_HOLE, PASSTHROUGH
from translators.model import EMPTY_VIEW, Assignment, Cluster, View, VirtualHost

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
    parts: Mapping[ServiceId, Contribution]
    visible: frozenset[ServiceId] | None = None
    retired: Mapping[str, Assignment] = field(default_factory=dict)
    shown: View = EMPTY_VIEW


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
    old_parts = before.parts if before is not None and not rebuild else {}
    old_view = before.view if before is not None and not rebuild else None
    view = _view(viewer, parts, old_parts, old_view)
    retired = _retired(world, view, before, in_use=in_use)
    if retired:
        shown = replace(view, assignments={**retired, **view.assignments})
    elif before is not None and before.view is view and not before.retired:
        shown = before.shown
    else:
        shown = view
    return Outbound(viewer, view, parts, visible, retired, shown)


def _retired(
    world: World, view: View, before: Outbound | None, *, in_use: frozenset[str]
) -> Mapping[str, Assignment]:
    """Assignments of clusters that are gone, with those of their endpoints that are still there:
    a proxy may run such a cluster until its old listeners have drained."""
    if before is None:
        return {}
    gone = dict(before.retired)
    if before.view.assignments is not view.assignments:
        gone |= {n: a for n, a in before.view.assignments.items() if n not in view.assignments}
    found: dict[str, Assignment] = {}
    for name, assignment in gone.items():
        if name in view.assignments or (name in before.retired and name not in in_use):
            continue
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
    for host in list(hosts):
        for rules in world.mesh.routes.get(host, ()):
            for rule in rules.rules:
                for destination in rule.destinations:
                    found |= world.mesh.by_hostname.get(destination.host, frozenset())
    return frozenset(found)


def _view(
    viewer: Viewer,
    parts: Mapping[ServiceId, Contribution],
    old_parts: Mapping[ServiceId, Contribution],
    old: View | None,
) -> View:
    """`parts` put together; mappings that nothing changed are those of `old`."""
    if old is None:
        clusters: dict[str, Cluster] = {}
        assignments: dict[str, Assignment] = {}
        for part in parts.values():
            clusters |= part.clusters
            assignments |= part.assignments
        clusters |= _builtin(viewer)
        return View(
            clusters=clusters,
            assignments=assignments,
            listeners=listeners_of(viewer, parts) if viewer.routed else {},
            tables=tables_of(viewer, parts, None, None) if viewer.routed else {},
        )
    changed = [
        id for id in old_parts.keys() | parts.keys() if old_parts.get(id) is not parts.get(id)
    ]
    if not changed:
        return old
    pairs = [(old_parts.get(id), parts.get(id)) for id in sorted(changed)]
    ports: set[int] = set()
    for before, after in pairs:
        ports |= _changed_ports(before, after)
    moved = any(
        (before.service if before else None) is not (after.service if after else None)
        or (before is None) != (after is None)
        for before, after in pairs
    )
    return View(
        clusters=_patched(
            old.clusters, [(b.clusters if b else {}, a.clusters if a else {}) for b, a in pairs]
        ),
        assignments=_patched(
            old.assignments,
            [(b.assignments if b else {}, a.assignments if a else {}) for b, a in pairs],
        ),
        listeners=listeners_of(viewer, parts) if moved and viewer.routed else old.listeners,
        tables=tables_of(viewer, parts, old.tables, ports) if ports else old.tables,
    )


def _changed_ports(before: Contribution | None, after: Contribution | None) -> set[int]:
    old: Mapping[int, VirtualHost] = before.hosts if before else {}
    new: Mapping[int, VirtualHost] = after.hosts if after else {}
    return {port for port in old.keys() | new.keys() if old.get(port) is not new.get(port)}


def _patched(
    old: Mapping[str, V], pairs: Iterable[tuple[Mapping[str, V], Mapping[str, V]]]
) -> Mapping[str, V]:
    found: dict[str, V] | None = None
    for before, after in pairs:
        if before is after:
            continue
        found = dict(old) if found is None else found
        for name in before:
            if name not in after:
                found.pop(name, None)
        found |= after
    return old if found is None else found


def _builtin(viewer: Viewer) -> dict[str, Cluster]:
    found = {BLACK_HOLE.name: BLACK_HOLE}
    if viewer.routed and (viewer.captured or allows_any(viewer.scope)):
        found[PASSTHROUGH.name] = PASSTHROUGH
    return found
