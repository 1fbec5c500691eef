"""Tokens of the local issuer: whose they are, how long, and that no other passes."""

from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from sds.identity import IdentityError
from sds.secrets import SecretError, encode_key
from sds.tokens import LocalTokens, TokenError
from tests.sds.material import START, p256, rsa_key


def test_who_holds_a_token() -> None:
    tokens = LocalTokens(None)
    token = tokens.issue("shop", "cart", seconds=60, now=START)
    for seconds in (-30, 0, 59):
        assert tokens.verify(token, START + timedelta(seconds=seconds)) == ("shop", "cart")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == "system:serviceaccount:shop:cart"
    assert (claims["iss"], claims["aud"]) == ("meshpilot", ["istio-ca"])
    assert jwt.get_unverified_header(token)["alg"] == "ES256"


def test_a_token_ends_whether_it_is_remembered_or_not() -> None:
    tokens = LocalTokens(None)
    token = tokens.issue("shop", "cart", seconds=60, now=START)
    end = START + timedelta(seconds=60)
    with pytest.raises(TokenError, match="expired at 2026-01-01T00:01:00Z"):
        tokens.verify(token, end)
    tokens.verify(token, START)
    for _ in range(2):
        with pytest.raises(TokenError, match="expired"):
            tokens.verify(token, end)
    with pytest.raises(TokenError, match="not valid yet"):
        LocalTokens.verify(tokens, token, START - timedelta(seconds=61))


def test_processes_share_the_key(tmp_path: Path) -> None:
    token = LocalTokens(tmp_path).issue("shop", "cart", seconds=60, now=START)
    assert LocalTokens(tmp_path).verify(token, START) == ("shop", "cart")
    file = tmp_path / "ca" / "token-key.pem"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(encode_key(rsa_key()))
    with pytest.raises(SecretError, match="not a P-256 key"):
        LocalTokens(tmp_path)


def _claims(**changed: object) -> dict[str, object]:
    second = int(START.timestamp())
    claims = {
        "iss": "meshpilot",
        "aud": ["istio-ca"],
        "sub": "system:serviceaccount:shop:cart",
        "iat": second,
        "exp": second + 60,
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody"},
        {"aud": ["another"]},
        {"aud": None},
        {"sub": "cart"},
        {"sub": "system:serviceaccount:shop"},
        {"sub": "system:serviceaccount:shop:cart:admin"},
        {"sub": None},
        {"exp": None},
        {"exp": "never"},
        {"exp": int(START.timestamp())},
    ],
)
def test_what_a_token_must_say(tmp_path: Path, changed: dict[str, object]) -> None:
    tokens = LocalTokens(tmp_path)
    key = (tmp_path / "ca" / "token-key.pem").read_bytes()
    assert tokens.verify(jwt.encode(_claims(), key, "ES256"), START) == ("shop", "cart")
    with pytest.raises(TokenError):
        tokens.verify(jwt.encode(_claims(**changed), key, "ES256"), START)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "a.b.c",
        "x" * 5000,
        jwt.encode(_claims(), None, "none"),
        jwt.encode(_claims(), "k" * 32, "HS256"),
        jwt.encode(_claims(), p256(), "ES256"),
    ],
)
def test_no_token_of_another_key_passes(token: str) -> None:
    with pytest.raises(TokenError) as caught:
        LocalTokens(None).verify(token, START)
    assert token not in str(caught.value) or not token


def test_names_that_no_workload_can_have() -> None:
    for namespace, account in (("", "a"), ("a", ""), ("a:b", "c"), ("a", "b/c")):
        with pytest.raises(IdentityError):
            LocalTokens(None).issue(namespace, account, seconds=60, now=START)
