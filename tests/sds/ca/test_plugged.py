"""Material that somebody else puts there: both layouts, reloading, and what is wrong with it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sds.ca.material import MaterialError
from sds.ca.plugged import Plugged, read
from tests.sds.material import START, Ca, Clock, p256


def cacerts(
    directory: Path, signer: Ca, *, above: tuple[Ca, ...] = (), root: Ca, crl: bytes = b""
) -> Path:
    """Istio's layout; its chain file holds the root too, as Istio's own Makefile makes it."""
    (directory / "ca-cert.pem").write_bytes(signer.pem)
    (directory / "ca-key.pem").write_bytes(signer.key_pem)
    (directory / "root-cert.pem").write_bytes(root.pem)
    chain = b"".join(ca.pem for ca in (signer, *above, root))
    (directory / "cert-chain.pem").write_bytes(chain)
    if crl:
        (directory / "ca-crl.pem").write_bytes(crl)
    return directory


def test_istios_layout(tmp_path: Path) -> None:
    root = Ca("Root")
    signer = Ca("Signer", parent=root)
    material = read(cacerts(tmp_path, signer, root=root, crl=root.revokes(5)), START)
    assert material.certificate == signer.certificate
    assert material.chain == (signer.certificate,)
    assert material.roots == (root.certificate,)
    assert material.crl == root.revokes(5) or b"X509 CRL" in material.crl
    assert "EllipticCurvePrivateKey" not in repr(material)


def test_a_root_that_signs_by_itself(tmp_path: Path) -> None:
    root = Ca("Root")
    assert read(cacerts(tmp_path, root, root=root), START).chain == ()


def test_cert_managers_layout(tmp_path: Path) -> None:
    root = Ca("Root")
    middle = Ca("Middle", parent=root)
    signer = Ca("Signer", parent=middle)
    (tmp_path / "tls.crt").write_bytes(signer.pem + middle.pem)
    (tmp_path / "tls.key").write_bytes(signer.key_pem)
    (tmp_path / "ca.crt").write_bytes(root.pem)
    material = read(tmp_path, START)
    assert material.chain == (signer.certificate, middle.certificate)
    assert material.end == signer.certificate.not_valid_after_utc


ROOT = Ca("Root")


def _put(name: str, data: bytes) -> Callable[[Path], None]:
    def put(directory: Path) -> None:
        (directory / name).write_bytes(data)

    return put


def _signed_by(signer: Ca) -> Callable[[Path], None]:
    def put(directory: Path) -> None:
        cacerts(directory, signer, root=ROOT)

    return put


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda directory: (directory / "root-cert.pem").unlink(), "No such file"),
        (_put("ca-cert.pem", b""), "the signing certificate: there is no certificate"),
        (_put("root-cert.pem", b"x"), "the root: there is no certificate"),
        (_put("ca-key.pem", b"x"), "the signing key: there is no private key"),
        (_put("ca-key.pem", Ca().key_pem), "does not belong to the signing certificate"),
        (_put("root-cert.pem", Ca("Other").pem), "no chain leads from the signing certificate"),
        (_put("ca-crl.pem", b"x"), "there is no CRL"),
        (_signed_by(Ca("S", parent=ROOT, is_ca=False)), "it is no CA"),
        (_signed_by(Ca("S", parent=ROOT, end=START)), "O=S expired at 2026-01-01T00:00:00Z"),
        (
            _signed_by(Ca("S", parent=ROOT, start=START + timedelta(hours=1))),
            "is not valid before",
        ),
    ],
)
def test_the_last_good_stays_and_what_is_wrong_is_said(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    signer = Ca("Signer", parent=ROOT)
    plugged = Plugged(cacerts(tmp_path, signer, root=ROOT), clock=Clock())
    before = plugged.material
    spoil(tmp_path)
    found = plugged.reload()
    assert not found.changed
    assert said in found.problem
    assert "BEGIN" not in found.problem
    assert plugged.material is before
    with pytest.raises(MaterialError, match=r"^/"):
        Plugged(tmp_path, clock=Clock())

    if (tmp_path / "ca-crl.pem").exists():
        (tmp_path / "ca-crl.pem").unlink()
    cacerts(tmp_path, signer, root=ROOT)
    assert plugged.reload().problem == ""


def test_a_ca_too_deep(tmp_path: Path) -> None:
    root = Ca("Root", path_length=0)
    signer = Ca("Signer", parent=root)
    with pytest.raises(MaterialError, match="O=Root allows fewer CAs below it"):
        read(cacerts(tmp_path, signer, root=root), START)


def test_what_is_new(tmp_path: Path) -> None:
    root, clock = Ca("Root"), Clock()
    plugged = Plugged(cacerts(tmp_path, root, root=root), clock=clock)
    first = plugged.material
    assert not plugged.reload().changed
    signer = Ca("Signer", parent=root, key=p256())
    cacerts(tmp_path, signer, root=root)
    assert plugged.reload().changed
    assert plugged.recall(first.fingerprint) is None
    assert plugged.recall(plugged.material.fingerprint) is plugged.material
    cacerts(tmp_path, signer, root=root, crl=root.revokes(3))
    assert plugged.reload().changed
    assert plugged.create(clock()) is None
