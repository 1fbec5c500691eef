"""Rotation of a root: no key signs before everyone trusts it, none leaves while it is in use."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from sds.ca.plugged import Plugged
from sds.ca.rootstate import FILE
from sds.ca.selfsigned import Kind, SelfSigned
from sds.identity import SpiffeId
from sds.issuer import Issuer
from sds.rotation import Facts, RotatingAuthority, RotationError, Stage
from tests.sds.ca.test_plugged import cacerts
from tests.sds.material import START, Ca, Clock, Randomness, csr, p256

WHO = SpiffeId("cluster.local", "shop", "cart")


def _made(state: Path | None, clock: Clock) -> RotatingAuthority:
    kind = Kind("cluster.local")
    source = SelfSigned(kind, state=state, clock=clock, random=Randomness())
    return RotatingAuthority(source, state=state, clock=clock, random=os.urandom)


def _plugged(directory: Path, state: Path | None, clock: Clock) -> RotatingAuthority:
    return RotatingAuthority(
        Plugged(directory, clock=clock), state=state, clock=clock, random=os.urandom
    )


def _issuer(ca: RotatingAuthority, clock: Clock) -> Issuer:
    return Issuer(ca, clock=clock, random=Randomness(), trust_domain="cluster.local")


async def _leaf(ca: RotatingAuthority, clock: Clock, seconds: int = 60) -> x509.Certificate:
    return (await _issuer(ca, clock).make(WHO, seconds)).leaf


def _facts(clock: Clock, *lagging: str) -> Facts:
    return Facts(clock(), acknowledged=not lagging, lagging=lagging)


async def test_the_stages_of_a_root_of_our_own() -> None:
    clock = Clock()
    ca = _made(None, clock)
    (old,) = ca.bundle.certificates
    told: list[tuple[Stage, int]] = []
    ca.on_change(lambda: told.append((ca.status().stage, len(ca.bundle.certificates))))
    await _leaf(ca, clock)
    assert not ca.advance(_facts(clock))

    clock.step(seconds=1)
    assert ca.rotate().stage is Stage.TRUSTING
    new = next(one for one in ca.bundle.certificates if one != old)
    (await _leaf(ca, clock)).verify_directly_issued_by(old)
    assert not ca.advance(_facts(clock, "a.shop", "b.shop"))
    assert "a.shop, b.shop" in ca.status().waiting[0]

    clock.step(seconds=5)
    last = await _leaf(ca, clock)
    assert ca.advance(_facts(clock))
    assert ca.status().stage is Stage.SIGNING
    (await _leaf(ca, clock)).verify_directly_issued_by(new)
    assert set(ca.bundle.certificates) == {old, new}

    clock.now = last.not_valid_after_utc - timedelta(seconds=1)
    assert not ca.advance(_facts(clock))
    clock.step(seconds=1)
    assert ca.advance(_facts(clock))
    assert ca.status().stage is Stage.STABLE
    assert ca.bundle.certificates == (new,)
    assert told == [(Stage.TRUSTING, 2), (Stage.SIGNING, 2), (Stage.STABLE, 1)]


async def test_clients_that_hold_their_keys_are_waited_for() -> None:
    clock = Clock()
    ca = _made(None, clock)
    await _issuer(ca, clock).sign_csr(WHO, csr(), 3600)
    ca.rotate()
    # who asks from now on learns both roots
    clock.step(seconds=1)
    chain = await _issuer(ca, clock).sign_csr(WHO, csr(), 7200)
    assert chain[-1].count("BEGIN") == 2
    clock.now = START + timedelta(seconds=3599)
    assert not ca.advance(_facts(clock))
    assert "2026-01-01T01:00:00Z" in ca.status().waiting[0]
    assert not ca.advance(Facts(clock.step(seconds=1), True, csr_end=START + timedelta(hours=2)))
    assert ca.advance(_facts(clock))
    assert ca.status().stage is Stage.SIGNING


async def test_an_operator_need_not_wait() -> None:
    clock = Clock()
    ca = _made(None, clock)
    with pytest.raises(RotationError, match="nothing waits"):
        ca.resume()
    await _issuer(ca, clock).sign_csr(WHO, csr(), 3600)
    ca.rotate()
    with pytest.raises(RotationError, match="a rotation is running"):
        ca.rotate()
    ca.advance(_facts(clock, "slow.shop"))
    status = ca.resume()
    assert status.stage is Stage.SIGNING
    assert "slow.shop" in status.notes[0]
    assert "2026-01-01T01:00:00Z" in status.notes[0]
    with pytest.raises(RotationError, match="a rotation is running"):
        ca.rotate()


async def test_every_stage_survives_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    ca = _made(tmp_path, clock)
    await _leaf(ca, clock, 800)
    seen = []
    for act in (
        lambda ca: ca,
        lambda ca: ca.rotate(),
        lambda ca: ca.advance(_facts(clock)),
        lambda ca: clock.step(seconds=2000) and ca.advance(_facts(clock)),
    ):
        act(ca)
        again = _made(tmp_path, clock)
        before, after = ca.status(), again.status()
        assert (after.stage, after.since, after.signer, after.roots) == (
            before.stage,
            before.since,
            before.signer,
            before.roots,
        )
        assert again.bundle == ca.bundle
        signer = next(root for root in again.bundle.certificates if _signs(again, root))
        (await _leaf(again, clock)).verify_directly_issued_by(signer)
        seen.append(after.stage)
        ca = again
    assert seen == [Stage.STABLE, Stage.TRUSTING, Stage.SIGNING, Stage.STABLE]


def _signs(ca: RotatingAuthority, root: x509.Certificate) -> bool:
    place = ca.bundle.certificates.index(root)
    return ca.status().roots[place].signs


async def test_a_restart_forgets_no_certificate_that_is_in_use(tmp_path: Path) -> None:
    clock = Clock()
    ca = _made(tmp_path, clock)
    last = clock()
    for _ in range(50):
        last = (await _leaf(ca, clock, 800)).not_valid_after_utc
        clock.step(seconds=3)
    ca.rotate()
    ca.advance(_facts(clock))
    ca = _made(tmp_path, clock)
    clock.now = last - timedelta(seconds=1)
    ca.advance(_facts(clock))
    assert ca.status().stage is Stage.SIGNING
    # kept coarsely: later by an eighth of a lifetime at most
    clock.now = last + timedelta(seconds=920 / 8)
    ca.advance(_facts(clock))
    assert ca.status().stage is Stage.STABLE


async def test_the_disk_is_not_written_for_every_certificate(tmp_path: Path) -> None:
    clock = Clock()
    ca = _made(tmp_path, clock)
    file, written = tmp_path / "ca" / FILE, set()
    for _ in range(200):
        await _leaf(ca, clock, 86_400)
        written.add(file.stat().st_ino)
        clock.step(seconds=60)
    assert len(written) <= 3


def test_the_old_key_is_removed_when_it_no_longer_signs(tmp_path: Path) -> None:
    clock = Clock()
    ca = _made(tmp_path, clock)
    ca.rotate()
    assert len(list((tmp_path / "ca").glob("*-key.pem"))) == 2
    ca.advance(_facts(clock))
    assert [path.name for path in (tmp_path / "ca").glob("*-key.pem")] == ["root-2-key.pem"]
    assert b"PRIVATE" not in (tmp_path / "ca" / FILE).read_bytes()


def test_a_full_disk_stops_the_rotation_and_nothing_else(tmp_path: Path) -> None:
    clock = Clock()
    ca = _made(tmp_path, clock)
    ca.rotate()
    before = ca.bundle
    file = tmp_path / "ca" / FILE
    kept = file.read_bytes()
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    assert not ca.advance(_facts(clock))
    assert ca.status().stage is Stage.TRUSTING
    assert ca.bundle == before
    assert "cannot be kept" in ca.status().problems[0]
    (file / "in the way").rmdir()
    file.rmdir()
    file.write_bytes(kept)
    assert ca.advance(_facts(clock))
    assert ca.status().problems == ()


async def test_certificates_are_signed_although_the_disk_is_full(tmp_path: Path) -> None:
    clock = Clock()
    ca = _made(tmp_path, clock)
    file = tmp_path / "ca" / FILE
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    (await _leaf(ca, clock)).verify_directly_issued_by(ca.bundle.certificates[0])
    assert "cannot be kept" in ca.status().problems[0]


def test_a_root_that_nears_its_end_is_followed_by_another() -> None:
    clock = Clock()
    ca = _made(None, clock)
    clock.step(days=3650 * 0.79)
    assert not ca.advance(_facts(clock))
    clock.step(days=3650 * 0.02)
    assert ca.advance(_facts(clock, "slow.shop"))
    assert ca.status().stage is Stage.TRUSTING
    # whoever does not acknowledge does not keep it from signing for ever
    clock.step(days=3650 * 0.2)
    assert ca.advance(_facts(clock, "slow.shop"))
    assert "has expired" in ca.status().notes[0]


async def test_a_plugged_in_root_goes_through_the_same_stages(tmp_path: Path) -> None:
    clock, first, second = Clock(), Ca("First"), Ca("Second")
    ca = _plugged(cacerts(tmp_path, first, root=first), None, clock)
    with pytest.raises(RotationError, match="put the new files"):
        ca.rotate()
    await _leaf(ca, clock)
    cacerts(tmp_path, second, root=second)
    assert ca.reload().changed
    assert ca.status().stage is Stage.TRUSTING
    (await _leaf(ca, clock)).verify_directly_issued_by(first.certificate)
    ca.advance(_facts(clock))
    (await _leaf(ca, clock)).verify_directly_issued_by(second.certificate)
    clock.step(seconds=60)
    ca.advance(_facts(clock))
    assert ca.bundle.certificates == (second.certificate,)


async def test_another_intermediate_of_a_trusted_root_signs_at_once(tmp_path: Path) -> None:
    clock, root = Clock(), Ca("Root")
    ca = _plugged(cacerts(tmp_path, Ca("One", parent=root), root=root), None, clock)
    await _leaf(ca, clock)
    bundle, other = ca.bundle, Ca("Two", parent=root)
    cacerts(tmp_path, other, root=root)
    assert ca.reload().changed
    assert ca.status().stage is Stage.SIGNING
    assert ca.bundle == bundle
    assert ca.chain == (other.pem,)
    (await _leaf(ca, clock)).verify_directly_issued_by(other.certificate)


async def test_a_restart_without_the_old_plugged_in_key_is_said(tmp_path: Path) -> None:
    files, state, clock = tmp_path / "files", tmp_path / "state", Clock()
    files.mkdir()
    first, second = Ca("First"), Ca("Second")
    ca = _plugged(cacerts(files, first, root=first), state, clock)
    await _leaf(ca, clock)
    cacerts(files, second, root=second)
    ca.reload()
    again = _plugged(files, state, clock)
    (await _leaf(again, clock)).verify_directly_issued_by(second.certificate)
    assert set(again.bundle.certificates) == {first.certificate, second.certificate}
    assert "is not there" in again.status().notes[0]


def test_a_plugged_in_root_that_is_taken_back(tmp_path: Path) -> None:
    clock, first, second = Clock(), Ca("First"), Ca("Second")
    ca = _plugged(cacerts(tmp_path, first, root=first), None, clock)
    cacerts(tmp_path, second, root=second)
    ca.reload()
    cacerts(tmp_path, first, root=first)
    assert ca.reload().changed
    assert ca.status().stage is Stage.STABLE
    assert ca.bundle.certificates == (first.certificate,)


def test_a_third_root_waits_for_the_second(tmp_path: Path) -> None:
    clock, roots = Clock(), [Ca(text) for text in ("First", "Second", "Third")]
    ca = _plugged(cacerts(tmp_path, roots[0], root=roots[0]), None, clock)
    for root in roots[1:]:
        cacerts(tmp_path, root, root=root)
        found = ca.reload()
    assert "O=Third" in found.problem
    assert "waits" in ca.status().problems[0]
    assert ca.advance(_facts(clock))
    assert ca.status().stage is Stage.TRUSTING
    assert ca.advance(_facts(clock))
    assert ca.bundle.certificates == (roots[2].certificate,)


def test_what_is_wrong_with_new_files_is_said_until_it_is_right(tmp_path: Path) -> None:
    clock, root = Clock(), Ca("First")
    ca = _plugged(cacerts(tmp_path, root, root=root), None, clock)
    (tmp_path / "ca-key.pem").write_bytes(Ca(key=p256()).key_pem)
    assert "does not belong" in ca.reload().problem
    assert "does not belong" in ca.status().problems[0]
    cacerts(tmp_path, root, root=root)
    assert not ca.reload().changed
    assert ca.status().problems == ()


def test_revocations_are_taken_over(tmp_path: Path) -> None:
    clock, root = Clock(), Ca("First")
    ca = _plugged(cacerts(tmp_path, root, root=root), None, clock)
    told: list[bytes] = []
    ca.on_change(lambda: told.append(ca.crl))
    cacerts(tmp_path, root, root=root, crl=root.revokes(4))
    assert ca.reload().changed
    assert told == [ca.crl]
    assert ca.bundle.revocations == ca.crl != b""
    assert ca.status().stage is Stage.STABLE
