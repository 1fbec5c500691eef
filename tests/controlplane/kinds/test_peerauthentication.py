"""PeerAuthentication: mode DISABLE only."""

from typing import Any

import pytest

from tests.controlplane.kinds.samples import document, faults, good, remarks

OFF = {"mode": "DISABLE"}


def test_disable_is_taken() -> None:
    good(document("PeerAuthentication", {"mtls": OFF}))
    selector = {"matchLabels": {"a": "b"}}
    good(document("PeerAuthentication", {"selector": selector, "portLevelMtls": {"80": OFF}}))


def test_an_empty_selector_is_a_warning() -> None:
    raw = document("PeerAuthentication", {"selector": {}, "mtls": OFF})
    assert remarks(raw) == [("spec.selector", "EmptySelector")]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("mtls", "NotSupported")]),
        ({"mtls": {}}, [("mtls.mode", "NotSupported")]),
        ({"mtls": {"mode": "STRICT"}}, [("mtls.mode", "NotSupported")]),
        ({"mtls": {"mode": "DISABL"}}, [("mtls.mode", "UnsupportedValue")]),
        (
            {"portLevelMtls": {}},
            [("portLevelMtls", "Empty"), ("portLevelMtls", "NeedsSelector")],
        ),
        (
            {"selector": {"matchLabels": {"a": "b"}}, "portLevelMtls": {"0": OFF, "http": OFF}},
            [("portLevelMtls.0", "OutOfRange"), ("portLevelMtls.http", "OutOfRange")],
        ),
    ],
)
def test_all_else_is_refused(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = faults(document("PeerAuthentication", fields))
    assert found == [(f"spec.{field}", reason) for field, reason in expected]
