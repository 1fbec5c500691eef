"""Our route tables against those of a real istiod, for the recorded configurations.

Compared by behaviour (compare.py). A case that uses what we refuse as not served yet is listed in
`not_served.txt`, one whose tables differ in `differs.txt` with the reason; both must be exact, so
that they shrink as features come. Clusters and listeners carry automatic mTLS, which does not
exist here yet. WRITE_NOT_SERVED=1 writes the first list again.
"""

import json
import os
from functools import cache
from pathlib import Path

import pytest

from controlplane.kinds import Severity
from tests.compat import compare, recorded

HERE = Path(__file__).parent
NOT_SERVED = HERE / "not_served.txt"
DIFFERS = dict(
    line.split(": ", 1) for line in (HERE / "differs.txt").read_text().splitlines() if line
)
NAMES = [case.name for case in recorded.cases()]


@cache
def answer(name: str) -> recorded.Answer:
    return recorded.answer(recorded.CASES / name)


def unserved(name: str) -> bool:
    return bool(answer(name).refused)


def differences(name: str) -> list[object]:
    found: list[object] = []
    for proxy, dump in answer(name).dumps.items():
        expected = json.loads((recorded.CASES / name / "expected" / f"{proxy}.json").read_text())
        found += compare.diff(expected, dump, only=("routes",))
    return found


def test_the_list_of_cases_that_are_not_served_is_exact() -> None:
    found = [name for name in NAMES if unserved(name)]
    if os.environ.get("WRITE_NOT_SERVED"):
        NOT_SERVED.write_text("".join(f"{name}\n" for name in found))
    assert NOT_SERVED.read_text().splitlines() == found


@pytest.mark.parametrize("name", NAMES)
def test_only_what_is_not_served_is_refused_of_what_istio_accepts(name: str) -> None:
    for refusal in answer(name).refused.values():
        errors = [v for v in refusal.verdicts if v.severity is Severity.ERROR]
        assert {verdict.reason for verdict in errors} == {"NotSupported"}


@pytest.mark.parametrize("name", [n for n in NAMES if n not in NOT_SERVED.read_text().split()])
def test_the_route_tables_are_istiods(name: str) -> None:
    found = differences(name)
    if name in DIFFERS:
        assert found, f"{name} does not differ any more: remove it from differs.txt"
    else:
        assert not found, found[:3]
