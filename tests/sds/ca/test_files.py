"""Private files are complete or not there."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sds.ca.files import create, private_directory, replace


def test_replacing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    replace(path, b"after")
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_what_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        replace(tmp_path / "file", b"x")
    assert os.listdir(tmp_path) == ["file"]


def test_only_the_first_creates(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert create(path, b"first")
    assert not create(path, b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["file"]


def test_of_several_that_create_at_once_one_does(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: create(path, b"%d" % number), range(40)))
    assert sum(made) == 1
    assert path.read_bytes() == b"%d" % made.index(True)
    assert os.listdir(tmp_path) == ["file"]


def test_a_directory_that_was_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir(mode=0o755)
    private_directory(tmp_path / "ca")
    assert (tmp_path / "ca").stat().st_mode & 0o777 == 0o700
