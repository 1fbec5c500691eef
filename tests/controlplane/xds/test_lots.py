import pytest

from controlplane.xds.entries import Entry
from controlplane.xds.lots import Entries
from controlplane.xds.resources import Resource, resource
from translators.wire import ASSIGNMENT, Packed

A, B, C = (resource(Packed(ASSIGNMENT, name, name.encode())) for name in "abc")
LOT: dict[str, Resource] = {"a": A, "b": B}


def asked(*, owed: bool = False) -> tuple[Entries, dict[str, None]]:
    pending: dict[str, None] = {}
    entries = Entries(pending, owed=owed)
    entries.ask(LOT)
    return entries, pending


def test_a_lot_counts_as_open_and_has_no_entries() -> None:
    entries, pending = asked()
    assert len(entries) == 2
    assert "a" in entries
    assert list(entries) == ["a", "b"]
    assert entries.waiting
    assert not pending


@pytest.mark.parametrize("owed", [True, False])
def test_who_looks_at_a_name_before_it_is_sent_gets_an_entry_that_waits(owed: bool) -> None:
    entries, pending = asked(owed=owed)
    assert entries.get("a") == Entry(owed=owed)
    assert entries.get("a") is entries.get("a")
    assert list(pending) == ["a"]
    assert entries.unsent() == {"b": B}
    assert not entries.waiting


def test_who_looks_at_a_name_under_way_gets_what_was_sent() -> None:
    entries, pending = asked()
    entries.sent(7, entries.unsent().values())
    assert entries["b"] == Entry(sent=((7, B),))
    assert not pending
    assert list(entries.landed(7)) == [A]
    assert list(entries) == ["b"]


def test_what_landed_is_not_open() -> None:
    entries, _ = asked()
    entries.sent(7, entries.unsent().values())
    assert list(entries.landed(7)) == [A, B]
    assert not entries
    assert list(entries.landed(7)) == []


def test_lots_are_kept_apart_by_their_numbers() -> None:
    entries, _ = asked()
    entries.sent(7, entries.unsent().values())
    entries.ask({"c": C})
    entries.sent(8, entries.unsent().values())
    assert list(entries.landed(8)) == [C]
    assert list(entries) == ["a", "b"]


def test_a_name_that_is_forgotten_leaves_its_lot() -> None:
    entries, _ = asked()
    entries.pop("a")
    del entries["b"]
    assert not entries
    assert not entries.waiting
    with pytest.raises(KeyError):
        entries["a"]


def test_an_entry_that_is_set_takes_the_place_in_the_lot() -> None:
    entries, _ = asked()
    entries["a"] = entry = Entry(acked=A)
    assert entries.get("a") is entry
    assert entries.unsent() == {"b": B}


def test_looking_at_all_unfolds_all() -> None:
    entries, pending = asked()
    assert {name: entry.owed for name, entry in entries.items()} == {"a": False, "b": False}
    assert not entries.lots
    assert list(pending) == ["a", "b"]
