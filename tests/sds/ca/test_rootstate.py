"""What is kept of a rotation is read again as it was, or not at all."""

from datetime import timedelta
from pathlib import Path

import pytest

from sds.ca.rootstate import FILE, Journal, Record, RootState, StateError
from sds.secrets import fingerprint
from sds.stages import Rotation
from tests.sds.material import START, Ca


def _state() -> RootState:
    ca, other = Ca("A"), Ca("B")
    one, two = fingerprint(ca.certificate), fingerprint(other.certificate)
    rotation = Rotation(START, one, two, (), START + timedelta(seconds=1.5), ("a note",))
    return RootState(
        rotation,
        {
            one: Record(ca.certificate, (ca.certificate, other.certificate), START, None),
            two: Record(other.certificate, (other.certificate,), None, START),
        },
    )


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    journal, state = Journal(tmp_path), _state()
    assert journal.load() is None
    journal.save(state)
    assert Journal(tmp_path).load() == state
    assert (tmp_path / "ca" / FILE).stat().st_mode & 0o777 == 0o600


def test_without_a_directory_nothing_is_kept() -> None:
    journal = Journal(None)
    journal.save(_state())
    assert journal.load() is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-40],
        lambda data: b"",
        lambda data: b"[]",
        lambda data: data.replace(b'"version": 1', b'"version": 2'),
        lambda data: data.replace(b'"signer": "', b'"signer": "0'),
        lambda data: data.replace(b"MII", b"AAA"),
        lambda data: data.replace(b"2026", b"year"),
    ],
)
def test_what_is_damaged_is_not_guessed(tmp_path: Path, spoil: object) -> None:
    Journal(tmp_path).save(_state())
    file = tmp_path / "ca" / FILE
    file.write_bytes(spoil(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(StateError, match=r"rotation\.json cannot be read"):
        Journal(tmp_path).load()
