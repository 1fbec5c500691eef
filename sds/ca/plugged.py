"""Signing material that somebody else puts into a directory: Istio's `cacerts` layout, or the files
of cert-manager. Watching the directory is the caller's; here it is read when told."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sds.ca.material import Material, MaterialError, Reload, assemble


class Plugged:
    """A source that reads. Raises MaterialError when nothing can be used at first; afterwards the
    last good material stays."""

    def __init__(self, directory: Path, *, clock: Callable[[], datetime]) -> None:
        self._directory = directory
        self._clock = clock
        self._material = read(directory, clock())

    @property
    def material(self) -> Material:
        return self._material

    def reload(self) -> Reload:
        try:
            found = read(self._directory, self._clock())
        except MaterialError as error:
            return Reload(changed=False, problem=str(error))
        if found.fingerprint == self._material.fingerprint and _rest(found) == _rest(
            self._material
        ):
            return Reload(changed=False)
        self._material = found
        return Reload(changed=True)

    def create(self, now: datetime) -> Material | None:
        return None

    def recall(self, name: str) -> Material | None:
        return self._material if self._material.fingerprint == name else None

    def forget(self, keep: frozenset[str]) -> None:
        """The files are somebody else's."""


def read(directory: Path, now: datetime) -> Material:
    """ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem, ca-crl.pem (the last two optional);
    or tls.crt, tls.key, ca.crt, ca.crl (the last optional)."""
    istio = (directory / "ca-key.pem").exists()
    try:
        if istio:
            return assemble(
                (directory / "ca-cert.pem").read_bytes(),
                (directory / "ca-key.pem").read_bytes(),
                chain=_optional(directory / "cert-chain.pem"),
                roots=(directory / "root-cert.pem").read_bytes(),
                crl=_optional(directory / "ca-crl.pem"),
                now=now,
            )
        return assemble(
            (directory / "tls.crt").read_bytes(),
            (directory / "tls.key").read_bytes(),
            roots=(directory / "ca.crt").read_bytes(),
            crl=_optional(directory / "ca.crl"),
            now=now,
        )
    except OSError as error:
        raise MaterialError(f"{error.filename}: {error.strerror}") from None
    except MaterialError as error:
        raise MaterialError(f"{directory}: {error}") from None


def _optional(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _rest(material: Material) -> tuple[object, ...]:
    return material.chain, frozenset(material.roots), material.crl
