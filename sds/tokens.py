"""Tokens of a local issuer, for meshes without Kubernetes: signed JWTs (ES256) that look like a
ServiceAccount's. The key is made by whoever comes first: the server, or the command that issues."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from sds.ca.files import create, private_directory
from sds.identity import IdentityError, SpiffeId
from sds.secrets import SecretError, encode_key, read_key

AUDIENCE: Final = "istio-ca"
ISSUER: Final = "meshpilot"
_ALGORITHM: Final = "ES256"
_SUBJECT: Final = "system:serviceaccount:"
_FILE: Final = "token-key.pem"
# a token has some hundred bytes; what is far longer is not one of ours
_LONGEST: Final = 4096
_REMEMBERED: Final = 10_000
# clocks of machines differ; issue and verification may be on two
_SKEW: Final = 60


class TokenError(ValueError):
    """Why a token is not accepted, for logs; holds no part of it."""


class LocalTokens:
    """Issues and verifies. Raises OSError and SecretError where the key cannot be made or read;
    without a state directory it lives as long as the process."""

    def __init__(self, state: Path | None) -> None:
        self._key = _key(state / "ca") if state is not None else _new()
        self._public = self._key.public_key()
        self._verified: OrderedDict[str, tuple[int, tuple[str, str]]] = OrderedDict()

    def issue(self, namespace: str, service_account: str, *, seconds: int, now: datetime) -> str:
        """A token for so many seconds; raises IdentityError for names no workload can have."""
        # any trust domain will do: the names are what is checked
        SpiffeId(ISSUER, namespace, service_account)
        if ":" in namespace or ":" in service_account:
            raise IdentityError("a colon cannot be part of a name")
        start = int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": [AUDIENCE],
            "sub": f"{_SUBJECT}{namespace}:{service_account}",
            "iat": start,
            "nbf": start,
            "exp": start + seconds,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def verify(self, token: str, now: datetime) -> tuple[str, str]:
        """Namespace and service account; raises TokenError. Verified tokens are remembered until
        they expire."""
        second = now.timestamp()
        known = self._verified.get(token)
        if known is not None:
            end, names = known
            if second < end:
                return names
            del self._verified[token]
            raise TokenError(f"it expired at {datetime.fromtimestamp(end, UTC):%FT%TZ}")
        claims = self._claims(token)
        end = _valid(claims, second)
        names = _names(claims)
        self._verified[token] = end, names
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return names

    def _claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > _LONGEST:
            raise TokenError("it is too long to be one of ours")
        try:
            return jwt.decode(
                token,
                self._public,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                # the clock is a parameter: what concerns time is looked at here
                options={
                    "require": ["exp", "iat", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise TokenError(f"{type(error).__name__}: it is not one of ours") from None


def _valid(claims: Mapping[str, Any], now: float) -> int:
    """When it ends, in seconds since 1970; raises TokenError where it is not valid now."""
    end, start = claims["exp"], claims.get("nbf", claims["iat"])
    if not isinstance(end, int) or not isinstance(start, int):
        raise TokenError("its times are no numbers")
    if now >= end:
        raise TokenError(f"it expired at {datetime.fromtimestamp(end, UTC):%FT%TZ}")
    if now < start - _SKEW:
        raise TokenError("it is not valid yet: the clocks differ")
    return end


def _names(claims: Mapping[str, Any]) -> tuple[str, str]:
    subject = claims["sub"]
    parts = subject.removeprefix(_SUBJECT).split(":")
    if not subject.startswith(_SUBJECT) or len(parts) != 2:
        raise TokenError("its subject is no service account")
    return parts[0], parts[1]


def _key(directory: Path) -> ec.EllipticCurvePrivateKey:
    private_directory(directory)
    path = directory / _FILE
    if not path.exists():
        create(path, encode_key(_new()))
    key = read_key(path.read_bytes())
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise SecretError(f"{path} is not a P-256 key")
    return key


def _new() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())
