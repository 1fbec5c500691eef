"""Our verdicts against istiod's, document by document.

`validation/` holds single documents and what a real istiod said of each. Weights are read as Istio
reads them. What we refuse because we do not serve it yet is listed by name in `not_served.txt`;
the list must be exact, so that it shrinks as features come. WRITE_NOT_SERVED=1 writes it again.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.kinds import Object, Refusal, Severity, decode

HERE = Path(__file__).parent / "validation"
LIST = HERE / "not_served.txt"
VERDICTS: dict[str, dict[str, Any]] = json.loads((HERE / "verdicts.json").read_text())


def decoded(name: str) -> Object | Refusal:
    (document,) = yaml.safe_load_all((HERE / name).read_text())
    found = decode(document, weights="relative")
    assert isinstance(found, Object | Refusal)
    return found


def is_unserved(found: Object | Refusal) -> bool:
    """Whether all that is wrong is what we do not serve."""
    if isinstance(found, Object):
        return False
    errors = [one for one in found.verdicts if one.severity is Severity.ERROR]
    return all(one.reason == "NotSupported" for one in errors)


def test_the_list_of_what_is_not_served_is_exact() -> None:
    found = sorted(name for name in VERDICTS if is_unserved(decoded(name)))
    if os.environ.get("WRITE_NOT_SERVED"):
        LIST.write_text("".join(f"{name}\n" for name in found))
    assert LIST.read_text().splitlines() == found


def test_every_document_has_a_verdict() -> None:
    assert {path.name for path in HERE.glob("*.yaml")} == set(VERDICTS)


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_the_verdict_is_istiods(name: str) -> None:
    found = decoded(name)
    if not is_unserved(found):
        assert isinstance(found, Object) == VERDICTS[name]["accepted"], found


@pytest.mark.parametrize(
    "name", sorted(name for name, said in VERDICTS.items() if said["warnings"])
)
def test_where_istiod_warns_we_warn(name: str) -> None:
    found = decoded(name)
    if isinstance(found, Object):
        assert any(one.severity is Severity.WARNING for one in found.warnings)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("025-vs-weight-sum-90.yaml", "WeightSum"),
        ("034-vs-weight-overflow.yaml", "WeightSum"),
        ("027-vs-weight-missing-in-two.yaml", "WeightSum"),
        ("294-vs-ok-three-weights.yaml", ""),
    ],
)
def test_our_own_reading_of_weights_wants_exactly_100(name: str, reason: str) -> None:
    (document,) = yaml.safe_load_all((HERE / name).read_text())
    found = decode(document)
    reasons = [one.reason for one in found.verdicts] if isinstance(found, Refusal) else [""]
    assert reasons == [reason]
