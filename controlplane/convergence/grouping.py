"""Where a proxy stands in the mesh: which group's view it shares, and what is its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.convergence import inbound, outbound, proxyless, router, scopes, serving
from controlplane.convergence.contributions import Viewer
from controlplane.convergence.gateways import Routing
from controlplane.convergence.inbound import Inbound
from controlplane.convergence.outbound import Outbound
from controlplane.convergence.proxyless import Client, Proxyless
from controlplane.convergence.router import Routed
from controlplane.convergence.serving import Serving
from controlplane.convergence.world import Mesh, World
from controlplane.kinds import Key
from translators.model import EMPTY_VIEW, Interception, Proxy, ProxyType, View, Workload

Shared = Viewer | Routing | Client
Built = Outbound | Routed | Proxyless
GRPC = "grpc"  # the generator that gRPC clients ask for


@dataclass(frozen=True, slots=True)
class Place:
    """`shared` is equal for all proxies of a group; `own` for replicas of one workload, but for
    gRPC servers, which are known by their addresses."""

    shared: Shared
    own: Inbound | Serving | None


def workload_of(mesh: Mesh, proxy: Proxy) -> Workload | None:
    """The Pod or WorkloadEntry that `proxy` belongs to: by namespace and name, else by address."""
    for kind in ("Pod", "WorkloadEntry"):
        found = mesh.workloads.get(Key(kind, proxy.namespace, proxy.name))
        if found is not None:
            return found
    for address in proxy.ips:
        for key in sorted(mesh.owners.get(address, ())):
            if key.namespace == proxy.namespace:
                return mesh.workloads[key]
    return None


def labels_of(mesh: Mesh, proxy: Proxy) -> Mapping[str, str]:
    """What is written of the workload wins over what the proxy says of itself."""
    workload = workload_of(mesh, proxy)
    return proxy.labels if workload is None else workload.labels


def place(world: World, proxy: Proxy) -> Place:
    mesh = world.mesh
    labels = labels_of(mesh, proxy)
    if proxy.type is ProxyType.ROUTER:
        return Place(router.routing_of(mesh, proxy, labels), None)
    captured = proxy.interception is not Interception.NONE and proxy.generator != GRPC
    scope = scopes.of_proxy(
        mesh.sidecars, proxy.namespace, labels, root=world.options.root_namespace
    )
    viewer = Viewer(
        namespace=proxy.namespace,
        dns_domain=proxy.dns_domain,
        scope=scope,
        captured=captured,
        labels=tuple(sorted(labels.items())) if mesh.by_source else (),
        secrets=proxy.secrets,
        proxyless=proxy.generator == GRPC,
    )
    if proxy.generator == GRPC:
        return Place(Client(viewer), serving.serving_of(world, proxy, labels))
    return Place(viewer, inbound.inbound_of(world, proxy, scope, labels, captured=captured))


def build(
    world: World, shared: Shared, before: Built | None, *, in_use: frozenset[str] = frozenset()
) -> Built:
    """The view that a group shares; `before` is that of the World before."""
    match shared:
        case Viewer():
            old = before if isinstance(before, Outbound) else None
            return outbound.build(world, shared, old, in_use=in_use)
        case Routing():
            routed = before if isinstance(before, Routed) else None
            return router.build(world, shared, routed, in_use=in_use)
        case Client():
            client = before if isinstance(before, Proxyless) else None
            return proxyless.build(world, shared, client, in_use=in_use)


def shared_view(built: Built) -> View:
    return built.shown if isinstance(built, Outbound) else built.view


def own_view(own: Inbound | Serving | None) -> View:
    match own:
        case Inbound():
            return inbound.build(own)
        case Serving():
            return serving.build(own)
    return EMPTY_VIEW


def left_out(built: Built) -> tuple[str, ...]:
    """What is written for the group and cannot be served: servers whose Secret is missing."""
    return built.held if isinstance(built, Routed) else ()


def retired(built: Built) -> frozenset[str]:
    """Assignments that are only there for proxies that still run a cluster that is gone."""
    upstream = built if isinstance(built, Outbound) else built.outbound
    return frozenset(upstream.retired)
