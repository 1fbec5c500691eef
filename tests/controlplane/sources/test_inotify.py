"""Inotify: renames are told apart from writes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.sources.inotify import Event, Inotify, What


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Inotify]:
    found = Inotify()
    found.watch(str(tmp_path))
    yield found
    found.close()


def seen(watch: Inotify) -> list[Event]:
    return list(dict.fromkeys(watch.read()))


def test_writes_renames_and_deletions(watch: Inotify, tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("x")
    assert seen(watch) == [Event(What.WRITTEN, str(path))]
    path.rename(other)
    assert seen(watch) == [Event(What.LOST, str(path)), Event(What.MOVED, str(other))]
    other.unlink()
    assert seen(watch) == [Event(What.LOST, str(other))]
    assert seen(watch) == []


def test_directories(watch: Inotify, tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.mkdir()
    assert seen(watch) == [Event(What.DIRECTORY, str(path))]
    path.rmdir()
    assert seen(watch) == [Event(What.RESCAN, str(path))]


def test_a_watched_directory_that_goes(watch: Inotify, tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.mkdir()
    watch.watch(str(path))
    seen(watch)
    path.rename(tmp_path / "e")
    assert Event(What.RESCAN, str(path)) in seen(watch)


def test_what_is_not_named_again_is_not_watched(watch: Inotify, tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.mkdir()
    watch.watch(str(path))
    watch.begin()
    watch.watch(str(tmp_path))
    watch.finish()
    seen(watch)
    (path / "a").write_text("x")
    assert seen(watch) == []
    (tmp_path / "a").write_text("x")
    assert seen(watch) == [Event(What.WRITTEN, str(tmp_path / "a"))]


def test_what_is_no_directory_cannot_be_watched(watch: Inotify, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        watch.watch(str(tmp_path / "none"))
