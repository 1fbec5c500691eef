"""Clusters against recorded ones, and what no recording shows."""

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster as WireCluster
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from tests.translators.decoder import Cluster as Decoded
from tests.translators.decoder import decode
from tests.translators.recordings import assert_same, recorded
from translators import cds
from translators.builtin import BLACK_HOLE, INBOUND_PASSTHROUGH, INBOUND_SOURCE, PASSTHROUGH
from translators.model import (
    Cluster,
    ConnectionPool,
    Discovery,
    Endpoint,
    LoadBalancer,
    ObjectRef,
    OutlierDetection,
    Protocol,
    TcpKeepalive,
    TrafficPolicy,
    UpstreamTls,
)

EDS, ORIGINAL_DST, STATIC = Discovery.EDS, Discovery.ORIGINAL_DST, Discovery.STATIC
HTTP = Protocol.HTTP


def service(name: str, namespace: str) -> tuple[str, str, str]:
    return f"{name}.{namespace}.svc.cluster.local", name, namespace


def rule(name: str, namespace: str) -> ObjectRef:
    return ObjectRef("DestinationRule", namespace, name)


def governed(
    name: str, namespace: str, policy: TrafficPolicy, *, protocol: Protocol = HTTP
) -> Cluster:
    host, _, _ = service(name, namespace)
    return Cluster(
        name=f"outbound|80||{host}",
        discovery=EDS,
        protocol=protocol,
        policy=policy,
        service=service(name, namespace),
        source=rule(name, namespace),
    )


def inbound(port: int, name: str, namespace: str, **rest: object) -> Cluster:
    values: dict[str, object] = {
        "discovery": ORIGINAL_DST,
        "bind_source": INBOUND_SOURCE,
        "service": service(name, namespace),
        "protocol": HTTP,
    }
    return Cluster(name=f"inbound|{port}||", **(values | rest))  # type: ignore[arg-type]


INBOUND_POOL = ConnectionPool(
    max_connections=21,
    connect_timeout_ms=4000,
    http1_max_pending_requests=22,
    max_requests_per_connection=23,
    http_idle_timeout_ms=24_000,
)
SUBSETS = TrafficPolicy(
    load_balancer=LoadBalancer.RANDOM,
    connection_pool=ConnectionPool(connect_timeout_ms=3000, http2_max_requests=20),
)
OUTLIERS = {
    "a": OutlierDetection(
        split_external_local_origin_errors=True,
        consecutive_local_origin_failures=6,
        consecutive_gateway_errors=3,
        consecutive_5xx_errors=4,
        interval_ms=12_000,
        base_ejection_time_ms=95_000,
        max_ejection_percent=55,
        min_health_percent=35,
    ),
    "b": OutlierDetection(),
    "c": OutlierDetection(consecutive_5xx_errors=0, consecutive_gateway_errors=0),
    "d": OutlierDetection(split_external_local_origin_errors=True, consecutive_gateway_errors=9),
    "e": OutlierDetection(min_health_percent=50),
}


def subset(name: str, policy: TrafficPolicy) -> Cluster:
    return Cluster(
        name=f"outbound|80|{name}|sub.pl.svc.cluster.local",
        discovery=EDS,
        protocol=HTTP,
        policy=policy,
        service=service("sub", "pl"),
        subset=name,
        source=rule("sub", "pl"),
    )


