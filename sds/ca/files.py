"""Private files: complete or not there, readable by nobody else. Blocks on the disk."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

_DIRECTORY: Final = 0o700
_FILE: Final = 0o600


def private_directory(path: Path) -> None:
    """Make `path` and what is above it; nobody else may look into it."""
    for missing in reversed([one for one in (path, *path.parents) if not one.exists()]):
        # mkdir's own parents would have the mode that the umask leaves
        missing.mkdir(mode=_DIRECTORY, exist_ok=True)
    path.chmod(_DIRECTORY)


def replace(path: Path, data: bytes) -> None:
    """Write `path` as a whole, in the place of what was there; on the disk when it returns."""
    temporary = _written(path, data)
    try:
        os.replace(temporary, path)
    except OSError:
        temporary.unlink()
        raise
    sync_directory(path.parent)


def create(path: Path, data: bytes) -> bool:
    """Write `path` as a whole unless it is there; whether it was written. Of several processes
    that try at once, one succeeds."""
    temporary = _written(path, data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_directory(path.parent)
    return True


def sync_directory(path: Path) -> None:
    """Names that came and went are on the disk when it returns."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _written(path: Path, data: bytes) -> Path:
    """A synced file beside `path`, of this thread alone."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink()
        raise
    return temporary
