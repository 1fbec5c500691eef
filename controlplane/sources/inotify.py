"""Linux's inotify: what happens in directories, renames told apart from writes.

Portable watchers report a rename into place and a file that is just being created as the same
event; the difference decides whether a file may be read at once. Carries, decides nothing.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_MODIFY: Final = 0x2
_MOVED_FROM: Final = 0x40
_MOVED_TO: Final = 0x80
_CREATE: Final = 0x100
_DELETE: Final = 0x200
_DELETE_SELF: Final = 0x400
_MOVE_SELF: Final = 0x800
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_ONLY_DIRECTORY: Final = 0x1000000
_IS_DIRECTORY: Final = 0x40000000
_MASK: Final = _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_HEAD: Final = struct.Struct("iIII")
_BUFFER: Final = 64 * 1024


class What(Enum):
    MOVED = auto()  # renamed to this name: complete
    WRITTEN = auto()  # created, or written in place
    LOST = auto()  # deleted, or renamed away
    DIRECTORY = auto()  # a directory has come
    RESCAN = auto()  # events were lost, or a watched directory is gone


@dataclass(frozen=True, slots=True)
class Event:
    what: What
    path: str


class Inotify:
    """One inotify instance; `fileno` is readable when there are events."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._directories: dict[int, str] = {}
        self._stale: set[int] = set()

    def fileno(self) -> int:
        return self._fd

    def watch(self, directory: str) -> None:
        """Watch a directory, not what is below it. Raises OSError."""
        name = os.fsencode(directory)
        watch = self._checked(self._libc.inotify_add_watch(self._fd, name, _MASK | _ONLY_DIRECTORY))
        self._directories[watch] = directory
        self._stale.discard(watch)

    def begin(self) -> None:
        """All directories are about to be named again with `watch`."""
        self._stale = set(self._directories)

    def finish(self) -> None:
        """What was not named since `begin` is watched no more."""
        for watch in self._stale:
            self._libc.inotify_rm_watch(self._fd, watch)
            del self._directories[watch]
        self._stale.clear()

    def read(self) -> Iterator[Event]:
        """The events that have come; blocks never."""
        while True:
            try:
                data = os.read(self._fd, _BUFFER)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                watch, mask, _, length = _HEAD.unpack_from(data, at)
                at += _HEAD.size
                name = os.fsdecode(data[at : at + length].rstrip(b"\0"))
                at += length
                yield from self._event(watch, mask, name)

    def close(self) -> None:
        os.close(self._fd)

    def _event(self, watch: int, mask: int, name: str) -> Iterator[Event]:
        if mask & _OVERFLOW:
            yield Event(What.RESCAN, "")
            return
        directory = self._directories.get(watch)
        if directory is None:
            return
        path = os.path.join(directory, name)
        if mask & _IGNORED:
            del self._directories[watch]
            self._stale.discard(watch)
        elif mask & (_DELETE_SELF | _MOVE_SELF):
            yield Event(What.RESCAN, directory)
        elif mask & _IS_DIRECTORY:
            lost = mask & (_DELETE | _MOVED_FROM)
            yield Event(What.RESCAN if lost else What.DIRECTORY, path)
        elif mask & _MOVED_TO:
            yield Event(What.MOVED, path)
        elif mask & (_MODIFY | _CREATE):
            yield Event(What.WRITTEN, path)
        else:
            yield Event(What.LOST, path)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result
