"""A model of Envoy as an xDS client that tolerates nothing.

It shares no code with the session: it decodes the bytes with betterproto2, keeps what an Envoy
keeps (warming and active clusters, listeners that wait for their route tables, listeners that
drain), asks for what follows from that, and raises BrokenError as soon as a promise is.
"""

import warnings
from collections import Counter, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

with warnings.catch_warnings():
    # its classes use what pydantic deprecates
    warnings.simplefilter("ignore", DeprecationWarning)
    from envoy_data_plane.envoy.config.cluster.v3 import Cluster, ClusterDiscoveryType
    from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment
    from envoy_data_plane.envoy.config.listener.v3 import Listener
    from envoy_data_plane.envoy.config.route.v3 import RouteAction, RouteConfiguration
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
        HttpConnectionManager,
    )
    from envoy_data_plane.envoy.extensions.filters.network.tcp_proxy.v3 import TcpProxy
    from envoy_data_plane.envoy.service.discovery.v3 import (
        DeltaDiscoveryRequest,
        DeltaDiscoveryResponse,
        DiscoveryRequest,
        DiscoveryResponse,
    )
    from envoy_data_plane.google.rpc import Status

_TYPE = "type.googleapis.com/envoy."
CDS = _TYPE + "config.cluster.v3.Cluster"
EDS = _TYPE + "config.endpoint.v3.ClusterLoadAssignment"
LDS = _TYPE + "config.listener.v3.Listener"
RDS = _TYPE + "config.route.v3.RouteConfiguration"
TYPES = (CDS, EDS, LDS, RDS)


class BrokenError(AssertionError):
    """A promise of the control plane is broken."""


@dataclass(frozen=True)
class Known:
    """A resource as the client understands it; `content` tells two versions apart."""

    name: str
    content: bytes
    eds: bool = False
    clusters: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()


def destinations(action: RouteAction | TcpProxy) -> frozenset[str]:
    """Clusters that requests or connections go to."""
    weighted = action.weighted_clusters
    shares = [share.name for share in weighted.clusters] if weighted is not None else []
    return frozenset((*([action.cluster] if action.cluster else []), *shares))


def routed(table: RouteConfiguration) -> frozenset[str]:
    rules = [rule for host in table.virtual_hosts for rule in host.routes]
    found = [destinations(rule.route) for rule in rules if rule.route is not None]
    return frozenset().union(*found)


@lru_cache(maxsize=10_000)
def understand(type_url: str, value: bytes) -> Known:
    if type_url == CDS:
        cluster = Cluster.parse(value)
        return Known(cluster.name, value, eds=cluster.type == ClusterDiscoveryType.EDS)
    if type_url == EDS:
        return Known(ClusterLoadAssignment.parse(value).cluster_name, value)
    if type_url == RDS:
        table = RouteConfiguration.parse(value)
        return Known(table.name, value, clusters=routed(table))
    if type_url != LDS:
        raise BrokenError(f"a resource of type {type_url}")
    listener = Listener.parse(value)
    tables: set[str] = set()
    clusters: set[str] = set()
    for chain in (*listener.filter_chains, listener.default_filter_chain):
        for item in chain.filters if chain is not None else ():
            if item.typed_config.type_url.endswith("HttpConnectionManager"):
                manager = HttpConnectionManager.parse(item.typed_config.value)
                if manager.rds is not None:
                    tables.add(manager.rds.route_config_name)
                elif manager.route_config is not None:
                    clusters |= routed(manager.route_config)
            else:
                clusters |= destinations(TcpProxy.parse(item.typed_config.value))
    socket = listener.address.socket_address
    return Known(
        listener.name,
        value,
        clusters=frozenset(clusters),
        tables=frozenset(tables),
        addresses=frozenset((f"{socket.address}:{socket.port_value}",)),
    )


@dataclass
class Channel:
    """One type on one stream."""

    names: set[str] = field(default_factory=set)
    asked: bool = False
    nonce: str = ""
    version: str = ""
    fresh: Counter[str] = field(default_factory=Counter)  # how often a name may come unchanged


