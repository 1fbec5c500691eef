"""Secrets in force: verdicts on Gateways that ask in vain, arrival, renewal, deletion."""

from dataclasses import replace
from typing import Any

from controlplane.convergence import Options
from controlplane.convergence.records import SecretId
from controlplane.convergence.secrets import content
from controlplane.kinds import Key
from tests.fakes import keys, shop
from tests.fakes.edges import EDGE, bound, gateway, server
from tests.fakes.pipeline import Pipeline
from translators.model import Certificate, Trust

CERT = keys.tls_secret("cert", keys.pair())
ID = SecretId(shop.NAMESPACE, "cert")


def mesh(*more: dict[str, Any], tls: dict[str, Any] | None = None) -> Pipeline:
    made = Pipeline()
    made.put(shop.service("web", {"app": "web"}), bound(), gateway(server("a", **(tls or {}))))
    if more:
        made.put(*more)
    return made


def given(made: Pipeline, name: str, namespace: str = shop.NAMESPACE) -> object:
    return content(made.world.mesh.secrets, name, namespace)


def test_a_missing_secret_is_said_and_its_arrival_ends_it_in_the_same_pass() -> None:
    made = mesh()
    (verdict,) = made.verdicts("Gateway", "edge")
    assert (verdict.reason, verdict.field) == ("MissingSecret", "spec.servers[0].tls")
    assert "there is no Secret shop/cert" in verdict.message
    assert "a.example.com on port 443" in verdict.message
    assert verdict.others == (Key("Secret", "shop", "cert"),)
    assert dict(made.view(EDGE).listeners) == {}
    world = made.put(CERT)
    assert world.touched.gateways
    assert made.reasons("Gateway", "edge") == []
    assert set(made.view(EDGE).listeners) == {"0.0.0.0_443"}


def test_a_refused_secret_leaves_the_good_one_in_force() -> None:
    made = mesh(CERT)
    made.put(keys.secret("cert", {"tls.crt": b"x", "tls.key": b"y"}))
    found = given(made, "kubernetes://cert")
    assert isinstance(found, Certificate)
    assert found.chain == keys.pair().certificate
    assert made.reasons("Gateway", "edge") == []


def test_renewal_touches_the_secret_and_no_listener() -> None:
    made = mesh(CERT)
    renewed = keys.pair("b.example.com")
    world = made.put(keys.tls_secret("cert", renewed))
    assert world.touched.secrets == {ID}
    assert not world.touched.gateways
    assert given(made, "kubernetes://cert") == Certificate(renewed.certificate, renewed.key)


def test_a_deleted_secret_stays_in_use_until_nobody_names_it() -> None:
    made = mesh(CERT)
    made.delete(("Secret", "cert"))
    assert made.reasons("Gateway", "edge") == ["SecretDeleted"]
    assert set(made.view(EDGE).listeners) == {"0.0.0.0_443"}
    assert given(made, "kubernetes://cert") is not None
    made.put(CERT)
    assert made.reasons("Gateway", "edge") == []
    made.delete(("Secret", "cert"))
    made.put(gateway(server("a", mode="SIMPLE", credentialName="other")))
    assert given(made, "kubernetes://cert") is None
    assert made.reasons("Gateway", "edge") == ["MissingSecret"]
    made.delete(("Gateway", "edge"))
    assert made.reasons("Gateway", "edge") == []


def test_each_secret_is_said_once() -> None:
    mutual = {"mode": "MUTUAL", "credentialName": "cert"}
    made = mesh(tls=mutual)
    assert made.reasons("Gateway", "edge") == ["MissingSecret"]
    made.put(CERT, keys.secret("cert-cacert", {"cacert": keys.roots()}, "Opaque"))
    assert made.reasons("Gateway", "edge") == []
    made.delete(("Secret", "cert"), ("Secret", "cert-cacert"))
    assert [verdict.others[0].name for verdict in made.verdicts("Gateway", "edge")] == [
        "cert",
        "cert-cacert",
    ]
    assert set(made.view(EDGE).listeners) == {"0.0.0.0_443"}


def test_a_deleted_secret_that_nobody_names_is_gone() -> None:
    made = mesh(keys.tls_secret("other", keys.pair()))
    world = made.delete(("Secret", "other"))
    assert SecretId("shop", "other") not in world.mesh.secrets
    assert not world.touched.gateways


def test_secrets_that_nobody_names_touch_no_gateway() -> None:
    world = mesh().put(keys.tls_secret("other", keys.pair()))
    assert not world.touched.gateways


def test_roots_stand_beside_the_certificate_or_alone() -> None:
    mutual = {"mode": "MUTUAL", "credentialName": "cert"}
    made = mesh(CERT, tls=mutual)
    assert made.reasons("Gateway", "edge") == ["MissingSecret"]
    made.put(keys.tls_secret("cert", keys.pair(), ca_crt=keys.roots(), ca_crl=keys.revoked()))
    assert given(made, "kubernetes://cert-cacert") == Trust(keys.roots(), keys.revoked())
    assert made.reasons("Gateway", "edge") == []
    made.put(keys.secret("cert-cacert", {"cacert": keys.roots("b")}, "Opaque"))
    assert given(made, "kubernetes://cert-cacert") == Trust(keys.roots("b"))


def test_a_router_is_given_secrets_of_its_own_namespace_only() -> None:
    made = mesh(CERT)
    assert given(made, "kubernetes-gateway://shop/cert") is not None
    assert given(made, "kubernetes-gateway://shop/cert", "other") is None
    assert given(made, "kubernetes://shop/cert", "other") is None
    assert given(made, "kubernetes://cert", "other") is None
    assert given(made, "default") is None


def test_it_is_looked_for_where_the_routers_are() -> None:
    made = mesh(CERT)
    pod = shop.pod("edge", shop.ROUTER, app="edge")
    pod["metadata"]["namespace"] = "far"
    made.put(pod)
    (verdict,) = made.verdicts("Gateway", "edge")
    assert "looked for in the router's namespace far" in verdict.message
    pod["metadata"] = {**pod["metadata"], "labels": {"app": "idle"}}
    made.put(pod)
    assert made.reasons("Gateway", "edge") == []


def test_istios_way_says_it_too() -> None:
    made = Pipeline(Options(missing_destination="istio"))
    made.put(gateway(server("a")))
    (verdict,) = made.verdicts("Gateway", "edge")
    assert verdict.message.endswith("until then the listener waits for it")


def test_nothing_in_the_world_shows_a_key() -> None:
    made = mesh(CERT)
    body = keys.pair().key.decode().splitlines()[1]
    shown = repr(made.world) + repr(made.packed(replace(EDGE)))
    shown += repr(given(made, "kubernetes://cert"))
    assert "BEGIN" not in shown
    assert body not in shown
