"""A real Envoy takes what the translators make, and routes by it."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.fakes.envoy import Envoy, EnvoyError, envoy, validate
from tests.fakes.fixed_ads import FixedAds, fixed_ads
from tests.translators.listeners import LISTENERS, inbound_routes
from tests.translators.recorded_tables import TABLES
from tests.translators.tables import EXACT, PREFIX, header, headers, uri
from tests.translators.test_cds import CASES as CLUSTERS
from tests.translators.test_eds import CASES as ENDPOINTS
from translators import Memo, Translated, builtin, names, translate
from translators.bootstrap import Places, bootstrap, node_id
from translators.model import (
    Assignment,
    CatchAll,
    Cluster,
    ConnectionPool,
    Direction,
    Discovery,
    Endpoint,
    FilterChain,
    HeaderOperations,
    HttpConnection,
    Listener,
    LoadBalancer,
    Protocol,
    Proxy,
    ProxyType,
    Rewrite,
    Route,
    RouteMatch,
    RouteTable,
    Target,
    TcpForward,
    TcpKeepalive,
    TrafficPolicy,
    View,
    VirtualHost,
)

pytestmark = pytest.mark.e2e

EVERYTHING = RouteMatch()


def proxy(kind: ProxyType = ProxyType.SIDECAR) -> Proxy:
    return Proxy(
        id=node_id(kind, ip="127.0.0.1", name="a", namespace="n"),
        type=kind,
        ip="127.0.0.1",
        name="a",
        namespace="n",
        dns_domain="n.svc.cluster.local",
    )


@asynccontextmanager
async def running(
    resources: Translated, directory: Path, kind: ProxyType = ProxyType.SIDECAR
) -> AsyncIterator[tuple[Envoy, FixedAds]]:
    """An Envoy that has asked for everything and is live."""
    async with fixed_ads(resources) as (ads, port):
        content = bootstrap(proxy(kind), Places(("127.0.0.1", port)))
        # the fixed server speaks the state of the world only
        content = json.loads(json.dumps(content).replace("DELTA_GRPC", "GRPC"))
        async with envoy(content, directory) as started:
            try:
                await started.wait_ready()
            except EnvoyError as error:
                raise AssertionError(f"{ads.nacks} {error}") from error
            yield started, ads


async def assert_accepted(started: Envoy, ads: FixedAds, resources: Translated) -> None:
    assert ads.nacks == []
    stats = await started.stats()
    assert {name: n for name, n in stats.items() if name.endswith("rejected") and n} == {}
    clusters = next(iter(resources.values()))
    assert stats["cluster_manager.warming_clusters"] == 0
    assert stats["cluster_manager.active_clusters"] == len(clusters) + 1  # xds-grpc
    assert stats["listener_manager.total_listeners_warming"] == 0


def everything() -> View:
    """All that the unit tests compare with recordings, under names that do not meet."""
    clusters: dict[str, Cluster] = {}
    for number, cluster in enumerate(CLUSTERS.values()):
        if cluster.name in clusters:
            cluster = replace(cluster, name=names.inbound_cluster(20_000 + number))
        clusters[cluster.name] = cluster
    rich = rich_cluster()
    clusters[rich.name] = rich
    assignments = {
        key.split("/", 2)[2]: Assignment(key.split("/", 2)[2], endpoints)
        for key, endpoints in ENDPOINTS.items()
    }
    for name, cluster in clusters.items():
        if cluster.discovery is Discovery.EDS and name not in assignments:
            assignments[name] = Assignment(name, ())
    tables = {
        f"table-{number}": replace(table, name=f"table-{number}")
        for number, table in enumerate(TABLES.values())
    }
    return View(
        clusters=clusters,
        assignments={name: item for name, item in assignments.items() if name in clusters},
        listeners=listeners() | {f"t-{name}": asking(f"t-{name}", name) for name in tables},
        tables=tables | {name: RouteTable(name, {}) for name in asked_by(listeners().values())},
    )


def rich_cluster() -> Cluster:
    """A pool with every limit."""
    pool = ConnectionPool(
        max_connections=1,
        connect_timeout_ms=100,
        tcp_keepalive=TcpKeepalive(probes=1, time_ms=1000, interval_ms=1000),
        max_connection_duration_ms=60_000,
        tcp_idle_timeout_ms=60_000,
        http1_max_pending_requests=1,
        http2_max_requests=1,
        max_requests_per_connection=1,
        max_retries=1,
        http_idle_timeout_ms=60_000,
        h2_upgrade=True,
        max_concurrent_streams=10,
    )
    return Cluster(
        name="outbound|80|rich|a.n.svc.cluster.local",
        discovery=Discovery.EDS,
        protocol=Protocol.HTTP,
        policy=TrafficPolicy(load_balancer=LoadBalancer.ROUND_ROBIN, connection_pool=pool),
    )


def listeners() -> dict[str, Listener]:
    """The captured layout and a router's, where what binds takes a free port of 127.0.0.1."""
    found: dict[str, Listener] = {}
    for number, listener in enumerate(LISTENERS.values()):
        if listener.bound:
            listener = replace(listener, address="127.0.0.1", port=0)
        else:
            # nothing binds it, but no two may have one address
            listener = replace(listener, address=f"127.0.1.{number + 1}")
        if listener.name in found:
            listener = replace(listener, name=f"{listener.name}-{number}")
        found[listener.name] = listener
    return found


def asked_by(listeners: object) -> set[str]:
    found: set[str] = set()
    for listener in listeners:  # type: ignore[attr-defined]
        chains = (*listener.chains, listener.default_chain)
        handlers = (chain.handler for chain in chains if chain)
        found |= {h.routes for h in handlers if isinstance(getattr(h, "routes", None), str)}
    return found


