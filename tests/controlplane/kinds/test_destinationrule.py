"""DestinationRule and its policies."""

from typing import Any

import pytest

from controlplane.kinds import DestinationRuleSpec
from tests.controlplane.kinds.samples import document, faults, remarks, spec
from translators.model import (
    ClientTls,
    ConnectionPool,
    LoadBalancer,
    OutlierDetection,
    TcpKeepalive,
    TlsMode,
    TrafficPolicy,
)


def rule(policy: object = None, **fields: Any) -> dict[str, Any]:
    if policy is not None:
        fields["trafficPolicy"] = policy
    return document("DestinationRule", {"host": "a", **fields})


def policy(written: dict[str, Any]) -> TrafficPolicy | None:
    return spec(DestinationRuleSpec, rule(written)).policy


def test_every_field_is_kept() -> None:
    found = policy(
        {
            "loadBalancer": {"simple": "LEAST_CONN"},
            "tls": {"mode": "DISABLE"},
            "connectionPool": {
                "tcp": {
                    "maxConnections": 1,
                    "connectTimeout": "2s",
                    "tcpKeepalive": {"probes": 3, "time": "4s", "interval": "5s"},
                    "maxConnectionDuration": "6s",
                    "idleTimeout": "7s",
                },
                "http": {
                    "http1MaxPendingRequests": 8,
                    "http2MaxRequests": 9,
                    "maxRequestsPerConnection": 10,
                    "maxRetries": 11,
                    "idleTimeout": "12s",
                    "h2UpgradePolicy": "UPGRADE",
                    "maxConcurrentStreams": 13,
                },
            },
            "outlierDetection": {
                "splitExternalLocalOriginErrors": True,
                "consecutiveLocalOriginFailures": 1,
                "consecutiveGatewayErrors": 2,
                "consecutive5xxErrors": 0,
                "interval": "3s",
                "baseEjectionTime": "4s",
                "maxEjectionPercent": 50,
                "minHealthPercent": 60,
            },
        }
    )
    assert found == TrafficPolicy(
        load_balancer=LoadBalancer.LEAST_REQUEST,
        connection_pool=ConnectionPool(
            max_connections=1,
            connect_timeout_ms=2000,
            tcp_keepalive=TcpKeepalive(3, 4000, 5000),
            max_connection_duration_ms=6000,
            tcp_idle_timeout_ms=7000,
            http1_max_pending_requests=8,
            http2_max_requests=9,
            max_requests_per_connection=10,
            max_retries=11,
            http_idle_timeout_ms=12000,
            h2_upgrade=True,
            max_concurrent_streams=13,
        ),
        outlier_detection=OutlierDetection(
            split_external_local_origin_errors=True,
            consecutive_local_origin_failures=1,
            consecutive_gateway_errors=2,
            consecutive_5xx_errors=0,
            interval_ms=3000,
            base_ejection_time_ms=4000,
            max_ejection_percent=50,
            min_health_percent=60,
        ),
        tls=ClientTls(TlsMode.DISABLE),
    )


@pytest.mark.parametrize(
    ("written", "kept"), [("DEFAULT", None), ("UPGRADE", True), ("DO_NOT_UPGRADE", False)]
)
def test_upgrade_policies(written: str, kept: bool | None) -> None:
    found = policy({"connectionPool": {"http": {"h2UpgradePolicy": written}}})
    assert found is not None
    assert found.connection_pool == ConnectionPool(h2_upgrade=kept)


