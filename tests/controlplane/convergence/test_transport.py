"""How clients connect: as their DestinationRule says, else as the endpoints want it."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.convergence import Options
from tests.controlplane.convergence.test_peers import PROXIED, peers
from tests.fakes import shop
from tests.fakes.pipeline import Pipeline, proxy
from translators.model import (
    Cluster,
    Discovery,
    ProxyType,
    SecretRef,
    SecretSource,
    UpstreamTls,
)

NAME = "outbound|9080||web.shop.svc.cluster.local"
AGENT, ADS, NONE = SecretSource.AGENT, SecretSource.ADS, SecretSource.NONE
IDENTITY = "spiffe://cluster.local/ns/shop/sa/web"


def rule(**tls: Any) -> dict[str, Any]:
    document = shop.rule({})
    document["spec"]["trafficPolicy"] = {"tls": tls}
    return document


def mesh(*documents: dict[str, Any], options: Options | None = None) -> Pipeline:
    made = Pipeline(options) if options else Pipeline()
    made.put(
        shop.service("web", {"app": "web"}),
        shop.pod("v1", "127.0.60.11", app="web", **PROXIED),
        *documents,
    )
    return made


def cluster(made: Pipeline, secrets: SecretSource = AGENT, **viewer: Any) -> Cluster:
    return made.view(replace(proxy(**viewer), secrets=secrets)).clusters[NAME]


def tls(made: Pipeline, secrets: SecretSource = AGENT, **viewer: Any) -> UpstreamTls:
    found = cluster(made, secrets, **viewer).tls
    assert found is not None
    return found


def says_mutual(made: Pipeline) -> bool:
    (endpoint,) = made.view(proxy()).assignments[NAME].endpoints
    return endpoint.mutual


def test_endpoints_are_asked_where_nothing_is_written() -> None:
    found = tls(mesh())
    assert found == UpstreamTls(
        certificate=SecretRef("default", AGENT),
        trust=SecretRef("ROOTCA", AGENT),
        sni="outbound_.9080_._.web.shop.svc.cluster.local",
        sans=(IDENTITY,),
        alpn=("istio-peer-exchange", "istio"),
        by_endpoint=True,
        minimum="TLSv1_2",
        maximum="TLSv1_3",
    )
    assert tls(mesh(), ADS).certificate == SecretRef("default", ADS)
    assert cluster(mesh(), NONE).tls is None


def test_http2_is_negotiated_where_it_is_spoken() -> None:
    made = mesh()
    service = shop.service("web", {"app": "web"})
    service["spec"]["ports"][0]["name"] = "grpc"
    made.put(service)
    assert tls(made).alpn == ("istio-peer-exchange", "istio", "h2")


def test_aliases_of_the_trust_domain_count() -> None:
    made = mesh(options=Options(trust_domain="a.example", trust_domain_aliases=("old.example",)))
    assert tls(made).sans == (
        "spiffe://a.example/ns/shop/sa/web",
        "spiffe://old.example/ns/shop/sa/web",
    )


def test_automatic_mutual_tls_can_be_switched_off() -> None:
    made = mesh(options=Options(auto_mtls=False))
    assert cluster(made).tls is None
    made.put(rule(mode="ISTIO_MUTUAL"))
    assert not tls(made).by_endpoint


def test_a_rule_without_tls_takes_the_choice_from_endpoints() -> None:
    made = mesh()
    assert says_mutual(made)
    made.put(rule(mode="DISABLE"))
    assert cluster(made).tls is None
    assert not says_mutual(made)
    made.put(rule(mode="ISTIO_MUTUAL", sni="other", subjectAltNames=["spiffe://x"]))
    assert (tls(made).sni, tls(made).sans, tls(made).by_endpoint) == (
        "other",
        ("spiffe://x",),
        False,
    )
    assert says_mutual(made)
    assert cluster(made, NONE).tls is None


def test_files_are_named_for_the_agent_and_for_proxies_without() -> None:
    files = {"clientCertificate": "/c", "privateKey": "/k", "caCertificates": "/ca"}
    made = mesh(rule(mode="MUTUAL", caCrl="/crl", **files))
    for source in (AGENT, ADS, NONE):
        found = tls(made, source)
        assert found.certificate == SecretRef("file-cert:/c~/k", source)
        assert found.trust == SecretRef("file-root:/ca", source)
        assert (found.crl, found.automatic) == ("/crl", True)


def test_simple_trusts_the_system_unless_it_is_told_not_to_look() -> None:
    found = tls(mesh(rule(mode="SIMPLE")))
    assert (found.certificate, found.trust) == (None, SecretRef("file-root:system", AGENT))
    assert found.alpn == ()
    blind = tls(mesh(rule(mode="SIMPLE", insecureSkipVerify=True, sni="x")))
    assert (blind.trust, blind.automatic, blind.sni) == (None, False, "x")


def test_credentials_are_for_routers() -> None:
    made = mesh(rule(mode="MUTUAL", credentialName="c"))
    assert cluster(made).tls is None
    found = tls(made, name="edge", kind=ProxyType.ROUTER)
    assert found.certificate == SecretRef("kubernetes://c", ADS)
    assert found.trust == SecretRef("kubernetes://c-cacert", ADS)


@pytest.mark.parametrize(("labels", "secured"), [(PROXIED, True), ({}, False)])
def test_where_no_endpoint_can_be_asked_all_must_take_it(
    labels: dict[str, str], secured: bool
) -> None:
    made = mesh(shop.pod("v2", "127.0.60.12", app="web", **labels))
    service = shop.service("web", {"app": "web"})
    service["spec"]["clusterIP"] = "None"
    made.put(service)
    found = cluster(made)
    assert found.discovery is Discovery.ORIGINAL_DST
    assert (found.tls is not None) == secured
    assert found.tls is None or not found.tls.by_endpoint


def test_a_namespace_without_tls_leaves_its_exceptions() -> None:
    made = mesh(peers("a", "DISABLE"))
    assert cluster(made).tls is None
    made.put(peers("b", "STRICT", app="web"))
    assert tls(made).by_endpoint
    assert says_mutual(made)


def test_a_cluster_is_the_same_until_who_is_behind_it_changes() -> None:
    made = mesh()
    before = cluster(made)
    made.put(shop.pod("v2", "127.0.60.12", app="web"))
    made.put(peers("a", "STRICT"))
    assert cluster(made) is before
    stranger = shop.pod("v3", "127.0.60.13", app="web")
    stranger["spec"]["serviceAccountName"] = "stranger"
    made.put(stranger)
    assert len(tls(made).sans) == 2


def test_what_does_not_depend_on_identities_is_not_made_again() -> None:
    made = mesh(rule(mode="DISABLE"))
    before = cluster(made)
    stranger = shop.pod("v3", "127.0.60.13", app="web")
    stranger["spec"]["serviceAccountName"] = "stranger"
    made.put(stranger)
    assert cluster(made) is before


def test_grpc_clients_do_as_they_are_told_and_no_more() -> None:
    made = mesh()
    assert cluster(made, generator="grpc").tls is None
    made.put(rule(mode="ISTIO_MUTUAL"))
    found = tls(made, generator="grpc")
    assert (found.provider, found.sans) == (True, (IDENTITY,))
    made.put(rule(mode="SIMPLE"))
    assert cluster(made, generator="grpc").tls is None