CASES = {
    "pa-namespace-disable/w-v1/BlackHoleCluster": BLACK_HOLE,
    "pa-namespace-disable/w-v1/PassthroughCluster": PASSTHROUGH,
    "pa-namespace-disable/w-v1/InboundPassthroughCluster": INBOUND_PASSTHROUGH,
    "pa-namespace-disable/w-v1/inbound|8080||": inbound(8080, "w", "pa"),
    "pa-namespace-disable/w-v1/inbound|9100||": inbound(
        9100, "w", "pa", protocol=Protocol.TCP, downstream_protocol=True
    ),
    "pa-namespace-disable/w-v1/outbound|80||w.pa.svc.cluster.local": Cluster(
        name="outbound|80||w.pa.svc.cluster.local",
        discovery=EDS,
        protocol=HTTP,
        service=service("w", "pa"),
    ),
    "pa-namespace-disable/w-v1/outbound|91||w.pa.svc.cluster.local": Cluster(
        name="outbound|91||w.pa.svc.cluster.local",
        discovery=EDS,
        downstream_protocol=True,
        service=service("w", "pa"),
    ),
    "svc-http-protocols/two-v1/inbound|8080||": inbound(
        8080, "two", "proto", protocol=Protocol.HTTP2
    ),
    "svc-http-protocols/client/outbound|80||two.proto.svc.cluster.local": Cluster(
        name="outbound|80||two.proto.svc.cluster.local",
        discovery=EDS,
        protocol=Protocol.GRPC,
        service=service("two", "proto"),
    ),
    "svc-headless-tcp/diver/outbound|5432||hdb.deep.svc.cluster.local": Cluster(
        name="outbound|5432||hdb.deep.svc.cluster.local",
        discovery=ORIGINAL_DST,
        service=service("hdb", "deep"),
    ),
    "dr-lb-simple/client/outbound|80||rr.lb.svc.cluster.local": governed(
        "rr", "lb", TrafficPolicy(load_balancer=LoadBalancer.ROUND_ROBIN)
    ),
    "dr-lb-simple/client/outbound|80||rnd.lb.svc.cluster.local": governed(
        "rnd", "lb", TrafficPolicy(load_balancer=LoadBalancer.RANDOM)
    ),
    "dr-lb-simple/client/outbound|80||conn.lb.svc.cluster.local": governed(
        "conn", "lb", TrafficPolicy(load_balancer=LoadBalancer.LEAST_REQUEST)
    ),
    "dr-upgrade/client/outbound|80||a.up.svc.cluster.local": governed(
        "a", "up", TrafficPolicy(connection_pool=ConnectionPool(h2_upgrade=True))
    ),
    "dr-upgrade/client/outbound|80||b.up.svc.cluster.local": governed(
        "b", "up", TrafficPolicy(connection_pool=ConnectionPool(h2_upgrade=False))
    ),
    "dr-upgrade/client/outbound|80||c.up.svc.cluster.local": governed(
        "c",
        "up",
        TrafficPolicy(connection_pool=ConnectionPool(h2_upgrade=False)),
        protocol=Protocol.HTTP2,
    ),
    "dr-upgrade/client/outbound|80||d.up.svc.cluster.local": governed(
        "d", "up", TrafficPolicy(connection_pool=ConnectionPool(use_client_protocol=True))
    ),
    "dr-outlier-full/client/outbound|80||a.out.svc.cluster.local": governed(
        "a", "out", TrafficPolicy(outlier_detection=OUTLIERS["a"])
    ),
    **{
        f"dr-outlier-sparse/client/outbound|80||{name}.out.svc.cluster.local": governed(
            name, "out", TrafficPolicy(outlier_detection=OUTLIERS[name])
        )
        for name in "bcde"
    },
    "dr-subset-policies/client/outbound|80|plain|sub.pl.svc.cluster.local": subset(
        "plain", SUBSETS
    ),
    "dr-subset-policies/client/outbound|80|pool|sub.pl.svc.cluster.local": subset(
        "pool",
        TrafficPolicy(
            load_balancer=LoadBalancer.RANDOM,
            connection_pool=ConnectionPool(http2_max_requests=40),
        ),
    ),
    "dr-inbound-pool/w-v1/inbound|8080||": inbound(
        8080,
        "w",
        "inb",
        policy=TrafficPolicy(
            connection_pool=INBOUND_POOL,
            outlier_detection=OutlierDetection(consecutive_5xx_errors=3),
        ),
        source=rule("w", "inb"),
    ),
    "dr-inbound-pool/w-v1/outbound|80||w.inb.svc.cluster.local": governed(
        "w",
        "inb",
        TrafficPolicy(
            connection_pool=INBOUND_POOL,
            outlier_detection=OutlierDetection(consecutive_5xx_errors=3),
        ),
    ),
    "sidecar-ingress/in-v1/inbound|8080||": inbound(
        8080,
        "in",
        "sa",
        discovery=STATIC,
        bind_source="",
        endpoints=(Endpoint("127.0.0.1", 18080),),
    ),
    "sidecar-ingress/in-v1/inbound|9000||": inbound(
        9000,
        "in",
        "sa",
        discovery=STATIC,
        service=None,
        endpoints=(Endpoint("10.44.144.1", 19000),),
    ),
    "sidecar-ingress/in-v1/inbound|9100||": inbound(
        9100, "in", "sa", protocol=Protocol.GRPC, service=None
    ),
    "full-story/web-v1/outbound|80|stable|cart.store.svc.cluster.local": Cluster(
        name="outbound|80|stable|cart.store.svc.cluster.local",
        discovery=EDS,
        protocol=HTTP,
        policy=TrafficPolicy(
            connection_pool=ConnectionPool(
                max_connections=100,
                connect_timeout_ms=1000,
                http1_max_pending_requests=50,
                max_requests_per_connection=10,
            ),
            outlier_detection=OutlierDetection(
                consecutive_5xx_errors=3,
                interval_ms=5000,
                base_ejection_time_ms=20_000,
                max_ejection_percent=50,
            ),
        ),
        service=service("cart", "store"),
        subset="stable",
        source=rule("cart", "store"),
    ),
}


