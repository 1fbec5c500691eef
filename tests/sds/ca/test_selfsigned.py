"""A root of our own: what it says, and that it is there again after a restart."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from sds.ca.material import MaterialError
from sds.ca.selfsigned import Kind, SelfSigned
from sds.paths import may_sign
from tests.sds.material import START, Ca, Clock, Randomness


def _source(state: Path | None, *, rsa: bool = False) -> SelfSigned:
    kind = Kind("cluster.local", rsa=rsa)
    return SelfSigned(kind, state=state, clock=Clock(), random=Randomness())


def test_a_new_root() -> None:
    root = _source(None).material.certificate
    assert root.subject.rfc4514_string() == "O=cluster.local"
    assert root.not_valid_after_utc == START + timedelta(days=3650)
    assert may_sign(root) == ""
    root.verify_directly_issued_by(root)
    assert root.extensions.get_extension_for_class(x509.KeyUsage).critical


def test_rsa_on_wish() -> None:
    key = _source(None, rsa=True).material.key
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048


def test_it_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = _source(tmp_path).material
    again = _source(tmp_path).material
    assert again.certificate == first.certificate
    assert again.key.private_numbers() == first.key.private_numbers()


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    _source(tmp_path)
    directory = tmp_path / "ca"
    assert directory.stat().st_mode & 0o777 == 0o700
    files = list(directory.iterdir())
    assert {path.name for path in files} == {"root-1.pem", "root-1-key.pem"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


@pytest.mark.parametrize("file", ["root-1.pem", "root-1-key.pem"])
def test_a_root_is_never_silently_replaced(tmp_path: Path, file: str) -> None:
    _source(tmp_path)
    (tmp_path / "ca" / file).write_bytes(b"")
    with pytest.raises(MaterialError):
        _source(tmp_path)
    (tmp_path / "ca" / "root-1-key.pem").write_bytes(Ca().key_pem)
    with pytest.raises(MaterialError):
        _source(tmp_path)


def test_a_key_without_certificate_is_a_start_that_was_cut_off(tmp_path: Path) -> None:
    _source(tmp_path)
    (tmp_path / "ca" / "root-1.pem").unlink()
    assert _source(tmp_path).material.certificate.subject.rfc4514_string() == "O=cluster.local"


def test_the_newest_counts_and_the_others_are_forgotten(tmp_path: Path) -> None:
    source = _source(tmp_path)
    first = source.material
    # a clock that is set back makes it no older
    second = source.create(START - timedelta(days=1))
    again = _source(tmp_path)
    assert again.material.fingerprint == second.fingerprint
    recalled = again.recall(first.fingerprint)
    assert recalled is not None
    assert recalled.certificate == first.certificate
    again.forget(frozenset({second.fingerprint}))
    assert again.recall(first.fingerprint) is None
    assert _source(tmp_path).recall(first.fingerprint) is None
