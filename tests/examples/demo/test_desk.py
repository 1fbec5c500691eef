import time
from pathlib import Path

from examples.demo.desk import Desk
from examples.demo.ground import prepare
from examples.demo.layout import STORY, Work
from examples.demo.steps import ROUTES


def test_files_are_replaced_whole_and_the_time_is_told(tmp_path: Path) -> None:
    work = Work(tmp_path)
    prepare(work)
    before = time.perf_counter()
    written = Desk(work).put(f"2-even/{ROUTES}", ROUTES)
    assert before < written < time.perf_counter()
    assert (work.config / ROUTES).read_text() == (STORY / "2-even" / ROUTES).read_text()
    # it came by a rename: nothing is left where it was prepared
    assert list(work.staging.iterdir()) == []


def test_files_are_removed(tmp_path: Path) -> None:
    work = Work(tmp_path)
    prepare(work)
    Desk(work).remove(ROUTES)
    assert not (work.config / ROUTES).exists()
