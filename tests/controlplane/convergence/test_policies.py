"""DestinationRules: merge, precedence, subsets over ports over hosts."""

from typing import Any

from controlplane.convergence import policies
from controlplane.convergence.records import HostPolicy, ServiceId
from tests.fakes import shop
from tests.fakes.pipeline import Pipeline, proxy
from translators.model import LoadBalancer

WEB = ServiceId("web.shop.svc.cluster.local", "shop")
NAME = "outbound|9080|{}|web.shop.svc.cluster.local"


def rule(
    name: str, host: str, balancer: str, namespace: str = "shop", **spec: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "host": host,
            "trafficPolicy": {"loadBalancer": {"simple": balancer}},
            **spec,
        },
    }


def found(made: Pipeline, client: str) -> HostPolicy:
    return policies.lookup(policies.effective(made.world.mesh, "istio-system"), WEB, client=client)


def balancer(made: Pipeline, client: str) -> str:
    policy = found(made, client).policy
    return policy.load_balancer.value if policy else ""


def test_the_clients_namespace_counts_first_then_the_services_then_the_root() -> None:
    made = Pipeline()
    made.put(shop.service("web", {"app": "web"}), rule("root", "*.local", "RANDOM", "istio-system"))
    assert balancer(made, "other") == "RANDOM"
    made.put(rule("own", "web", "ROUND_ROBIN"))
    assert balancer(made, "other") == "ROUND_ROBIN"
    made.put(rule("client", WEB.hostname, "LEAST_REQUEST", "other"))
    assert (balancer(made, "other"), balancer(made, "shop")) == ("LEAST_REQUEST", "ROUND_ROBIN")


def test_the_most_specific_host_of_a_namespace_counts() -> None:
    made = Pipeline()
    made.put(
        shop.service("web", {"app": "web"}),
        rule("wide", "*.local", "RANDOM"),
        rule("narrow", "*.shop.svc.cluster.local", "ROUND_ROBIN"),
    )
    assert balancer(made, "shop") == "ROUND_ROBIN"
    made.delete(("DestinationRule", "narrow"))
    assert balancer(made, "shop") == "RANDOM"


def test_a_rule_that_is_not_exported_is_not_seen() -> None:
    made = Pipeline()
    made.put(shop.service("web", {"app": "web"}), rule("own", "web", "RANDOM", exportTo=["."]))
    assert (balancer(made, "shop"), balancer(made, "other")) == ("RANDOM", "")


def test_two_rules_of_one_host_are_united_and_what_loses_is_said() -> None:
    made = Pipeline()
    subset = {"name": "v1", "labels": {"version": "v1"}}
    made.put(
        shop.service("web", {"app": "web"}),
        rule("first", "web", "RANDOM", subsets=[subset]),
        rule(
            "second",
            "web",
            "ROUND_ROBIN",
            subsets=[{"name": "v1", "labels": {"version": "x"}}, {"name": "v2", "labels": {}}],
        ),
    )
    merged = found(made, "shop")
    assert merged.policy is not None
    assert merged.policy.load_balancer is LoadBalancer.RANDOM
    assert {n: s.labels for n, s in merged.subsets.items()} == {"v1": {"version": "v1"}, "v2": {}}
    assert made.reasons("DestinationRule", "second") == ["DuplicateSubset", "PolicyIgnored"]
    made.delete(("DestinationRule", "first"))
    assert made.reasons("DestinationRule", "second") == []
    assert balancer(made, "shop") == "ROUND_ROBIN"


def test_subset_over_port_over_host() -> None:
    made = Pipeline()
    document = rule(
        "own",
        "web",
        "RANDOM",
        subsets=[
            {"name": "plain", "labels": {"a": "b"}},
            {
                "name": "pool",
                "labels": {"a": "b"},
                "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 7}}},
            },
        ],
    )
    document["spec"]["trafficPolicy"]["portLevelSettings"] = [
        {"port": {"number": 9081}, "loadBalancer": {"simple": "ROUND_ROBIN"}}
    ]
    service = shop.service("web", {"app": "web"})
    service["spec"]["ports"].append({"name": "http-b", "port": 9081})
    made.put(service, document)
    clusters = made.view(proxy()).clusters
    plain, pool = clusters[NAME.format("plain")].policy, clusters[NAME.format("pool")].policy
    assert plain.load_balancer is LoadBalancer.RANDOM
    assert pool.load_balancer is LoadBalancer.RANDOM
    assert pool.connection_pool is not None
    assert pool.connection_pool.max_connections == 7
    other = clusters["outbound|9081||web.shop.svc.cluster.local"].policy
    assert other.load_balancer is LoadBalancer.ROUND_ROBIN
