"""PeerAuthentication: modes, for workloads and their ports."""

from typing import Any

import pytest

from controlplane.kinds import PeerAuthenticationSpec
from tests.controlplane.kinds.samples import document, faults, good, remarks, spec
from translators.model import PeerMode

OFF = {"mode": "DISABLE"}
SELECTOR = {"matchLabels": {"a": "b"}}


def written(**fields: Any) -> PeerAuthenticationSpec:
    return spec(PeerAuthenticationSpec, document("PeerAuthentication", fields))


@pytest.mark.parametrize("mode", PeerMode)
def test_every_mode_is_taken(mode: PeerMode) -> None:
    assert written(mtls={"mode": str(mode)}).mode is mode


@pytest.mark.parametrize("fields", [{}, {"mtls": {}}, {"mtls": {"mode": "UNSET"}}])
def test_without_a_mode_it_is_inherited(fields: dict[str, Any]) -> None:
    found = written(**fields)
    assert found.mode is None
    assert found.labels == found.ports == {}


def test_ports_have_modes_of_their_own() -> None:
    ports = {"80": OFF, "8080": {"mode": "UNSET"}}
    found = written(selector=SELECTOR, portLevelMtls=ports)
    assert found.ports == {80: PeerMode.DISABLE, 8080: None}
    assert found.labels == {"a": "b"}


def test_an_empty_selector_is_a_warning() -> None:
    raw = document("PeerAuthentication", {"selector": {}, "mtls": OFF})
    assert remarks(raw) == [("spec.selector", "EmptySelector")]
    assert not remarks(document("PeerAuthentication", {"mtls": OFF}))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"mtls": {"mode": "DISABL"}}, [("mtls.mode", "UnsupportedValue")]),
        (
            {"portLevelMtls": {}},
            [("portLevelMtls", "Empty"), ("portLevelMtls", "NeedsSelector")],
        ),
        ({"selector": {}, "portLevelMtls": {"80": OFF}}, [("portLevelMtls", "NeedsSelector")]),
        (
            {"selector": SELECTOR, "portLevelMtls": {"0": OFF, "http": OFF}},
            [("portLevelMtls.0", "OutOfRange"), ("portLevelMtls.http", "OutOfRange")],
        ),
    ],
)
def test_all_else_is_refused(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = faults(document("PeerAuthentication", fields))
    assert found == [(f"spec.{field}", reason) for field, reason in expected]


def test_it_is_an_object_of_its_own() -> None:
    assert good(document("PeerAuthentication", {})).key.kind == "PeerAuthentication"
