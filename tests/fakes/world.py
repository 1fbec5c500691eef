"""Small worlds of real Envoy resources, for tests of what carries them.

The number of a resource is a part of its content: another number is another version.
"""

from collections.abc import Iterable
from functools import cache

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from controlplane.xds.resources import Layer, Resource, Snapshot, resource
from translators.wire import (
    ASSIGNMENT,
    CLUSTER,
    LISTENER,
    ROUTE,
    SECRET,
    Packed,
    duration,
    pack,
    serialise,
)


@cache
def cluster(name: str, number: int = 1, *, eds: bool = True) -> Resource:
    message = Cluster(name=name, connect_timeout=duration(number * 1000))
    message.type = Cluster.EDS if eds else Cluster.STRICT_DNS
    return resource(Packed(CLUSTER, name, serialise(message), needs_assignment=eds))


@cache
def assignment(name: str, number: int = 1) -> Resource:
    message = ClusterLoadAssignment(cluster_name=name)
    endpoint = message.endpoints.add().lb_endpoints.add().endpoint
    endpoint.address.socket_address.address = "127.0.0.1"
    endpoint.address.socket_address.port_value = number
    return resource(Packed(ASSIGNMENT, name, serialise(message)))


@cache
def listener(
    name: str,
    number: int = 1,
    *,
    tables: tuple[str, ...] = (),
    clusters: tuple[str, ...] = (),
    port: int = 80,
) -> Resource:
    message = Listener(name=name, stat_prefix=str(number))
    message.address.socket_address.address = "127.0.0.1"
    message.address.socket_address.port_value = port
    for table in tables:
        manager = http_connection_manager_pb2.HttpConnectionManager(stat_prefix=table)
        manager.rds.route_config_name = table
        manager.rds.config_source.ads.SetInParent()
        chain = message.filter_chains.add().filters.add(name="http")
        chain.typed_config.CopyFrom(pack(manager))
    for target in clusters:
        chain = message.filter_chains.add().filters.add(name="tcp")
        chain.typed_config.CopyFrom(pack(TcpProxy(stat_prefix=target, cluster=target)))
    return resource(
        Packed(
            LISTENER,
            name,
            serialise(message),
            clusters=frozenset(clusters),
            tables=frozenset(tables),
            addresses=frozenset((f"127.0.0.1:{port}",)),
        )
    )


@cache
def route(name: str, number: int = 1, *, clusters: tuple[str, ...] = ()) -> Resource:
    message = RouteConfiguration(name=name)
    host = message.virtual_hosts.add(name=f"host {number}", domains=["*"])
    for target in clusters:
        rule = host.routes.add()
        rule.match.prefix = "/"
        rule.route.cluster = target
    return resource(Packed(ROUTE, name, serialise(message), clusters=frozenset(clusters)))


@cache
def secret(name: str, number: int = 1) -> Resource:
    message = Secret(name=name)
    message.tls_certificate.certificate_chain.inline_string = str(number)
    return resource(Packed(SECRET, name, serialise(message)))


class World:
    """What a proxy shall hold, changed step by step; each snapshot has the next generation."""

    def __init__(self, *resources: Resource) -> None:
        self.maps: dict[str, dict[str, Resource]] = {}
        self.generation = 0
        self.put(*resources)

    def put(self, *resources: Resource) -> "World":
        for item in resources:
            # a new mapping each time: snapshots keep theirs
            self.maps[item.type_url] = {**self.maps.get(item.type_url, {}), item.name: item}
        return self

    def drop(self, type_url: str, *names: str) -> "World":
        kept = self.maps.get(type_url, {})
        self.maps[type_url] = {name: item for name, item in kept.items() if name not in names}
        return self

    def replace(self, resources: Iterable[Resource]) -> "World":
        self.maps = {}
        return self.put(*resources)

    def snapshot(self) -> Snapshot:
        self.generation += 1
        return Snapshot(self.generation, (Layer(dict(self.maps)),))
