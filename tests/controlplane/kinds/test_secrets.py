"""Secret: what is kept of it, what is refused, and that none of it is ever shown."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from controlplane.kinds import Object, Refusal, SecretSpec, decode
from tests.controlplane.kinds.samples import document, faults, good, spec
from tests.fakes import keys

GOOD = keys.pair()
WHOLE = {"tls.crt": GOOD.certificate, "tls.key": GOOD.key, "ca.crt": keys.roots()}


def test_a_tls_secret_is_read() -> None:
    found = spec(SecretSpec, keys.secret("a", {**WHOLE, "ca.crl": keys.revoked()}))
    assert (found.certificate, found.key) == (GOOD.certificate, GOOD.key)
    assert (found.ca, found.crl, found.ocsp) == (keys.roots(), keys.revoked(), b"")
    assert found.not_after is not None
    assert found.not_after < keys.UNTIL


def test_istios_other_keys_are_read_and_win() -> None:
    other = keys.pair("b.example.com")
    values = {**WHOLE, "cert": other.certificate, "key": other.key, "cacert": keys.roots("b")}
    found = spec(SecretSpec, keys.secret("a", {**values, "crl": keys.revoked("b")}, "Opaque"))
    assert (found.certificate, found.key, found.ca) == (
        other.certificate,
        other.key,
        keys.roots("b"),
    )
    assert found.crl == keys.revoked("b")


def test_text_needs_no_base64_and_wins() -> None:
    raw = keys.secret("a", {"tls.crt": b"x", "tls.key": b"y"})
    raw["stringData"] = {"tls.crt": GOOD.certificate.decode(), "tls.key": GOOD.key.decode()}
    assert spec(SecretSpec, raw).certificate == GOOD.certificate


def test_what_is_for_others_is_not_kept() -> None:
    account = keys.secret("a", {"ca.crt": b"x", "token": b"y"}, "kubernetes.io/service-account")
    for raw in (account, keys.secret("a", {"password": b"p"}, "Opaque")):
        found = spec(SecretSpec, raw)
        assert (found.certificate, found.key, found.ca) == (b"", b"", b"")


def test_equal_content_has_an_equal_digest() -> None:
    one = spec(SecretSpec, keys.secret("a", WHOLE))
    assert one.digest == spec(SecretSpec, keys.secret("b", WHOLE)).digest
    less = {name: value for name, value in WHOLE.items() if name != "ca.crt"}
    assert one.digest != spec(SecretSpec, keys.secret("a", less)).digest


@pytest.mark.parametrize(
    ("values", "key", "reason"),
    [
        ({"tls.key": GOOD.key}, "tls.crt", "Required"),
        ({"tls.crt": GOOD.certificate}, "tls.key", "Required"),
        ({**WHOLE, "tls.crt": b"none"}, "tls.crt", "BadCertificate"),
        ({**WHOLE, "tls.crt": GOOD.key}, "tls.crt", "BadCertificate"),
        ({**WHOLE, "tls.key": b"none"}, "tls.key", "BadKey"),
        ({**WHOLE, "tls.key": keys.pair("b").key}, "tls.key", "KeyMismatch"),
        ({**WHOLE, "ca.crt": b"none"}, "ca.crt", "BadCertificate"),
        ({**WHOLE, "ca.crl": b"none"}, "ca.crl", "BadRevocationList"),
        ({**WHOLE, "tls.ocsp-staple": b"none"}, "tls.ocsp-staple", "BadStaple"),
    ],
)
def test_what_envoy_would_not_take_is_refused(
    values: dict[str, bytes], key: str, reason: str
) -> None:
    assert faults(keys.secret("a", values)) == [(f"data[{key}]", reason)]


def test_short_keys_are_refused() -> None:
    short = keys.pair_of(rsa.generate_private_key(65537, 1024))
    assert faults(keys.tls_secret("a", short)) == [("data[tls.key]", "WeakKey")]
    assert good(keys.tls_secret("a", keys.pair_of(rsa.generate_private_key(65537, 2048))))


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"data": {"tls.crt": "%"}}, "data[tls.crt]", "Base64"),
        ({"data": {"tls.crt": 7}}, "data[tls.crt]", "WrongType"),
        ({"data": ["x"]}, "data", "WrongType"),
        ({"stringData": "x"}, "stringData", "WrongType"),
        ({"stringData": {"ca.crt": "x" * (2**20 + 1)}}, "data", "TooLarge"),
        ({"type": 7}, "type", "WrongType"),
    ],
)
def test_a_secret_that_is_none_is_refused(fields: dict[str, Any], field: str, reason: str) -> None:
    assert faults(document("Secret", **fields)) == [(field, reason)]


@pytest.mark.parametrize(
    "raw",
    [
        keys.secret("a", WHOLE),
        keys.secret("a", {**WHOLE, "tls.crt": GOOD.key}),
        keys.secret("a", {**WHOLE, "tls.key": GOOD.key[:-40]}),
        document("Secret", stringData={"tls.crt": [GOOD.key.decode()], "tls.key": {"a": "MHcC"}}),
        document("Secret", stringData=[GOOD.key.decode()]),
        document("Secret", stringData=GOOD.key.decode()),
        document("Secret", data={"tls.key": GOOD.key.decode()}),
    ],
)
def test_nothing_shows_a_key(raw: dict[str, Any]) -> None:
    found = decode(raw)
    shown = repr(found)
    if isinstance(found, Object):
        shown += repr(found.raw) + str(found.raw)
        assert not found.raw
    else:
        assert isinstance(found, Refusal)
    body = GOOD.key.decode().splitlines()[1]
    assert body not in shown
    assert "PRIVATE KEY" not in shown
    assert "MHcC" not in shown
