"""The route tables of a group of sidecars: one for each port, in a fixed order of hosts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from controlplane.convergence.contributions import Contribution, Viewer
from controlplane.convergence.egress import allows_any, opened, routed
from controlplane.convergence.records import ServiceId
from translators.model import CatchAll, RouteTable, VirtualHost

Hosts = Mapping[int, Mapping[str, VirtualHost]]
Tables = Mapping[str, RouteTable]


def hosts_of(viewer: Viewer, parts: Mapping[ServiceId, Contribution]) -> Hosts:
    """All virtual hosts by the port that they are routed on, sorted by name."""
    found: dict[int, dict[str, VirtualHost]] = {}
    for id, part in parts.items():
        for port, host in part.hosts.items():
            if routed(viewer.scope, id, port):
                found.setdefault(port, {})[host.name] = host
    return {port: dict(sorted(hosts.items())) for port, hosts in found.items()}


def patched_hosts(
    viewer: Viewer,
    old: Hosts,
    pairs: Sequence[tuple[Contribution | None, Contribution | None]],
    parts: Mapping[ServiceId, Contribution],
) -> tuple[Hosts, frozenset[int]]:
    """`old` with the hosts of `pairs` exchanged, and the ports that this touched."""
    ports: set[int] = set()
    moved = False
    for before, after in pairs:
        old_hosts: Mapping[int, VirtualHost] = before.hosts if before else {}
        new_hosts: Mapping[int, VirtualHost] = after.hosts if after else {}
        moved |= old_hosts.keys() != new_hosts.keys()
        ports |= {
            p for p in old_hosts.keys() | new_hosts.keys() if _differ(old_hosts, new_hosts, p)
        }
    if moved:
        # hosts came or went: who is routed where is asked again
        return hosts_of(viewer, parts), frozenset(ports)
    if not ports:
        return old, frozenset()
    found = dict(old)
    for port in ports:
        hosts = dict(found.get(port, {}))
        for _, after in pairs:
            host = after.hosts.get(port) if after is not None else None
            if host is not None and host.name in hosts:
                hosts[host.name] = host
        found[port] = hosts
    return found, frozenset(ports)


def _differ(old: Mapping[int, VirtualHost], new: Mapping[int, VirtualHost], port: int) -> bool:
    return old.get(port) is not new.get(port)


def tables_of(
    viewer: Viewer, hosts: Hosts, before: tuple[Tables, Hosts] | None, ports: Iterable[int] | None
) -> Tables:
    """The table of each port that some host is routed on, and of each listener that the Sidecar
    opens. With `before`, the tables and hosts of the last time, only those of `ports` are made."""
    catch_all = CatchAll.ALLOW_ANY if allows_any(viewer.scope) else CatchAll.BLOCK_ALL
    ports_opened = opened(viewer.scope) or set()
    tables, old = before if before is not None else ({}, {})
    found = dict(tables)
    for port in hosts.keys() | ports_opened if ports is None else ports:
        if port in hosts:
            known = (tables.get(str(port)), old.get(port))
            found[str(port)] = RouteTable(str(port), _unique(hosts[port], *known), catch_all)
        elif port in ports_opened:
            found[str(port)] = RouteTable(str(port), {}, catch_all)
        else:
            found.pop(str(port), None)
    return dict(sorted(found.items()))


def _unique(
    hosts: Mapping[str, VirtualHost],
    table: RouteTable | None,
    old: Mapping[str, VirtualHost] | None,
) -> Mapping[str, VirtualHost]:
    """distinct(), spared where no domain changed and none was in doubt before."""
    if (
        table is not None
        and table.hosts is old
        and len(old) == len(hosts)
        and all(
            (known := old.get(name)) is host
            or (known is not None and known.domains == host.domains)
            for name, host in hosts.items()
        )
    ):
        return hosts
    return distinct(hosts)


def distinct(hosts: Mapping[str, VirtualHost]) -> Mapping[str, VirtualHost]:
    """No domain twice: the first keeps it (Istio's rule). Envoy refuses a table otherwise."""
    seen: set[str] = set()
    found: dict[str, VirtualHost] | None = None
    for name, host in hosts.items():
        if seen.isdisjoint(host.domains):
            seen.update(host.domains)
            continue
        left = tuple(d for d in host.domains if d not in seen)
        seen.update(left)
        found = dict(hosts) if found is None else found
        if left:
            found[name] = replace(host, domains=left)
        else:
            del found[name]
    return hosts if found is None else found
