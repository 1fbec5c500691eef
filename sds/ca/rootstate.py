"""Where a rotation stands, on the disk: `<state>/ca/rotation.json`. Holds certificates, no keys."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from sds.ca.files import private_directory, replace
from sds.secrets import SecretError, encode, read_certificates, read_revocations
from sds.stages import Rotation

FILE: Final = "rotation.json"
_VERSION: Final = 1


class StateError(Exception):
    """What is kept cannot be read: which roots are trusted is not guessed."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a key that signs, will sign or has signed.

    end      not before the end of the last certificate that it signed; None: it has signed nothing
    csr_end  the same of those whose keys clients hold
    crossed  the same key in certificates that earlier roots have signed
    crl      what was revoked of what it signed
    """

    certificate: x509.Certificate
    roots: tuple[x509.Certificate, ...]
    end: datetime | None = None
    csr_end: datetime | None = None
    crossed: tuple[x509.Certificate, ...] = ()
    crl: bytes = b""


@dataclass(frozen=True, slots=True)
class RootState:
    """records: by fingerprint, of all keys that the rotation names."""

    rotation: Rotation
    records: Mapping[str, Record]


class Journal:
    """One state on the disk; without a state directory, none."""

    def __init__(self, state: Path | None) -> None:
        self._path = state / "ca" / FILE if state is not None else None

    def load(self) -> RootState | None:
        """What was saved last; raises StateError where it cannot be read."""
        if self._path is None:
            return None
        try:
            return _decode(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, SecretError) as error:
            raise StateError(
                f"{self._path} cannot be read ({type(error).__name__}: {error}); restore it, or "
                "remove it if no certificate of an earlier root is in use"
            ) from None

    def save(self, state: RootState) -> None:
        """On the disk when it returns; raises OSError."""
        if self._path is None:
            return
        private_directory(self._path.parent)
        replace(self._path, json.dumps(_encode(state), indent=1).encode() + b"\n")


def _encode(state: RootState) -> dict[str, Any]:
    rotation = state.rotation
    return {
        "version": _VERSION,
        "stage": rotation.stage,
        "since": rotation.since.isoformat(),
        "signer": rotation.signer,
        "next": rotation.next,
        "retiring": list(rotation.retiring),
        "heldUntil": _text(rotation.held_until),
        "notes": list(rotation.notes),
        "keys": {
            name: {
                "certificate": encode((record.certificate,)).decode(),
                "roots": encode(record.roots).decode(),
                "end": _text(record.end),
                "csrEnd": _text(record.csr_end),
                "crossed": encode(record.crossed).decode(),
                "crl": record.crl.decode(),
            }
            for name, record in state.records.items()
        },
    }


def _decode(data: dict[str, Any]) -> RootState:
    if data["version"] != _VERSION:
        raise ValueError(f"version {data['version']} is not known here")
    rotation = Rotation(
        since=datetime.fromisoformat(data["since"]),
        signer=data["signer"],
        next=data["next"],
        retiring=tuple(data["retiring"]),
        held_until=_time(data["heldUntil"]),
        notes=tuple(data["notes"]),
    )
    records = {
        name: Record(
            certificate=read_certificates(key["certificate"].encode())[0],
            roots=read_certificates(key["roots"].encode()),
            end=_time(key["end"]),
            csr_end=_time(key["csrEnd"]),
            crossed=read_certificates(key["crossed"].encode()) if key["crossed"] else (),
            crl=read_revocations(key["crl"].encode()),
        )
        for name, key in data["keys"].items()
    }
    for name in (rotation.signer, *rotation.retiring, *filter(None, (rotation.next,))):
        if name not in records:
            raise ValueError(f"key {name} is named, but not described")
    return RootState(rotation, records)


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time is not None else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
