"""RouteTable -> RouteConfiguration, spliced from virtual hosts that are packed once each.

A message is the concatenation of its fields, so a table of a thousand hosts of which one changed
is a join of bytes that exist.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from envoy.config.route.v3.route_components_pb2 import VirtualHost as WireHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from translators import names
from translators.memo import Memo
from translators.model import (
    CatchAll,
    Route,
    RouteMatch,
    RouteTable,
    Target,
    VirtualHost,
)
from translators.routes import clusters, inbound_route, outbound_route, proxyless_route
from translators.wire import NOTHING, ROUTE, VIRTUAL_HOST, Packed, serialise, varint

_MAX_BODY: Final = 1_048_576  # of a direct response, Istio's

# fields behind virtual_hosts in the order of their numbers: the bytes equal those of the message
_TAIL: Final = serialise(
    RouteConfiguration(
        validate_clusters=BoolValue(value=False),
        max_direct_response_body_size_bytes=UInt32Value(value=_MAX_BODY),
        ignore_port_in_host_matching=True,
    )
)
_HOST_TAG: Final = bytes([RouteConfiguration.VIRTUAL_HOSTS_FIELD_NUMBER << 3 | 2])


@dataclass(frozen=True, slots=True, eq=False)
class PackedHost(Packed):
    """A virtual host: `frame` is what stands before its bytes inside a RouteConfiguration.

    `domains` are in lower case, as Envoy compares them.
    """

    frame: bytes = b""
    domains: frozenset[str] = NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class PackedTable(Packed):
    """A route table, and the hosts it was spliced from: they live as long as it does."""

    hosts: tuple[PackedHost, ...] = ()
    disjoint: bool = True  # whether no domain was dropped


def translate(table: RouteTable, /, *, memo: Memo, before: Packed | None = None) -> PackedTable:
    """`before` is the packed table that stood in its place, if any: it saves looking up."""
    held = before if isinstance(before, PackedTable) else None
    hosts = _hosts(table, memo, held)
    disjoint = _same_domains(hosts, held) or _disjoint(hosts)
    sent = hosts if disjoint else _first_wins(hosts)
    head = serialise(RouteConfiguration(name=table.name))
    parts = [head]
    for host in sent:
        parts += (host.frame, host.value)
    parts.append(_TAIL)
    # the tail is the same in every table; a host's digest stands for its bytes
    content = sha256(b"".join([head, *[host.digest for host in sent]]))
    return PackedTable(
        type_url=ROUTE,
        name=table.name,
        value=b"".join(parts),
        clusters=NOTHING.union(*[host.clusters for host in sent]),
        digest=content.digest(),
        unit=table,
        hosts=hosts,
        disjoint=disjoint,
    )


def pack_host(host: VirtualHost) -> PackedHost:
    wire = WireHost(
        name=host.name,
        domains=host.domains,
        routes=map(proxyless_route if host.proxyless else outbound_route, host.routes),
        # Istio counts the attempts of requests that go somewhere
        include_request_attempt_count=bool(host.routes),
        require_tls=WireHost.ALL if host.redirected else WireHost.NONE,
    )
    return _packed(host, wire)


def inline(table: RouteTable) -> RouteConfiguration:
    """The table of an inbound port, which stands in its listener."""
    return RouteConfiguration(
        name=table.name,
        validate_clusters=BoolValue(value=False),
        virtual_hosts=[
            WireHost(name=host.name, domains=host.domains, routes=map(inbound_route, host.routes))
            for host in table.hosts.values()
        ],
    )


def inline_clusters(table: RouteTable) -> frozenset[str]:
    return NOTHING.union(
        *(clusters(route) for host in table.hosts.values() for route in host.routes)
    )


def duplicate_domains(table: RouteTable) -> tuple[tuple[str, str, str], ...]:
    """(domain, host that has it, host that loses it): Envoy refuses a table for any of these."""
    owners: dict[str, str] = {}
    lost: list[tuple[str, str, str]] = []
    for host in (*table.hosts.values(), *_catch_all(table.catch_all)):
        for domain in host.domains:
            owner = owners.setdefault(domain.lower(), host.name)
            if owner != host.name:
                lost.append((domain, owner, host.name))
    return tuple(lost)


def _hosts(table: RouteTable, memo: Memo, held: PackedTable | None) -> tuple[PackedHost, ...]:
    units = [*table.hosts.values(), *_catch_all(table.catch_all)]
    if held is None or len(held.hosts) != len(units):
        return tuple([memo.packed(unit, pack_host) for unit in units])
    return tuple(
        [
            packed if packed.unit is unit else memo.packed(unit, pack_host)
            for packed, unit in zip(held.hosts, units, strict=True)
        ]
    )


def _same_domains(hosts: Sequence[PackedHost], held: PackedTable | None) -> bool:
    """Whether the domains, known to be disjoint in `held`, are those of `held`."""
    if held is None or not held.disjoint or len(held.hosts) != len(hosts):
        return False
    return all(
        new is old or new.domains == old.domains for new, old in zip(hosts, held.hosts, strict=True)
    )


def _disjoint(hosts: Sequence[PackedHost]) -> bool:
    """Whether Envoy takes the hosts as they are: each has domains, and no domain is there twice."""
    counts = [len(host.unit.domains) for host in hosts if isinstance(host.unit, VirtualHost)]
    return all(counts) and len(NOTHING.union(*[host.domains for host in hosts])) == sum(counts)


def _first_wins(hosts: Iterable[PackedHost]) -> list[PackedHost]:
    """Hosts without the domains that an earlier one has; a host left with none is dropped."""
    taken: set[str] = set()
    sent: list[PackedHost] = []
    for packed in hosts:
        host = packed.unit
        if not isinstance(host, VirtualHost):
            continue
        kept: dict[str, str] = {}
        for domain in host.domains:
            if domain.lower() not in taken:
                kept.setdefault(domain.lower(), domain)
        taken |= kept.keys()
        if kept and len(kept) == len(host.domains):
            sent.append(packed)
        elif kept:
            sent.append(_narrowed(packed, host, tuple(kept.values())))
    return sent


def _narrowed(packed: PackedHost, host: VirtualHost, domains: tuple[str, ...]) -> PackedHost:
    wire = WireHost.FromString(packed.value)
    del wire.domains[:]
    wire.domains.extend(domains)
    return _packed(replace(host, domains=domains), wire)


def _packed(host: VirtualHost, wire: WireHost) -> PackedHost:
    value = serialise(wire)
    return PackedHost(
        type_url=VIRTUAL_HOST,
        name=host.name,
        value=value,
        clusters=NOTHING.union(*map(clusters, host.routes)),
        digest=sha256(value).digest(),
        unit=host,
        frame=_HOST_TAG + varint(len(value)),
        domains=frozenset(domain.lower() for domain in host.domains),
    )


_EVERYTHING: Final = RouteMatch()
_ALLOW_ANY: Final = VirtualHost(
    name=names.ALLOW_ANY,
    domains=("*",),
    routes=(
        Route(
            match=_EVERYTHING,
            targets=(Target(names.PASSTHROUGH_CLUSTER),),
            name=names.ALLOW_ANY,
        ),
    ),
)
_BLOCK_ALL: Final = VirtualHost(
    name=names.BLOCK_ALL,
    domains=("*",),
    routes=(Route(match=_EVERYTHING, targets=(), name=names.BLOCK_ALL),),
)


def _catch_all(catch_all: CatchAll) -> tuple[VirtualHost, ...]:
    match catch_all:
        case CatchAll.ALLOW_ANY:
            return (_ALLOW_ANY,)
        case CatchAll.BLOCK_ALL:
            return (_BLOCK_ALL,)
    return ()
