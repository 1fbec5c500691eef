"""What a port accepts, and what clients are told: the most specific policy wins."""

import pytest

from controlplane.convergence import mtls
from controlplane.convergence.mtls import Peers
from controlplane.convergence.world import EMPTY_WORLD, PeerPolicy
from controlplane.kinds import Key
from translators.model import PeerMode

DISABLE, PERMISSIVE, STRICT = PeerMode.DISABLE, PeerMode.PERMISSIVE, PeerMode.STRICT
ROOT = "istio-system"
WEB = {"app": "web"}


def policy(
    name: str,
    mode: PeerMode | None,
    *,
    namespace: str = "shop",
    labels: dict[str, str] | None = None,
    ports: dict[int, PeerMode | None] | None = None,
) -> PeerPolicy:
    key = Key("PeerAuthentication", namespace, name)
    return PeerPolicy(key, (name,), labels or {}, mode, ports or {})


def known(*policies: PeerPolicy) -> Peers:
    found: dict[str, tuple[PeerPolicy, ...]] = {}
    for one in policies:
        found[one.key.namespace] = (*found.get(one.key.namespace, ()), one)
    return Peers(found.get, ROOT)


def accepted(peers: Peers, port: int | None = None) -> PeerMode:
    return mtls.accepted(peers, namespace="shop", labels=WEB, port=port)


def test_both_are_accepted_where_nothing_is_written() -> None:
    assert accepted(mtls.peers(EMPTY_WORLD.mesh, EMPTY_WORLD.options), 80) is PERMISSIVE


def test_port_over_workload_over_namespace_over_mesh() -> None:
    mesh = policy("a", STRICT, namespace=ROOT)
    namespace = policy("b", DISABLE)
    workload = policy("c", PERMISSIVE, labels=WEB)
    port = policy("c", PERMISSIVE, labels=WEB, ports={80: STRICT})
    assert accepted(known(mesh), 80) is STRICT
    assert accepted(known(mesh, namespace), 80) is DISABLE
    assert accepted(known(mesh, namespace, workload), 80) is PERMISSIVE
    assert accepted(known(mesh, namespace, port), 80) is STRICT
    assert accepted(known(mesh, namespace, port), 81) is PERMISSIVE
    assert mtls.accepted_ports(known(port), namespace="shop", labels=WEB) == {80: STRICT}


def test_what_is_unset_is_inherited() -> None:
    mesh, namespace = policy("a", STRICT, namespace=ROOT), policy("b", None)
    workload = policy("c", None, labels=WEB, ports={80: None, 81: DISABLE})
    found = known(mesh, namespace, workload)
    assert [accepted(found, port) for port in (80, 81, None)] == [STRICT, DISABLE, STRICT]


def test_the_oldest_of_a_level_counts() -> None:
    assert accepted(known(policy("a", STRICT), policy("b", DISABLE))) is STRICT
    one, other = policy("a", STRICT, labels=WEB), policy("b", DISABLE, labels=WEB)
    assert accepted(known(one, other)) is STRICT


@pytest.mark.parametrize("labels", [{"app": "other"}, {"app": "web", "version": "v1"}])
def test_a_selector_wants_all_its_labels(labels: dict[str, str]) -> None:
    assert accepted(known(policy("a", STRICT, labels=labels))) is PERMISSIVE


def test_a_selector_in_the_root_namespace_selects_nothing() -> None:
    rooted = known(policy("a", STRICT, namespace=ROOT, labels=WEB))
    assert accepted(rooted) is PERMISSIVE
    assert mtls.accepted(rooted, namespace=ROOT, labels=WEB) is PERMISSIVE


def test_clients_are_told_of_workloads_and_of_namespaces() -> None:
    found = known(policy("a", DISABLE), policy("b", STRICT, labels=WEB))
    assert mtls.told(found, namespace="shop") is DISABLE
    assert mtls.told(found, namespace="shop", labels=WEB, port=80) is STRICT
    assert mtls.told(found, namespace="other") is PERMISSIVE


def test_who_decides_is_known_for_each_port() -> None:
    namespace = policy("a", STRICT)
    ports = policy("b", None, labels=WEB, ports={80: DISABLE})
    found = mtls.posture(known(namespace, ports), "shop", WEB)
    assert (found.decided_by(80), found.decided_by(81)) == (ports.key, namespace.key)


@pytest.mark.parametrize(
    ("labels", "account", "expected"),
    [
        ({mtls.TLS_LABEL: "istio"}, "", True),
        ({mtls.TLS_LABEL: "disabled"}, "a", False),
        ({}, "a", True),
        ({}, "", False),
    ],
)
def test_who_takes_mutual_tls(labels: dict[str, str], account: str, expected: bool) -> None:
    assert mtls.capable(labels, account) == expected