@pytest.mark.parametrize("key", CASES)
def test_recorded(key: str) -> None:
    packed = cds.translate(CASES[key])
    assert_same(packed.value, recorded("clusters", key, WireCluster))


@pytest.mark.parametrize("cluster", CASES.values(), ids=list(CASES))
def test_facts_beside_the_bytes(cluster: Cluster) -> None:
    packed = cds.translate(cluster)
    assert packed.name == cluster.name
    assert packed.unit is cluster
    assert packed.needs_assignment is (cluster.discovery is EDS)
    assert decode(Decoded, packed.value).name == cluster.name


def test_passthrough_balancer_needs_no_assignment() -> None:
    policy = TrafficPolicy(load_balancer=LoadBalancer.PASSTHROUGH)
    packed = cds.translate(governed("thru", "lb", policy))
    wire = WireCluster.FromString(packed.value)
    assert wire.type == WireCluster.ORIGINAL_DST
    assert wire.lb_policy == WireCluster.CLUSTER_PROVIDED
    assert not wire.HasField("eds_cluster_config")
    assert packed.needs_assignment is False


def test_keepalive_is_in_whole_seconds() -> None:
    pool = ConnectionPool(tcp_keepalive=TcpKeepalive(probes=3, time_ms=90_000, interval_ms=7_500))
    wire = WireCluster.FromString(
        cds.translate(governed("k", "n", TrafficPolicy(connection_pool=pool))).value
    )
    keepalive = wire.upstream_connection_options.tcp_keepalive
    assert keepalive.keepalive_probes.value == 3
    assert keepalive.keepalive_time.value == 90
    assert keepalive.keepalive_interval.value == 7


def test_empty_keepalive_is_there() -> None:
    pool = ConnectionPool(tcp_keepalive=TcpKeepalive())
    wire = WireCluster.FromString(
        cds.translate(governed("k", "n", TrafficPolicy(connection_pool=pool))).value
    )
    assert wire.upstream_connection_options.HasField("tcp_keepalive")


def test_limits_go_where_they_belong() -> None:
    pool = ConnectionPool(
        max_connections=1, http1_max_pending_requests=2, http2_max_requests=3, max_retries=4
    )
    wire = WireCluster.FromString(
        cds.translate(governed("k", "n", TrafficPolicy(connection_pool=pool))).value
    )
    (limits,) = wire.circuit_breakers.thresholds
    assert [
        limits.max_connections.value,
        limits.max_pending_requests.value,
        limits.max_requests.value,
        limits.max_retries.value,
    ] == [1, 2, 3, 4]


def secured(**more: bool) -> WireCluster:
    tls = UpstreamTls(certificate=None, trust=None, sni="a", **more)
    cluster = Cluster(name="outbound|80||a", discovery=Discovery.EDS, tls=tls)
    return WireCluster.FromString(cds.translate(cluster).value)


def test_endpoints_choose_how_they_are_spoken_to() -> None:
    chosen, rest = secured(by_endpoint=True).transport_socket_matches
    assert (chosen.name, dict(chosen.match)) == ("tlsMode-istio", {"tlsMode": "istio"})
    assert chosen.transport_socket.name == "envoy.transport_sockets.tls"
    assert (rest.name, dict(rest.match)) == ("tlsMode-disabled", {})
    assert rest.transport_socket.name == "envoy.transport_sockets.raw_buffer"


def test_one_transport_for_all_endpoints() -> None:
    wire = secured()
    assert wire.transport_socket.name == "envoy.transport_sockets.tls"
    assert not wire.transport_socket_matches
    assert not wire.typed_extension_protocol_options


def test_a_server_name_of_each_request() -> None:
    (packed,) = secured(automatic=True).typed_extension_protocol_options.values()
    options = HttpProtocolOptions()
    assert packed.Unpack(options)
    assert options.upstream_http_protocol_options.auto_sni
    # nothing is verified, so no name is
    assert not options.upstream_http_protocol_options.auto_san_validation
    assert options.explicit_http_config.HasField("http_protocol_options")
