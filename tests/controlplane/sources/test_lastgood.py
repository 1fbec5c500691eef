"""LastGood: what was good survives restarts, torn writes and damage."""

import os
import stat
from pathlib import Path

from controlplane.kinds import Key
from controlplane.sources.lastgood import FILE, LastGood

A = Key("VirtualService", "shop", "a")
B = Key("VirtualService", "shop", "b")


def opened(directory: Path, **limits: int) -> LastGood:
    found = LastGood(str(directory), **limits)
    found.load()
    return found


def test_what_is_recorded_is_loaded(tmp_path: Path) -> None:
    state = opened(tmp_path / "new")
    state.record([(A, {"z": 1, "a": [1, "x"]}), (B, {"b": 1})])
    state.record([(B, None), (A, {"z": 2, "a": None})])
    found = LastGood(str(tmp_path / "new"))
    assert found.load() == {A: {"z": 2, "a": None}}
    assert found.problems == []
    assert list(found.load()[A]) == ["z", "a"]


def test_only_we_may_read_it(tmp_path: Path) -> None:
    opened(tmp_path).record([(A, {})])
    assert stat.S_IMODE(os.stat(tmp_path / FILE).st_mode) == 0o600
    opened(tmp_path)
    assert stat.S_IMODE(os.stat(tmp_path / FILE).st_mode) == 0o600


def test_a_torn_last_line_is_left_out_in_silence(tmp_path: Path) -> None:
    opened(tmp_path).record([(A, {"v": 1})])
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"key":["VirtualService","shop","b"],"ra')
    state = LastGood(str(tmp_path))
    assert state.load() == {A: {"v": 1}}
    assert state.problems == []
    state.record([(B, {"v": 2})])
    assert LastGood(str(tmp_path)).load() == {A: {"v": 1}, B: {"v": 2}}


def test_a_damaged_line_is_said_and_the_rest_is_loaded(tmp_path: Path) -> None:
    opened(tmp_path).record([(A, {"v": 1})])
    with (tmp_path / FILE).open("ab") as file:
        file.write(b"\xff\xfenonsense\n")
        file.write(b'{"key":[1],"raw":{}}\n')
        file.write(b'{"key":["K","n","x"],"raw":{"v":3}}\n')
    state = LastGood(str(tmp_path))
    assert state.load() == {A: {"v": 1}, Key("K", "n", "x"): {"v": 3}}
    assert len(state.problems) == 2
    assert "line 2" in state.problems[0]


def test_the_journal_is_written_again_when_most_of_it_is_old(tmp_path: Path) -> None:
    state = opened(tmp_path, slack=1000)
    sizes = []
    for turn in range(200):
        state.record([(A, {"turn": turn})])
        sizes.append((tmp_path / FILE).stat().st_size)
    assert max(sizes) < 1400
    assert LastGood(str(tmp_path)).load() == {A: {"turn": 199}}


def test_the_same_again_is_not_written(tmp_path: Path) -> None:
    state = opened(tmp_path)
    state.record([(A, {"v": 1})])
    size = (tmp_path / FILE).stat().st_size
    state.record([(A, {"v": 1})])
    assert (tmp_path / FILE).stat().st_size == size


def test_what_is_too_large_is_forgotten_not_kept_stale(tmp_path: Path) -> None:
    state = opened(tmp_path, largest=300)
    state.record([(A, {"v": "old"}), (B, {"v": 1})])
    state.record([(A, {"v": "x" * 400})])
    assert len(state.problems) == 1
    assert LastGood(str(tmp_path), largest=300).load() == {B: {"v": 1}}


def test_what_is_no_json_is_said(tmp_path: Path) -> None:
    state = opened(tmp_path)
    state.record([(A, {"v": object()})])
    assert "VirtualService shop/a" in state.problems[0]
    assert LastGood(str(tmp_path)).load() == {}


def test_a_directory_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state = LastGood(str(tmp_path / "file" / "state"))
    assert state.load() == {}
    state.record([(A, {})])
    assert state.problems