def test_subsets_and_ports_have_policies_of_their_own() -> None:
    random = {"loadBalancer": {"simple": "RANDOM"}}
    raw = rule(
        {"portLevelSettings": [{"port": {"number": 80}, **random}]},
        subsets=[{"name": "v1", "labels": {"v": "1"}, "trafficPolicy": random}, {"name": "v2"}],
        exportTo=["."],
    )
    found = spec(DestinationRuleSpec, raw)
    expected = TrafficPolicy(load_balancer=LoadBalancer.RANDOM)
    first, second = found.subsets
    assert found.policy is None
    assert found.port_policies == {80: expected}
    assert (first.name, first.labels, first.policy) == ("v1", {"v": "1"}, expected)
    assert (second.labels, second.policy, second.port_policies) == ({}, None, {})
    assert found.export_to == (".",)


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ({}, "", "Empty"),
        ({"connectionPool": {}}, ".connectionPool", "Empty"),
        (
            {"connectionPool": {"tcp": {"maxConnections": -1}}},
            ".connectionPool.tcp.maxConnections",
            "OutOfRange",
        ),
        (
            {"connectionPool": {"http": {"http2KeepAlive": {}}}},
            ".connectionPool.http.http2KeepAlive",
            "NotSupported",
        ),
        (
            {"connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE", "useClientProtocol": True}}},
            ".connectionPool.http.useClientProtocol",
            "OneOf",
        ),
        ({"loadBalancer": {"simple": "RANDON"}}, ".loadBalancer.simple", "UnsupportedValue"),
        ({"loadBalancer": {"consistentHash": {}}}, ".loadBalancer.consistentHash", "NotSupported"),
        (
            {"outlierDetection": {"maxEjectionPercent": 101}},
            ".outlierDetection.maxEjectionPercent",
            "OutOfRange",
        ),
        (
            {"outlierDetection": {"interval": "0s"}},
            ".outlierDetection.interval",
            "DurationTooShort",
        ),
        (
            {"outlierDetection": {"consecutiveLocalOriginFailures": 1}},
            ".outlierDetection.consecutiveLocalOriginFailures",
            "NeedsSplit",
        ),
        ({"tls": {"mode": "STRONG"}}, ".tls.mode", "UnsupportedValue"),
        ({"tunnel": {}}, ".tunnel", "NotSupported"),
        ({"portLevelSettings": [{"port": {"number": 1}}]}, ".portLevelSettings[0]", "Empty"),
    ],
)
def test_a_policy_is_refused_where_it_is_wrong(
    written: dict[str, Any], field: str, reason: str
) -> None:
    assert faults(rule(written)) == [(f"spec.trafficPolicy{field}", reason)]
    raw = rule(subsets=[{"name": "v1", "trafficPolicy": written}])
    assert faults(raw) == [(f"spec.subsets[0].trafficPolicy{field}", reason)]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"host": ""}, "host", "Host"),
        ({"subsets": [{"name": "a_b"}]}, "subsets[0].name", "Name"),
        ({"subsets": [{"name": "a"}, {"name": "a"}]}, "subsets[1].name", "DuplicateSubset"),
        ({"subsets": [{"labels": {}}]}, "subsets[0].name", "Required"),
        ({"subsets": [{"name": "a", "labels": {"x": "b c"}}]}, "subsets[0].labels.x", "Label"),
        ({"workloadSelector": {}}, "workloadSelector", "NotSupported"),
    ],
)
def test_a_rule_is_refused_where_it_is_wrong(
    fields: dict[str, Any], field: str, reason: str
) -> None:
    assert faults(rule(**fields)) == [(f"spec.{field}", reason)]


def test_what_does_nothing_is_a_warning() -> None:
    written = {
        "outlierDetection": {"consecutiveErrors": 5},
        "portLevelSettings": [{"port": {"number": 70000}, "outlierDetection": {}}],
    }
    assert remarks(rule(written)) == [
        ("spec.trafficPolicy.outlierDetection.consecutiveErrors", "Deprecated"),
        ("spec.trafficPolicy.portLevelSettings[0].port.number", "OutOfRange"),
    ]
    assert remarks(rule(subsets=[{"name": "a", "trafficPolicy": written}])) == [
        ("spec.subsets[0].trafficPolicy.outlierDetection.consecutiveErrors", "Deprecated"),
        ("spec.subsets[0].trafficPolicy.portLevelSettings[0].port.number", "OutOfRange"),
    ]
