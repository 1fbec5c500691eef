"""What we send against what a real istiod sends, for the recorded configurations.

Clusters, endpoints, listeners and route tables are compared by behaviour (compare.py). A case that
uses what we refuse as not served yet is listed in `not_served.txt`; a group of resources that
differs stands in `differs.txt` as "case group: reason". Both must be exact, so that they shrink as
features come. WRITE_NOT_SERVED=1 writes the first list again.
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
SERVED = [name for name in NAMES if name not in NOT_SERVED.read_text().split()]


@cache
def answer(name: str) -> recorded.Answer:
    return recorded.answer(recorded.CASES / name)


def unserved(name: str) -> bool:
    return bool(answer(name).refused)


@cache
def differences(name: str) -> dict[str, list[object]]:
    """By group of resources."""
    found: dict[str, list[object]] = {group: [] for group in compare.GROUPS}
    for proxy, dump in answer(name).dumps.items():
        expected = json.loads((recorded.CASES / name / "expected" / f"{proxy}.json").read_text())
        for difference in compare.diff(expected, dump):
            found[difference[0]].append((proxy, *difference))
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


def test_what_differs_is_a_group_of_a_case_that_is_served() -> None:
    assert set(DIFFERS) <= {f"{name} {group}" for name in SERVED for group in compare.GROUPS}


@pytest.mark.parametrize("group", compare.GROUPS)
@pytest.mark.parametrize("name", SERVED)
def test_resources_are_istiods(name: str, group: str) -> None:
    found = differences(name)[group]
    if f"{name} {group}" in DIFFERS:
        assert found, f"{name} {group} does not differ any more: remove it from differs.txt"
    else:
        assert not found, found[:3]
