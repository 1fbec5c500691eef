"""The YAML of the demo means what the story says; the story itself is played by `make demo`."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.kinds import Object, Refusal, VirtualServiceSpec, decode
from examples.demo.layout import CLIENT, CONFIG, INGRESS, NAMESPACE, STORY
from examples.demo.probe import CALLERS
from examples.demo.steps import PEERS, ROUTES, SUBSETS
from examples.demo.story import STEPS

FILES = sorted([*CONFIG.glob("*.yaml"), *STORY.glob("*/*.yaml")])
BROKEN = STORY / "7-broken" / ROUTES


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize(
    "path", [p for p in FILES if p != BROKEN], ids=lambda p: str(p.relative_to(p.parents[1]))
)
def test_every_object_but_one_is_accepted_without_a_word(path: Path) -> None:
    for document in documents(path):
        decoded = decode(document)
        assert isinstance(decoded, Object), decoded
        assert decoded.warnings == ()


def test_the_broken_object_is_refused_for_its_weights() -> None:
    [document] = documents(BROKEN)
    decoded = decode(document)
    assert isinstance(decoded, Refusal)
    [verdict] = decoded.verdicts
    assert verdict.reason == "WeightSum"
    assert "120" in verdict.message


def test_every_edition_of_the_routes_has_a_name_of_its_own() -> None:
    paths = [CONFIG / ROUTES, *sorted(STORY.glob(f"*/{ROUTES}"))]
    names: list[str] = []
    for path in paths:
        [document] = documents(path)
        rules = document["spec"]["http"]
        found = {rule["headers"]["response"]["set"]["x-route"] for rule in rules}
        assert len(found) == 1
        names += found
    assert len(names) == len(set(names)) == 8


def test_the_renamed_subset_selects_the_same_pods() -> None:
    [before] = documents(CONFIG / SUBSETS)
    [after] = documents(STORY / "4-rename" / SUBSETS)
    assert [s["labels"] for s in before["spec"]["subsets"]] == [
        s["labels"] for s in after["spec"]["subsets"]
    ]
    assert [s["name"] for s in after["spec"]["subsets"]] == ["v1", "v3"]
    assert documents(STORY / "5-rename-back" / SUBSETS) == [before]


def test_both_ways_use_the_same_routes() -> None:
    decoded = decode(documents(CONFIG / ROUTES)[0])
    assert isinstance(decoded, Object)
    assert isinstance(decoded.spec, VirtualServiceSpec)
    assert set(decoded.spec.gateways) == {"mesh", "ingress"}


def test_only_the_end_of_a_backend_may_make_a_proxy_try_again() -> None:
    assert [step.title for step in STEPS if step.stops] == ["the backend is removed"]


def test_strict_is_for_the_whole_namespace_and_not_there_at_the_start() -> None:
    [found] = documents(STORY / "9-strict" / PEERS)
    assert found["metadata"]["namespace"] == NAMESPACE
    assert found["spec"] == {"mtls": {"mode": "STRICT"}}
    assert not (CONFIG / PEERS).exists()


def test_servers_must_know_callers_as_the_envoy_on_their_way() -> None:
    assert {flow: identity for flow, identity in CALLERS.items() if "sidecar" in flow} == (
        dict.fromkeys(("gRPC, sidecar", "HTTP, sidecar", "probe, sidecar"), CLIENT.identity)
    )
    assert {flow: identity for flow, identity in CALLERS.items() if "ingress" in flow} == (
        dict.fromkeys(("gRPC, ingress", "HTTP, ingress", "probe, ingress"), INGRESS.identity)
    )
