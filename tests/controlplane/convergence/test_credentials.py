"""What is said of DestinationRules that name Secrets."""

from controlplane.convergence.credentials import FAMILY
from controlplane.kinds import Key
from tests.fakes import shop
from tests.fakes.keys import pair, tls_secret
from tests.fakes.pipeline import Pipeline

KEY = Key("DestinationRule", shop.NAMESPACE, "web")


def rule(**tls: str) -> shop.Document:
    document = shop.rule({"v1": "v1"})
    document["spec"]["trafficPolicy"] = {"tls": {"mode": "SIMPLE", **tls}}
    return document


def said(made: Pipeline) -> list[str]:
    return [f"{v.reason} {v.field}" for v in made.world.said.get((FAMILY, KEY), ())]


def test_a_secret_that_is_not_there_is_named_until_it_comes() -> None:
    made = Pipeline()
    made.put(shop.service("web", {"app": "web"}), rule(credentialName="backend"))
    assert said(made) == ["MissingSecret spec.trafficPolicy.tls.credentialName"]
    (verdict,) = made.world.said[(FAMILY, KEY)]
    assert '"backend"' in verdict.message
    made.put(tls_secret("backend", pair("backend.example")))
    assert said(made) == []
    made.delete(("Secret", "backend"))
    assert said(made) == ["MissingSecret spec.trafficPolicy.tls.credentialName"]
    made.delete(("DestinationRule", "web"))
    assert said(made) == []


def test_subsets_and_ports_have_credentials_of_their_own() -> None:
    made = Pipeline()
    document = rule()
    document["spec"]["subsets"][0]["trafficPolicy"] = {
        "tls": {"mode": "SIMPLE", "credentialName": "a"}
    }
    document["spec"]["trafficPolicy"]["portLevelSettings"] = [
        {"port": {"number": 9080}, "tls": {"mode": "SIMPLE", "credentialName": "b"}}
    ]
    made.put(shop.service("web", {"app": "web"}), document)
    assert said(made) == [
        "MissingSecret spec.trafficPolicy.portLevelSettings[port 9080].tls.credentialName",
        "MissingSecret spec.subsets[0].trafficPolicy.tls.credentialName",
    ]
    made.put(document := rule())
    assert said(made) == []
