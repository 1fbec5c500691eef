"""Contributions put together into one view, as a whole or where they changed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from controlplane.convergence.contributions import Contribution, Viewer
from controlplane.convergence.egress import allows_any
from controlplane.convergence.listeners import listeners_of
from controlplane.convergence.records import ServiceId
from controlplane.convergence.tables import (
    Tables,
    detected,
    hosts_of,
    patched_hosts,
    tables_of,
)
from translators.builtin import BLACK_HOLE, PASSTHROUGH
from translators.model import Assignment, Changes, Cluster, View, VirtualHost

Parts = Mapping[ServiceId, Contribution]
Pair = tuple[Contribution | None, Contribution | None]  # one service's before and after
# virtual hosts by port and name, as they were contributed
Hosts = Mapping[int, Mapping[str, VirtualHost]]

V = TypeVar("V")
_NOTHING = Contribution(None)


def whole(viewer: Viewer, parts: Parts) -> tuple[View, Hosts]:
    """The view of all `parts`."""
    clusters: dict[str, Cluster] = {}
    assignments: dict[str, Assignment] = {}
    for part in parts.values():
        clusters |= part.clusters
        assignments |= part.assignments
    clusters |= _builtin(viewer)
    if not viewer.routed:
        return View(clusters=clusters, assignments=assignments), {}
    hosts = hosts_of(viewer, parts)
    found = {t.name: t for id, part in parts.items() for t in detected(viewer, id, part)}
    view = View(
        clusters=clusters,
        assignments=assignments,
        listeners=listeners_of(viewer, parts),
        tables=dict(sorted({**tables_of(viewer, hosts, None, None), **found}.items())),
    )
    return view, hosts


def patched(
    viewer: Viewer, parts: Parts, pairs: Sequence[Pair], old: View, old_hosts: Hosts
) -> tuple[View, Hosts]:
    """`old` with the pieces of `pairs` exchanged; what they do not touch is the same object."""
    full = [(before or _NOTHING, after or _NOTHING) for before, after in pairs]
    clusters, cluster_names = _exchanged(old.clusters, [(b.clusters, a.clusters) for b, a in full])
    assignments, assignment_names = _exchanged(
        old.assignments, [(b.assignments, a.assignments) for b, a in full]
    )
    hosts, listeners, tables = old_hosts, old.listeners, old.tables
    if viewer.routed:
        hosts, ports = patched_hosts(viewer, old_hosts, pairs, parts)
        if any(b.service is not a.service or b.hosts.keys() != a.hosts.keys() for b, a in full):
            listeners = listeners_of(viewer, parts)
        if ports:
            tables = tables_of(viewer, hosts, old.tables, ports)
        if any(b.tables is not a.tables and (b.tables or a.tables) for b, a in full):
            tables = _with_detected(viewer, tables, pairs)
    view = View(
        clusters=clusters,
        assignments=assignments,
        listeners=listeners,
        tables=tables,
        changes=Changes(
            since=old.mark,
            clusters=cluster_names,
            assignments=assignment_names,
            listeners=_differing(old.listeners, listeners),
            tables=_differing(old.tables, tables),
        ),
    )
    return view, hosts


def _with_detected(viewer: Viewer, tables: Tables, pairs: Sequence[Pair]) -> Tables:
    """`tables` with those exchanged that services on ports of a detected protocol have."""
    found = dict(tables)
    for before, after in pairs:
        for name in before.tables if before is not None else ():
            found.pop(name, None)
        if after is not None and after.service is not None:
            id = ServiceId(after.service.hostname, after.service.namespace)
            found |= {made.name: made for made in detected(viewer, id, after)}
    return dict(sorted(found.items()))


def _differing(old: Mapping[str, V], new: Mapping[str, V]) -> frozenset[str]:
    if old is new:
        return frozenset()
    return frozenset(n for n in old.keys() | new.keys() if old.get(n) is not new.get(n))


def _exchanged(
    old: Mapping[str, V], pairs: Iterable[tuple[Mapping[str, V], Mapping[str, V]]]
) -> tuple[Mapping[str, V], frozenset[str]]:
    """`old` with each pair's names exchanged, and the names that differ."""
    found: dict[str, V] | None = None
    changed: set[str] = set()
    for before, after in pairs:
        if before is after:
            continue
        found = dict(old) if found is None else found
        for name in before:
            if name not in after:
                found.pop(name, None)
                changed.add(name)
        for name, value in after.items():
            if before.get(name) is not value:
                found[name] = value
                changed.add(name)
    return (old if found is None else found), frozenset(changed)


def _builtin(viewer: Viewer) -> dict[str, Cluster]:
    found = {BLACK_HOLE.name: BLACK_HOLE}
    if viewer.routed and (viewer.captured or allows_any(viewer.scope)):
        found[PASSTHROUGH.name] = PASSTHROUGH
    return found
