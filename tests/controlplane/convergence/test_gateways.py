"""Servers that speak TLS: chains by name, tables of their own, and what is left out."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.convergence import Options, build, place
from controlplane.convergence.router import Routed
from tests.fakes import keys, shop
from tests.fakes.edges import EDGE, STRANGER, bound, gateway, plain, server
from tests.fakes.pipeline import Pipeline
from translators.model import (
    DownstreamTls,
    FilterChain,
    HttpConnection,
    Inspector,
    MatchKind,
    Proxy,
    SecretRef,
    SecretSource,
    StringMatch,
    View,
)

CERT = keys.tls_secret("cert", keys.pair(), ca_crt=keys.roots())
ISTIO = Options(missing_destination="istio")


def mesh(*servers: dict[str, Any], options: Options | None = None) -> Pipeline:
    made = Pipeline(options or Options())
    made.put(shop.service("web", {"app": "web"}), CERT, bound(), gateway(*servers))
    return made


def routed(made: Pipeline, proxy: Proxy = EDGE) -> Routed:
    found = build(made.world, place(made.world, proxy).shared, None)
    assert isinstance(found, Routed)
    return found


def names(chains: tuple[FilterChain, ...]) -> list[tuple[str, ...]]:
    return [chain.match.server_names if chain.match else () for chain in chains]


def chains(view: View, listener: str = "0.0.0.0_443") -> tuple[FilterChain, ...]:
    return view.listeners[listener].chains if listener in view.listeners else ()


def tls(made: Pipeline, proxy: Proxy = EDGE) -> DownstreamTls:
    (chain,) = chains(routed(made, proxy).view)
    assert chain.tls is not None
    return chain.tls


def test_servers_of_one_port_are_chains_of_one_listener() -> None:
    made = mesh(server("a"), server("b", "B.example.com", "b.example.org"), server("rest", "*"))
    view = routed(made).view
    listener = view.listeners["0.0.0.0_443"]
    assert listener.inspectors == (Inspector.TLS,)
    assert names(listener.chains) == [
        ("a.example.com",),
        ("b.example.com", "b.example.org"),
        (),
    ]
    tables = [c.handler.routes for c in listener.chains if isinstance(c.handler, HttpConnection)]
    assert tables == [f"https.443.{name}.edge.shop" for name in ("a", "b", "rest")]
    assert set(view.tables) == set(tables)
    assert list(view.tables["https.443.a.edge.shop"].hosts) == ["a.example.com:443"]
    assert list(view.tables["https.443.b.edge.shop"].hosts) == ["blackhole:443"]


def test_plaintext_may_be_sent_to_https() -> None:
    made = mesh(plain("http", "a.example.com", "other.example.com", httpsRedirect=True))
    hosts = routed(made).view.tables["http.80"].hosts
    assert {n: (h.redirected, bool(h.routes)) for n, h in hosts.items()} == {
        "a.example.com:80": (True, True),
        "other.example.com:80": (True, False),
    }


def test_simple_presents_and_asks_for_nothing() -> None:
    assert tls(mesh(server("a"))) == DownstreamTls(
        certificates=(SecretRef("kubernetes://cert", SecretSource.ADS),),
        alpn=("h2", "http/1.1"),
        minimum="",
    )


def test_mutual_verifies_with_the_same_secret_or_another() -> None:
    own = tls(mesh(server("a", mode="MUTUAL", credentialName="cert", subjectAltNames=["me"])))
    assert own.trust == SecretRef("kubernetes://cert-cacert", SecretSource.ADS)
    assert own.require
    assert own.sans == (StringMatch(MatchKind.EXACT, "me"),)
    other = mesh(
        server(
            "a",
            mode="OPTIONAL_MUTUAL",
            credentialName="cert",
            caCertCredentialName="kubernetes-gateway://shop/roots",
        )
    )
    other.put(keys.secret("roots", {"cacert": keys.roots()}, "Opaque"))
    found = tls(other)
    assert found.trust == SecretRef("kubernetes-gateway://shop/roots-cacert", SecretSource.ADS)
    assert not found.require


@pytest.mark.parametrize("source", [SecretSource.ADS, SecretSource.AGENT])
def test_the_meshs_own_certificates_come_from_where_the_proxy_has_them(
    source: SecretSource,
) -> None:
    found = tls(mesh(server("a", mode="ISTIO_MUTUAL")), replace(EDGE, secrets=source))
    assert found.certificates == (SecretRef("default", source),)
    assert (found.trust, found.require) == (SecretRef("ROOTCA", source), True)


def test_files_are_named() -> None:
    files = {"serverCertificate": "/c", "privateKey": "/k", "caCertificates": "/ca"}
    found = tls(mesh(server("a", mode="MUTUAL", **files, caCrl="/crl")), STRANGER)
    assert found.certificates == (SecretRef("file-cert:/c~/k", SecretSource.AGENT),)
    assert (found.trust, found.crl) == (SecretRef("file-root:/ca", SecretSource.AGENT), "/crl")


def test_whoever_is_not_verified_needs_no_roots() -> None:
    made = mesh(server("a", mode="MUTUAL", credentialName="bare", insecureSkipVerify=True))
    made.put(keys.tls_secret("bare", keys.pair()))
    found = tls(made)
    assert (found.trust, found.require, found.unverified) == (None, True, True)


def test_a_chain_without_its_secret_is_left_out_and_the_others_go_on() -> None:
    made = mesh(
        server("a"),
        server("b", "b.example.com", mode="SIMPLE", credentialName="none"),
        server("c", "c.example.com", mode="SIMPLE", credentialName="kubernetes-gateway://far/cert"),
    )
    found = routed(made)
    assert names(chains(found.view)) == [("a.example.com",)]
    assert set(found.view.tables) == {"https.443.a.edge.shop"}
    absent, far = found.held
    assert absent == (
        "Gateway shop/edge spec.servers[1]: there is no Secret shop/none, or none that was ever "
        "good"
    )
    assert far == (
        "Gateway shop/edge spec.servers[2]: Secret far/cert is of another namespace than the "
        "router's, shop"
    )


def test_mutual_needs_roots() -> None:
    made = mesh(server("a", mode="MUTUAL", credentialName="bare"), plain("http"))
    made.put(keys.tls_secret("bare", keys.pair()))
    found = routed(made)
    assert set(found.view.listeners) == {"0.0.0.0_80"}
    assert found.held == (
        "Gateway shop/edge spec.servers[0]: Secret shop/bare has no CA certificates (ca.crt)",
    )
    made.put(keys.secret("bare-cacert", {"ca.crt": keys.roots()}, "Opaque"))
    assert set(routed(made).view.listeners) == {"0.0.0.0_443", "0.0.0.0_80"}


def test_who_has_proven_nothing_gets_no_secret() -> None:
    made = mesh(server("a"), plain("http"))
    for router in (
        STRANGER,
        replace(EDGE, identity="spiffe://cluster.local/ns/other/sa/edge"),
        replace(EDGE, identity="shop"),
    ):
        found = routed(made, router)
        assert set(found.view.listeners) == {"0.0.0.0_80"}
        (why,) = found.held
        assert "has not proven" in why


def test_nobody_vouches_for_it_so_it_speaks_no_tls_of_the_mesh() -> None:
    made = mesh(server("a", mode="ISTIO_MUTUAL"))
    found = routed(made, replace(EDGE, identity="", secrets=SecretSource.NONE))
    assert (dict(found.view.listeners), len(found.held)) == ({}, 1)


def test_istios_way_sends_chains_as_they_are_written() -> None:
    made = mesh(server("a", mode="SIMPLE", credentialName="none"), options=ISTIO)
    assert tls(made, STRANGER).certificates[0].name == "kubernetes://none"
    assert routed(made, STRANGER).held == ()


def test_the_older_of_two_servers_for_one_name_wins() -> None:
    made = mesh(server("a"), server("b", "b.example.com", "A.example.com"))
    found = routed(made)
    assert names(chains(found.view)) == [("a.example.com",)]
    assert found.held == (
        "Gateway shop/edge spec.servers[1]: port 443 has an older server for a.example.com",
    )


def test_an_address_speaks_tls_or_plaintext() -> None:
    made = mesh(server("a"), plain("b", port=443))
    found = routed(made)
    assert len(chains(found.view)) == 1
    (why,) = found.held
    assert "speaks TLS on port 443" in why


def test_behind_a_service_the_table_keeps_the_gateways_port() -> None:
    made = mesh(server("a"))
    service = shop.service("edge", {"app": "edge"})
    service["spec"]["ports"] = [{"name": "https", "port": 443, "targetPort": 8443}]
    made.put(service, shop.pod("edge", shop.ROUTER, app="edge"))
    view = routed(made).view
    assert set(view.listeners) == {"0.0.0.0_8443"}
    assert list(view.tables["https.443.a.edge.shop"].hosts) == ["a.example.com:443"]


def test_other_changes_leave_listeners_the_same() -> None:
    made = mesh(server("a"), server("b", "b.example.com"))
    before = made.view(EDGE)
    made.put(keys.tls_secret("cert", keys.pair("b.example.com"), ca_crt=keys.roots()))
    assert made.view(EDGE) is before  # what a Secret holds is delivered apart
    made.put(bound("b.example.com", name="b"))
    after = made.view(EDGE)
    assert after.listeners["0.0.0.0_443"] is before.listeners["0.0.0.0_443"]
    assert after.tables["https.443.a.edge.shop"] is before.tables["https.443.a.edge.shop"]


def test_a_port_of_browsers_speaks_grpc_web() -> None:
    one = plain("web")
    one["port"]["protocol"] = "GRPC-WEB"
    (chain,) = chains(routed(mesh(one)).view, "0.0.0.0_80")
    assert isinstance(chain.handler, HttpConnection)
    assert chain.handler.grpc_web