class StrictEnvoy:
    """The proxy. `receive` bytes, send what is in `outbox` (serialised requests)."""

    def __init__(self, *, delta: bool, drain: float = 45.0) -> None:
        self.delta = delta
        self.drain = drain
        self.outbox: deque[bytes] = deque()
        self.channels: dict[str, Channel] = {}
        self.versions: dict[str, dict[str, str]] = {type_url: {} for type_url in TYPES}
        self.warming: dict[str, Known] = {}
        self.active: dict[str, Known] = {}
        self.assignments: dict[str, Known] = {}
        self.waiting: dict[str, Known] = {}  # listeners without all their tables
        self.listeners: dict[str, Known] = {}
        self.draining: list[tuple[float, Known]] = []
        self.tables: dict[str, Known] = {}
        self.poison: set[tuple[str, bytes]] = set()
        self.names_culprit = True
        self.excused: set[str] = set()  # clusters that were refused
        self.withheld: list[bytes] = []  # acknowledgements of CDS, while a cluster warms
        self.configured = False  # clusters came once, on whatever stream
        self.initialised = False
        self.received = 0
        self.now = 0.0

    # the stream

    def connect(self, *, doubtful: Collection[str] | None = ()) -> None:
        """Open a new stream: with what it has, if it has anything.

        `doubtful` clusters may not have got their assignment, as far as the server knows. A
        server that does not remember (None) cannot know that a cluster still waits for an
        assignment that the client has already.
        """
        if doubtful is None:
            self.excused |= self.warming.keys() & self.assignments.keys()
        self.outbox.clear()
        self.withheld.clear()
        self.channels = {type_url: Channel() for type_url in TYPES}
        self.channels[EDS].fresh.update(list(doubtful or ()))
        self._ask(CDS, ())
        wanted = {name for name, known in self._clusters().items() if known.eds}
        if wanted:
            self._ask(EDS, wanted)
        if self.initialised:
            self._ask(LDS, ())
            tables = self._used_tables()
            if tables:
                self._ask(RDS, tables)

    def receive(self, message: bytes) -> None:
        self.received += 1
        if self.delta:
            delta = DeltaDiscoveryResponse.parse(message)
            type_url, nonce, gone = delta.type_url, delta.nonce, list(delta.removed_resources)
            new: dict[str, tuple[str, Known]] = {}
            for item in delta.resources:
                if item.resource is None or not item.version:
                    raise BrokenError(f"{item.name} has no version or no content")
                known = understand(item.resource.type_url, item.resource.value)
                if known.name != item.name or item.resource.type_url != type_url:
                    raise BrokenError(f"{item.name} is {known.name}")
                self._once(type_url, item.name, item.version)
                new[item.name] = (item.version, known)
        else:
            state = DiscoveryResponse.parse(message)
            type_url, nonce, gone = state.type_url, state.nonce, []
            new = {}
            for value in state.resources:
                known = understand(type_url, value.value)
                if known.content != self.understood(type_url, known.name):
                    self._once(type_url, known.name, str(hash(known.content)))
                elif type_url in (EDS, RDS):
                    self._once(type_url, known.name, self.versions[type_url].get(known.name, ""))
                new[known.name] = (str(hash(known.content)), known)
            if type_url in (CDS, LDS):
                gone = [name for name in self.versions[type_url] if name not in new]
            self.channels[type_url].version = state.version_info
        channel = self.channels.get(type_url)
        if channel is None or not channel.asked:
            raise BrokenError(f"{type_url} was not asked for")
        channel.nonce = nonce
        self.configured = self.configured or type_url == CDS
        bad = [name for name, (_, known) in new.items() if (type_url, known.content) in self.poison]
        for name in bad:
            if type_url in (CDS, EDS):
                self.excused.add(name)
        if bad:
            # what comes in a response that is refused may come again
            channel.fresh.update((*new, *gone))
            if type_url == CDS:
                # a SotW server cannot tell which clusters it sent again, so neither can we
                again = 1 if self.delta else 3
                self.channels[EDS].fresh.update(list(new) * again)
        if bad and not self.names_culprit:
            self._answer(type_url, nonce, "a field is out of range")
            return
        applied = {name: item for name, item in new.items() if name not in bad}
        self._apply(type_url, applied, [name for name in gone if name not in bad])
        error = f"Error adding/updating: {', '.join(bad)}: not good" if bad else None
        self._answer(type_url, nonce, error)
        self._follow()
        self.check()

    def _once(self, type_url: str, name: str, version: str) -> None:
        """Nothing comes that is held, but an assignment after its cluster or what was asked."""
        channel = self.channels[type_url]
        if type_url in (EDS, RDS) and name not in channel.names:
            return  # it crossed the end of the subscription
        if channel.fresh[name]:
            channel.fresh[name] -= 1
        elif self.versions[type_url].get(name) == version:
            raise BrokenError(f"{name} came twice at {version}")

    def understood(self, type_url: str, name: str) -> bytes:
        """The content that it has of this name, in force or not yet; empty for nothing."""
        if type_url == CDS:
            known = self._clusters().get(name)
        elif type_url == EDS:
            known = self.assignments.get(name)
        elif type_url == LDS:
            known = {**self.listeners, **self.waiting}.get(name)
        else:
            known = self.tables.get(name)
        return b"" if known is None else known.content

    # what an Envoy does

    def _clusters(self) -> dict[str, Known]:
        return {**self.active, **self.warming}

    def _apply(self, type_url: str, new: dict[str, tuple[str, Known]], gone: Iterable[str]) -> None:
        versions = self.versions[type_url]
        for name in gone:
            versions.pop(name, None)
            if type_url == CDS:
                self.active.pop(name, None)
                self.warming.pop(name, None)
            elif type_url == LDS:
                self.waiting.pop(name, None)
                old = self.listeners.pop(name, None)
                if old is not None:
                    self.draining.append((self.now + self.drain, old))
        for name, (version, known) in new.items():
            if type_url in (EDS, RDS) and name not in self.channels[type_url].names:
                continue
            same = versions.get(name) == version
            versions[name] = version
            if type_url == CDS:
                self._apply_cluster(known, same=same)
            elif type_url == EDS:
                self.assignments[name] = known
                if name in self.warming:
                    self.active[name] = self.warming.pop(name)
                    self.excused.discard(name)
            elif type_url == LDS:
                if not same:
                    self._apply_listener(known)
            else:
                self.tables[name] = known

    def _apply_cluster(self, known: Known, *, same: bool) -> None:
        if same and not self.delta:
            return  # Envoy drops an update that changes nothing
        if known.eds:
            self.warming[known.name] = known
            self.channels[EDS].fresh[known.name] += 1
        else:
            self.warming.pop(known.name, None)
            self.active[known.name] = known
            self.excused.discard(known.name)

    def _apply_listener(self, known: Known) -> None:
        for other in (*self.listeners.values(), *self.waiting.values()):
            if other.name != known.name and other.addresses & known.addresses:
                raise BrokenError(f"{known.name} has the address of {other.name}")
        self.waiting[known.name] = known

    def _follow(self) -> None:
        """All that follows from what came: who takes over, what is asked for, what is not."""
        for name, known in list(self.waiting.items()):
            if known.tables <= self.tables.keys():
                del self.waiting[name]
                old = self.listeners.get(name)
                if old is not None:
                    self.draining.append((self.now + self.drain, old))
                self.listeners[name] = known
        self._subscribe(EDS, {name for name, known in self._clusters().items() if known.eds})
        if not self.warming:
            self.outbox.extend(self.withheld)
            self.withheld.clear()
            if not self.initialised and self.configured:
                self.initialised = True
                self._ask(LDS, ())
        self._subscribe(RDS, self._used_tables())
        for gone in self.assignments.keys() - self.channels[EDS].names:
            del self.assignments[gone]
        for gone in self.tables.keys() - self.channels[RDS].names:
            del self.tables[gone]

    def _used_tables(self) -> set[str]:
        used = (*self.listeners.values(), *self.waiting.values(), *(d for _, d in self.draining))
        return {table for known in used for table in known.tables}

    def tick(self, now: float) -> None:
        """Time passes: listeners finish draining."""
        self.now = now
        self.draining = [(until, known) for until, known in self.draining if until > now]
        if CDS in self.channels:
            self._follow()
            self.check()

    def check(self) -> None:
        """No call that a listener accepts may find its cluster missing, or not warm."""
        for known in (*self.listeners.values(), *(d for _, d in self.draining)):
            used = set(known.clusters)
            for table in known.tables:
                if table in self.tables:
                    used |= self.tables[table].clusters
            lost = used - self.active.keys() - self.excused
            if lost:
                raise BrokenError(f"{known.name} sends to {sorted(lost)}, which it lacks")

    def give_up(self, wanted: Collection[str]) -> None:
        """The initial fetch timeout: what warms is used as it is. Only a refusal excuses it, or
        that the cluster is not `wanted` any more."""
        forgotten = (self.warming.keys() & set(wanted)) - self.excused
        if forgotten:
            raise BrokenError(f"{sorted(forgotten)} warm without assignment")
        self.active.update(self.warming)
        self.warming.clear()
        self._follow()

    # requests

    def _ask(self, type_url: str, names: Iterable[str]) -> None:
        channel = self.channels[type_url]
        channel.asked = True
        channel.names = set(names)
        channel.fresh.update(name for name in names if name not in self.versions[type_url])
        if self.delta:
            request = DeltaDiscoveryRequest(
                type_url=type_url,
                resource_names_subscribe=sorted(names),
                initial_resource_versions=dict(self.versions[type_url]),
            )
            self.outbox.append(bytes(request))
        else:
            # a SotW client brings no versions: it is told all of it again
            channel.fresh.update(self.versions[type_url].keys())
            self.outbox.append(
                bytes(DiscoveryRequest(type_url=type_url, resource_names=sorted(names)))
            )

    def _subscribe(self, type_url: str, names: set[str]) -> None:
        channel = self.channels[type_url]
        if not channel.asked:
            if names:
                self._ask(type_url, names)
            return
        added, removed = names - channel.names, channel.names - names
        if not added and not removed:
            return
        channel.names = set(names)
        channel.fresh.update(added)
        for name in removed:
            self.versions[type_url].pop(name, None)
        if self.delta:
            request = DeltaDiscoveryRequest(
                type_url=type_url,
                resource_names_subscribe=sorted(added),
                resource_names_unsubscribe=sorted(removed),
            )
            self.outbox.append(bytes(request))
        else:
            self.outbox.append(self._state(type_url, None))

    def _state(self, type_url: str, error: Status | None) -> bytes:
        channel = self.channels[type_url]
        return bytes(
            DiscoveryRequest(
                type_url=type_url,
                resource_names=sorted(channel.names),
                response_nonce=channel.nonce,
                version_info=channel.version,
                error_detail=error,
            )
        )

    def _answer(self, type_url: str, nonce: str, error: str | None) -> None:
        status = None if error is None else Status(code=13, message=error)
        if self.delta:
            answer = bytes(
                DeltaDiscoveryRequest(type_url=type_url, response_nonce=nonce, error_detail=status)
            )
        else:
            answer = self._state(type_url, status)
        if type_url == CDS and error is None and self.warming and self.initialised:
            self.withheld.append(answer)
        else:
            self.outbox.append(answer)

    # at rest

    def holds(self, type_url: str) -> dict[str, bytes]:
        """Names and contents in force; what warms or waits does not count."""
        held = {
            CDS: {name: known for name, known in self.active.items() if name not in self.warming},
            EDS: self.assignments,
            LDS: {n: known for n, known in self.listeners.items() if n not in self.waiting},
            RDS: self.tables,
        }[type_url]
        return {name: known.content for name, known in held.items()}
