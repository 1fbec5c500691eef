"""Which Secrets a router is given."""

from dataclasses import replace

from controlplane.convergence import secrets_of
from tests.fakes import keys, shop
from tests.fakes.edges import EDGE, STRANGER, gateway, server
from tests.fakes.pipeline import Pipeline, proxy
from translators.model import Certificate, ProxyType, Trust

PAIR = keys.pair()


def mesh() -> Pipeline:
    made = Pipeline()
    made.put(
        shop.service("web", {"app": "web"}),
        keys.tls_secret("cert", PAIR, ca_crt=keys.roots()),
        keys.tls_secret("unnamed", PAIR),
        gateway(
            server("a", mode="MUTUAL", credentialName="cert"),
            server("b", "b.example.com", mode="SIMPLE", credentialName="kubernetes://none"),
        ),
    )
    return made


def test_a_router_is_given_what_its_gateways_name() -> None:
    assert secrets_of(mesh().world.mesh, EDGE) == {
        "kubernetes://cert": Certificate(PAIR.certificate, PAIR.key),
        "kubernetes://cert-cacert": Trust(keys.roots()),
    }


def test_nobody_else_is_given_anything() -> None:
    found = mesh().world.mesh
    idle = replace(EDGE, labels={"app": "idle"})
    sidecar = replace(proxy("edge"), labels=EDGE.labels, identity=EDGE.identity)
    far = replace(EDGE, identity="spiffe://cluster.local/ns/far/sa/edge")
    elsewhere = replace(far, namespace="far")
    for other in (STRANGER, idle, sidecar, far, elsewhere):
        assert secrets_of(found, other) == {}
    assert sidecar.type is ProxyType.SIDECAR


def test_what_destinations_name_is_given_too() -> None:
    made = mesh()
    rule = shop.rule({"v1": "v1"})
    rule["spec"]["trafficPolicy"] = {"tls": {"mode": "SIMPLE", "credentialName": "upstream"}}
    upstream = keys.tls_secret("upstream", PAIR, ca_crt=keys.roots())
    made.put(rule, upstream)
    found = secrets_of(made.world.mesh, EDGE)
    assert "kubernetes://upstream-cacert" in found
    assert "kubernetes://upstream" not in found
    rule["spec"]["trafficPolicy"]["tls"]["mode"] = "MUTUAL"
    made.put(rule)
    assert "kubernetes://upstream" in secrets_of(made.world.mesh, EDGE)
