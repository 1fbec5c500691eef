"""The tls block of a traffic policy: every field is kept, what contradicts itself is refused."""

from typing import Any

import pytest

from controlplane.kinds import DestinationRuleSpec
from tests.controlplane.kinds.samples import document, faults, remarks, spec
from translators.model import ClientTls, TlsMode

FILES = {"clientCertificate": "/c.pem", "privateKey": "/k.pem"}


def rule(tls: dict[str, Any]) -> dict[str, Any]:
    return document("DestinationRule", {"host": "a", "trafficPolicy": {"tls": tls}})


def read(tls: dict[str, Any]) -> ClientTls | None:
    policy = spec(DestinationRuleSpec, rule(tls)).policy
    assert policy is not None
    return policy.tls


def test_every_field_is_kept() -> None:
    more = {"caCertificates": "/ca.pem", "caCrl": "/crl.pem", "sni": "x.com"}
    found = read({"mode": "MUTUAL", **FILES, **more, "subjectAltNames": ["y.com", ""]})
    assert found == ClientTls(
        TlsMode.MUTUAL,
        certificate="/c.pem",
        key="/k.pem",
        roots="/ca.pem",
        crl="/crl.pem",
        sans=("y.com",),
        sni="x.com",
    )
    assert read({"mode": "SIMPLE", "insecureSkipVerify": True}) == ClientTls(
        TlsMode.SIMPLE, unverified=True
    )


def test_without_a_mode_tls_is_disabled() -> None:
    assert read({}) == ClientTls(TlsMode.DISABLE)


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ({"mode": "STRONG"}, [("mode", "UnsupportedValue")]),
        ({"mode": "MUTUAL"}, [("clientCertificate", "Required"), ("privateKey", "Required")]),
        (
            {"mode": "SIMPLE", "credentialName": "c", "caCertificates": "/ca.pem"},
            [("credentialName", "OneOf")],
        ),
        (
            {"mode": "SIMPLE", "insecureSkipVerify": True, "subjectAltNames": ["a"]},
            [("insecureSkipVerify", "OneOf")],
        ),
        (
            {"mode": "SIMPLE", "insecureSkipVerify": True, "credentialName": "c"},
            [("insecureSkipVerify", "OneOf")],
        ),
    ],
)
def test_contradictions_are_refused(tls: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert faults(rule(tls)) == [(f"spec.trafficPolicy.tls.{f}", reason) for f, reason in expected]


def test_a_credential_is_for_routers() -> None:
    raw = rule({"mode": "MUTUAL", "credentialName": "c"})
    assert remarks(raw) == [("spec.trafficPolicy.tls.credentialName", "RoutersOnly")]
