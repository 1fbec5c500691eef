"""The route tables of a group of sidecars: one for each port, in a fixed order of hosts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

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
    for port in ports & found.keys():  # other ports are routed by no listener
        hosts = dict(found[port])
        for _, after in pairs:
            host = after.hosts.get(port) if after is not None else None
            if host is not None and host.name in hosts:
                hosts[host.name] = host
        found[port] = hosts
    return found, frozenset(ports & found.keys())


def detected(viewer: Viewer, id: ServiceId, part: Contribution) -> Iterator[RouteTable]:
    """The tables of ports of a service whose protocol is detected, where some listener asks."""
    for name, made in part.tables.items():
        if viewer.captured and routed(viewer.scope, id, int(name.rpartition(":")[2])):
            yield made


def _differ(old: Mapping[int, VirtualHost], new: Mapping[int, VirtualHost], port: int) -> bool:
    return old.get(port) is not new.get(port)


def tables_of(
    viewer: Viewer, hosts: Hosts, before: Tables | None, ports: Iterable[int] | None
) -> Tables:
    """The table of each port that some host is routed on, and of each listener that the Sidecar
    opens. With `before`, the tables of the last time, only those of `ports` are made."""
    catch_all = CatchAll.ALLOW_ANY if allows_any(viewer.scope) else CatchAll.BLOCK_ALL
    ports_opened = opened(viewer.scope) or set()
    found = dict(before or {})
    for port in hosts.keys() | ports_opened if ports is None else ports:
        if port in hosts:
            found[str(port)] = RouteTable(str(port), hosts[port], catch_all)
        elif port in ports_opened:
            found[str(port)] = RouteTable(str(port), {}, catch_all)
        else:
            found.pop(str(port), None)
    return dict(sorted(found.items()))