def asking(name: str, table: str) -> Listener:
    connection = HttpConnection(table, Direction.OUTBOUND, f"{name};")
    chain = FilterChain("", connection, connect_timeout=True)
    return Listener(name, "127.0.0.1", 0, Direction.OUTBOUND, (chain,), detection_timeout=True)


async def test_bootstraps_are_valid(tmp_path: Path) -> None:
    for kind in ProxyType:
        await validate(bootstrap(proxy(kind), Places(("127.0.0.1", 15010))), tmp_path)
    await validate(bootstrap(proxy(), Places(("localhost", 15010))), tmp_path)


async def test_a_bootstrap_that_is_wrong_is_refused(tmp_path: Path) -> None:
    content = bootstrap(proxy(), Places(("127.0.0.1", 15010)))
    with pytest.raises(EnvoyError, match="no_such_field"):
        await validate({**content, "no_such_field": 1}, tmp_path)


async def test_every_recorded_shape_is_accepted(tmp_path: Path) -> None:
    view = everything()
    resources = translate(view, Memo())
    async with running(resources, tmp_path) as (started, ads):
        await assert_accepted(started, ads, resources)
        assert await started.stat("listener_manager.total_listeners_active") == len(view.listeners)
        dump = await started.config_dump(resource="dynamic_route_configs")
        assert len(dump["configs"]) == len(view.tables)


def hosts_at(ports: Mapping[str, int]) -> View:
    """A sidecar without capture: `a` with subsets v1 and v2, an inbound port, a TCP port."""
    clusters: dict[str, Cluster] = {item.name: item for item in (builtin.BLACK_HOLE,)}
    assignments: dict[str, Assignment] = {}
    for version, port in ports.items():
        name = names.outbound_cluster("a.n.svc.cluster.local", 80, version)
        clusters[name] = Cluster(
            name, Discovery.EDS, protocol=Protocol.HTTP, service=("a.n", "a", "n"), subset=version
        )
        endpoint = Endpoint("127.0.0.1", port, workload=f"a-{version}", namespace="n", owner="a")
        assignments[name] = Assignment(name, (endpoint,))
    inbound = Cluster(
        names.inbound_cluster(8080),
        Discovery.STATIC,
        protocol=Protocol.HTTP,
        endpoints=(Endpoint("127.0.0.1", ports["v1"]),),
    )
    clusters[inbound.name] = inbound
    v1, v2 = (names.outbound_cluster("a.n.svc.cluster.local", 80, v) for v in ("v1", "v2"))
    routes = (
        Route(headers(header("x-canary", EXACT, "yes")), (Target(v2),), name="canary"),
        Route(
            uri(PREFIX, "/old/"),
            (Target(v2),),
            rewrite=Rewrite(uri="/new/", authority="b.example"),
            response=HeaderOperations(set=(("x-by", "mesh"),)),
        ),
        Route(EVERYTHING, (Target(v1, 50), Target(v2, 50))),
    )
    own = VirtualHost("a.n:80", ("a.n", "a.n.svc.cluster.local"), routes)
    return View(
        clusters=clusters,
        assignments=assignments,
        listeners={item.name: item for item in bound_listeners(inbound.name, v2)},
        tables={"80": RouteTable("80", {own.name: own}, CatchAll.BLOCK_ALL)},
    )


def bound_listeners(inbound: str, other: str) -> tuple[Listener, ...]:
    http = HttpConnection(inbound_routes(inbound, 80), Direction.INBOUND, "inbound_127.0.0.1_8080;")
    tcp = TcpForward(((other, 0),), other)
    return (
        asking("outbound", "80"),
        Listener("inbound", "127.0.0.1", 0, Direction.INBOUND, (FilterChain("h", http),)),
        Listener("tcp", "127.0.0.1", 0, Direction.OUTBOUND, (FilterChain("t", tcp),)),
    )


@asynccontextmanager
async def backend(version: str) -> AsyncIterator[int]:
    """Says its version and what it was asked."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"version": version, "path": request.path, "host": request.host})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_traffic_without_capture(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        ports = {v: await stack.enter_async_context(backend(v)) for v in ("v1", "v2")}
        resources = translate(hosts_at(ports), Memo())
        started, ads = await stack.enter_async_context(running(resources, tmp_path))
        await assert_accepted(started, ads, resources)
        bound = await started.listener_ports()
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def ask(
            path: str = "/", listener: str = "outbound", **headers: str
        ) -> tuple[int, dict[str, str], Mapping[str, str]]:
            url = f"http://127.0.0.1:{bound[listener]}{path}"
            sent = {"Host": "a.n"} | {k.replace("_", "-"): v for k, v in headers.items()}
            async with session.get(url, headers=sent) as response:
                body = await response.json() if response.status == 200 else {}
                return response.status, body, response.headers

        versions = Counter([(await ask())[1]["version"] for _ in range(100)])
        assert set(versions) == {"v1", "v2"}
        assert min(versions.values()) >= 20
        assert {(await ask(x_canary="yes"))[1]["version"] for _ in range(10)} == {"v2"}
        status, body, answered = await ask("/old/page")
        assert (status, body["path"], body["host"]) == (200, "/new/page", "b.example")
        assert answered["x-by"] == "mesh"
        assert (await ask(Host="unknown.example"))[0] == 502
        assert (await ask(Host="A.n:8080"))[0] == 200  # neither case nor port matters
        status, body, answered = await ask(listener="inbound")
        assert (status, body["version"], answered["server"]) == (200, "v1", "istio-envoy")
        assert (await ask(listener="tcp"))[1]["version"] == "v2"
