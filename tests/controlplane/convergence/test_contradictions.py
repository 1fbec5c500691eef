"""Who will not understand whom is said before traffic finds out, on both objects."""

from typing import Any

import pytest

from controlplane.kinds import Key
from tests.controlplane.convergence.test_peers import PROXIED, peers
from tests.controlplane.convergence.test_transport import mesh, rule
from tests.fakes import shop
from tests.fakes.pipeline import Pipeline

POLICY, RULE = ("PeerAuthentication", "a"), ("DestinationRule", "web")


def reasons(made: Pipeline) -> tuple[list[str], list[str]]:
    return made.reasons(*POLICY), made.reasons(*RULE)


@pytest.mark.parametrize(
    ("mode", "tls", "reason"),
    [
        ("STRICT", "DISABLE", "StrictAgainstRule"),
        ("STRICT", "SIMPLE", "StrictAgainstRule"),
        ("STRICT", "ISTIO_MUTUAL", ""),
        ("PERMISSIVE", "DISABLE", ""),
        ("DISABLE", "ISTIO_MUTUAL", "DisabledAgainstRule"),
        ("DISABLE", "DISABLE", ""),
    ],
)
def test_a_policy_against_a_rule(mode: str, tls: str, reason: str) -> None:
    made = mesh(peers("a", mode), rule(mode=tls))
    expected = [reason] if reason else []
    assert reasons(made) == (expected, expected)
    if reason:
        (said,) = made.verdicts(*POLICY)
        assert said.others == (Key("DestinationRule", "shop", "web"),)
        assert "web.shop.svc.cluster.local:9080" in said.message


def test_it_is_said_no_more_when_either_gives_way() -> None:
    made = mesh(peers("a", "STRICT"), rule(mode="DISABLE"))
    made.put(rule(mode="ISTIO_MUTUAL"))
    assert reasons(made) == ([], [])
    made.put(rule(mode="DISABLE"))
    made.delete(POLICY)
    assert reasons(made) == ([], [])
    made.put(peers("a", "STRICT"))
    made.delete(RULE)
    assert reasons(made) == ([], [])


def test_a_subset_is_held_against_its_own_endpoints() -> None:
    written = shop.rule({"v1": "v1", "v2": "v2"})
    written["spec"]["subsets"][1]["trafficPolicy"] = {"tls": {"mode": "DISABLE"}}
    made = Pipeline()
    made.put(
        shop.service("web", {"app": "web"}),
        shop.pod("v1", "127.0.60.11", app="web", version="v1", **PROXIED),
        written,
        peers("a", "STRICT"),
    )
    assert reasons(made) == ([], [])
    made.put(shop.pod("v2", "127.0.60.12", app="web", version="v2", **PROXIED))
    assert reasons(made) == (["StrictAgainstRule"], ["StrictAgainstRule"])


def test_a_rule_of_a_clients_namespace_counts() -> None:
    other = rule(mode="DISABLE")
    other["metadata"]["namespace"] = "other"
    other["spec"]["host"] = "*.shop.svc.cluster.local"
    made = mesh(peers("a", "STRICT"), other)
    assert made.reasons(*POLICY) == ["StrictAgainstRule"]


def test_strict_for_those_that_have_no_proxy() -> None:
    made = mesh(peers("a", "STRICT"))
    assert made.reasons(*POLICY) == []
    made.put(shop.pod("bare", "127.0.60.12", app="web"))
    assert made.reasons(*POLICY) == ["StrictWithoutProxy"]
    made.put(shop.pod("bare", "127.0.60.12", app="web", **PROXIED))
    assert made.reasons(*POLICY) == []


def ported(**ports: str) -> dict[str, Any]:
    document = peers("a", "PERMISSIVE", app="web")
    written = {port.removeprefix("p"): {"mode": mode} for port, mode in ports.items()}
    document["spec"]["portLevelMtls"] = written
    return document


def test_a_port_that_no_service_leads_to() -> None:
    made = mesh(ported(p9080="STRICT"))
    assert made.reasons(*POLICY) == []
    made.put(ported(p9080="STRICT", p80="STRICT"))
    (said,) = made.verdicts(*POLICY)
    assert (said.reason, said.field) == ("PortNotServed", "spec.portLevelMtls[80]")
    service = shop.service("more", {"app": "web"})
    service["spec"]["ports"] = [{"name": "http", "port": 8000, "targetPort": 80}]
    made.put(service)
    assert made.reasons(*POLICY) == []
    made.delete(("Service", "more"))
    assert made.reasons(*POLICY) == ["PortNotServed"]


def test_services_beyond_the_first_are_counted() -> None:
    made = mesh(peers("a", "STRICT"))
    for number in range(5):
        made.put(shop.service(f"web{number}", {"app": "web"}))
    made.put(shop.pod("bare", "127.0.60.12", app="web"))
    (said,) = made.verdicts(*POLICY)
    assert "and 3 more" in said.message
