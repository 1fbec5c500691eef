"""The route tables of a group of sidecars: one for each port, in a fixed order of hosts."""

from collections.abc import Mapping
from dataclasses import replace

from controlplane.convergence.contributions import Contribution, Viewer
from controlplane.convergence.egress import allows_any, opened, routed
from controlplane.convergence.records import ServiceId
from translators.model import CatchAll, RouteTable, VirtualHost


def tables_of(
    viewer: Viewer,
    parts: Mapping[ServiceId, Contribution],
    old: Mapping[str, RouteTable] | None,
    ports: set[int] | None,
) -> Mapping[str, RouteTable]:
    """The table of each port that some host is routed on, and of each listener that the Sidecar
    opens; only those of `ports` are made again."""
    catch_all = CatchAll.ALLOW_ANY if allows_any(viewer.scope) else CatchAll.BLOCK_ALL
    ports_opened = opened(viewer.scope)
    hosts: dict[int, dict[str, VirtualHost]] = {}
    for id, part in parts.items():
        for port, host in part.hosts.items():
            if ports is None or port in ports:
                if not routed(viewer.scope, id, port):
                    continue
                hosts.setdefault(port, {})[host.name] = host
    found = dict(old or {})
    for port in ports if ports is not None else hosts.keys():
        if port in hosts:
            sorted_hosts = dict(sorted(hosts[port].items()))
            found[str(port)] = RouteTable(str(port), distinct(sorted_hosts), catch_all)
        elif ports_opened is None or port not in ports_opened:
            found.pop(str(port), None)
        else:
            found[str(port)] = RouteTable(str(port), {}, catch_all)
    for port in ports_opened or ():
        found.setdefault(str(port), RouteTable(str(port), {}, catch_all))
    return dict(sorted(found.items()))


def distinct(hosts: dict[str, VirtualHost]) -> dict[str, VirtualHost]:
    """No domain twice: the first keeps it (Istio's rule). Envoy refuses a table otherwise."""
    seen: set[str] = set()
    found = hosts
    for name, host in hosts.items():
        if seen.isdisjoint(host.domains):
            seen.update(host.domains)
            continue
        left = tuple(d for d in host.domains if d not in seen)
        seen.update(left)
        found = dict(found) if found is hosts else found
        if left:
            found[name] = replace(host, domains=left)
        else:
            del found[name]
    return found
