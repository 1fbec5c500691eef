"""Settling: the clock is a number that the test moves."""

from controlplane.sources.settling import Action, Patience, Settling, Stat

PATIENCE = Patience(quiet=0.030, blank=1.0, gone=0.050)
PATH = "a.yaml"


def stat(size: int = 10, *, inode: int = 1, modified: int = 0) -> Stat:
    return Stat(1, inode, size, modified)


def settled(files: Settling, *, now: float = 0.0, state: Stat | None = None) -> None:
    """A file that has been read well."""
    state = state or stat()
    files.moved(PATH)
    assert files.due(now) == [(Action.READ, PATH)]
    assert not files.unsettled(PATH, state, now)
    files.read(PATH, state, now, blank=False)
    assert files.wake_at() is None


def test_a_rename_is_read_at_once() -> None:
    files = Settling(PATIENCE)
    files.moved(PATH)
    assert files.wake_at() == 0.0
    assert files.due(0.0) == [(Action.READ, PATH)]
    assert files.due(9.0) == []


def test_a_file_written_in_place_is_read_when_quiet() -> None:
    files = Settling(PATIENCE)
    files.written(PATH, stat(5), 0.0)
    assert files.wake_at() == 0.030
    assert files.due(0.029) == []
    files.written(PATH, stat(10, modified=1), 0.020)
    assert files.due(0.030) == []
    assert files.due(0.050) == [(Action.READ, PATH)]
    assert not files.unsettled(PATH, stat(10, modified=1), 0.050)


def test_a_file_that_changed_unseen_is_waited_for_again() -> None:
    files = Settling(PATIENCE)
    files.written(PATH, stat(5), 0.0)
    assert files.due(0.030) == [(Action.READ, PATH)]
    assert files.unsettled(PATH, stat(6), 0.030)
    assert files.due(0.059) == []
    assert files.due(0.060) == [(Action.READ, PATH)]


def test_a_rename_overtakes_a_wait_for_quiet() -> None:
    files = Settling(PATIENCE)
    files.written(PATH, stat(5), 0.0)
    files.moved(PATH)
    assert files.due(0.001) == [(Action.READ, PATH)]
    assert not files.unsettled(PATH, stat(9, inode=2), 0.001)


def test_a_write_after_a_rename_waits() -> None:
    files = Settling(PATIENCE)
    files.moved(PATH)
    files.written(PATH, stat(5), 0.0)
    assert files.due(0.001) == []


def test_what_is_gone_for_a_moment_is_kept() -> None:
    files = Settling(PATIENCE)
    settled(files)
    files.lost(PATH, 1.0)
    assert files.due(1.049) == []
    files.moved(PATH)
    assert files.due(1.1) == [(Action.READ, PATH)]


def test_what_stays_gone_is_forgotten() -> None:
    files = Settling(PATIENCE)
    settled(files)
    files.lost(PATH, 1.0)
    files.lost(PATH, 1.04)
    assert files.wake_at() == 1.050
    assert files.due(1.050) == [(Action.FORGET, PATH)]
    assert files.wake_at() is None


def test_what_was_never_read_is_dropped_in_silence() -> None:
    files = Settling(PATIENCE)
    files.written(PATH, stat(), 0.0)
    files.lost(PATH, 0.001)
    assert files.wake_at() is None


def test_a_file_that_is_empty_for_a_moment_is_kept() -> None:
    files = Settling(PATIENCE)
    settled(files)
    files.written(PATH, stat(0), 1.0)
    assert files.due(1.030) == [(Action.READ, PATH)]
    assert not files.unsettled(PATH, stat(0), 1.030)
    files.read(PATH, stat(0), 1.030, blank=True)
    assert files.due(2.0) == []
    files.written(PATH, stat(10, modified=1), 2.0)
    assert files.due(2.030) == [(Action.READ, PATH)]
    files.read(PATH, stat(10, modified=1), 2.030, blank=False)
    assert files.wake_at() is None


def test_a_file_that_stays_empty_is_forgotten_once() -> None:
    files = Settling(PATIENCE)
    settled(files)
    files.moved(PATH)
    files.due(1.0)
    files.read(PATH, stat(0), 1.0, blank=True)
    assert files.due(1.999) == []
    assert files.due(2.0) == [(Action.FORGET, PATH)]
    assert files.due(9.0) == []


def test_a_listing_finds_what_events_did_not_say() -> None:
    files = Settling(PATIENCE)
    settled(files)
    files.found({PATH: stat()}, 1.0)
    assert files.wake_at() is None
    files.found({PATH: stat(11), "b.yaml": stat(inode=3)}, 1.0)
    assert files.due(1.030) == [(Action.READ, PATH), (Action.READ, "b.yaml")]
    files.found({"b.yaml": stat(inode=3)}, 2.0)
    assert files.due(2.050) == [(Action.FORGET, PATH)]


def test_a_listing_leaves_what_is_about_to_be_read() -> None:
    files = Settling(PATIENCE)
    files.moved(PATH)
    files.found({PATH: stat()}, 0.0)
    assert files.due(0.0) == [(Action.READ, PATH)]


def test_a_switch_of_all_files_is_read_at_once() -> None:
    files = Settling(PATIENCE)
    settled(files)
    files.switched({PATH: stat()})
    assert files.wake_at() is None
    files.switched({PATH: stat(inode=7)})
    assert files.due(0.0) == [(Action.READ, PATH)]


def test_a_file_that_could_not_be_read_is_tried_with_the_next_listing() -> None:
    files = Settling(PATIENCE)
    files.moved(PATH)
    files.due(0.0)
    assert not files.unsettled(PATH, stat(), 0.0)
    files.failed(PATH)
    assert files.wake_at() is None
    files.found({PATH: stat()}, 1.0)
    assert files.due(1.030) == [(Action.READ, PATH)]
    files.failed(PATH)
    files.lost(PATH, 2.0)
    assert files.due(2.050) == [(Action.FORGET, PATH)]
