"""Secret (Kubernetes): certificates and keys that routers present, and what they trust.

Of all that Secrets hold only Istio's keys are kept, and none of it is ever shown: not in a repr,
not in a verdict, and the document they came in is let go.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final, Self

from pydantic import Field, PrivateAttr, model_validator

from controlplane.kinds.fields import Text
from controlplane.kinds.frames import Lenient
from controlplane.kinds.keypairs import check_pair, check_roots, check_staple
from controlplane.kinds.problems import Problem, together

TLS: Final = "kubernetes.io/tls"
_OPAQUE: Final = frozenset({"", "Opaque", "generic"})
_LARGEST: Final = 1024 * 1024  # as Kubernetes has it, all values together

# Istio's two families of keys; the first that has both a certificate and a key counts
_PAIRS: Final = (("cert", "key"), ("tls.crt", "tls.key"))
_ROOTS: Final = ("cacert", "ca.crt")
_LISTS: Final = ("crl", "ca.crl")
_STAPLE: Final = "tls.ocsp-staple"
_READ: Final = frozenset({*sum(_PAIRS, ()), *_ROOTS, *_LISTS, _STAPLE})


@dataclass(frozen=True, slots=True)
class SecretSpec:
    """What a Secret has, as PEM (`ocsp` as DER); b"" for what it does not have.

    digest     of the whole content: equal for Secrets that say the same
    not_after  when the first certificate of the chain expires; None without one
    """

    type: str
    digest: str
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    ca: bytes = field(default=b"", repr=False)
    crl: bytes = field(default=b"", repr=False)
    ocsp: bytes = field(default=b"", repr=False)
    not_after: datetime | None = None


class SecretDocument(Lenient):
    """The values are read by hand: pydantic would show them where they are wrong."""

    type: Text = ""
    data: object = Field(default=None, repr=False)
    string_data: object = Field(default=None, repr=False)
    _spec: SecretSpec = PrivateAttr()

    @model_validator(mode="after")
    def _read(self) -> Self:
        found: list[Problem] = []
        values = dict(_decoded(self.data, found)) | dict(_plain(self.string_data, found))
        if sum(map(len, values.values())) > _LARGEST:
            found.append(Problem(("data",), "TooLarge", "a Secret has at most 1 MiB", "split it"))
        together(found)
        self._spec = _spec(self.type, values, found)
        together(found)
        return self

    def value(self) -> SecretSpec:
        return self._spec


def _decoded(data: object, found: list[Problem]) -> Iterator[tuple[str, bytes]]:
    for name, value in _texts("data", data, found):
        try:
            yield name, b64decode("".join(value.split()), validate=True)
        except (Base64Error, ValueError):
            found.append(
                Problem(
                    ("data", name),
                    "Base64",
                    "this is no base64",
                    "encode the value, or write it under stringData",
                )
            )


def _plain(data: object, found: list[Problem]) -> Iterator[tuple[str, bytes]]:
    for name, value in _texts("stringData", data, found):
        yield name, value.encode(errors="replace")


def _texts(block: str, data: object, found: list[Problem]) -> Iterator[tuple[str, str]]:
    """The values that are read, by name."""
    if data is None:
        return
    if not isinstance(data, Mapping):
        found.append(Problem((block,), "WrongType", "it must be a map", "write name: text"))
        return
    size = 0
    for name, value in data.items():
        if name not in _READ:
            continue
        if isinstance(value, str):
            size += len(value)
            if size > 2 * _LARGEST:
                found.append(
                    Problem((block,), "TooLarge", "a Secret has at most 1 MiB", "split it")
                )
                return
            yield name, value
        elif value is not None:
            found.append(Problem((block, name), "WrongType", "it must be text", "put it in quotes"))


def _spec(kind: str, values: Mapping[str, bytes], found: list[Problem]) -> SecretSpec:
    """What of `values` is kept; Secrets of other types are for others."""
    if kind != TLS and kind not in _OPAQUE:
        return SecretSpec(kind, "")
    if kind == TLS and (missing := [name for name in _PAIRS[1] if not values.get(name)]):
        found += map(_missing, missing)
        return SecretSpec(kind, "")
    pair = next((p for p in _PAIRS if all(values.get(name) for name in p)), ("", ""))
    roots = _first(values, _ROOTS)
    lists = _first(values, _LISTS) if roots else ""
    staple = _STAPLE if pair[0] and values.get(_STAPLE) else ""
    certificate, key, ca, crl, ocsp = parts = tuple(
        values.get(name, b"") for name in (*pair, roots, lists, staple)
    )
    not_after = None
    if certificate:
        not_after, problems = check_pair(certificate, key)
        found += (_at(pair[problem.path == ("key",)], problem) for problem in problems)
    if ca:
        for problem in check_roots(ca, crl):
            found.append(_at(lists if problem.path == ("crl",) else roots, problem))
    if ocsp:
        found += (_at(staple, problem) for problem in check_staple(ocsp))
    return SecretSpec(kind, _digest(kind, parts), certificate, key, ca, crl, ocsp, not_after)


def _missing(name: str) -> Problem:
    why = f"a Secret of type {TLS} has a certificate and its key"
    return Problem(("data", name), "Required", why, f"add {name}")


def _first(values: Mapping[str, bytes], names: tuple[str, ...]) -> str:
    return next((name for name in names if values.get(name)), "")


def _at(name: str, problem: Problem) -> Problem:
    return problem._replace(path=("data", name))


def _digest(kind: str, parts: tuple[bytes, ...]) -> str:
    found = sha256(kind.encode(errors="replace"))
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()
