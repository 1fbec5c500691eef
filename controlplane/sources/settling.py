"""Decides when a file is read and when it counts as deleted. Pure: time is a parameter.

A file that was renamed into place is complete, and read at once. A file that is written in place
shows empty, then partial: it is read when it has not changed for a while. One that is empty or gone
for a moment is on its way to being written again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. `quiet` unchanged: complete; `blank` empty, or `gone` missing: deleted."""

    quiet: float = 0.030
    blank: float = 1.0
    gone: float = 0.050


class Stat(NamedTuple):
    """What tells one state of a file from another."""

    device: int
    inode: int
    size: int
    modified_ns: int


class Action(Enum):
    READ = auto()  # look at the file, and tell `read` or `lost`
    FORGET = auto()  # its objects are deleted


class _Wait(Enum):
    QUIET = auto()
    GONE = auto()
    BLANK = auto()


@dataclass(slots=True)
class _File:
    """`held`: whether objects of it are in force. `stat`: as it was last seen or read."""

    stat: Stat | None = None
    held: bool = False
    wait: _Wait | None = None
    until: float = 0.0


class Settling:
    """All files of one source. Methods take what was seen; `due` says what is to be done."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._files: dict[str, _File] = {}
        self._ready: dict[str, None] = {}

    def moved(self, path: str) -> None:
        """Something was renamed to `path`: it is complete."""
        file = self._files.setdefault(path, _File())
        file.wait = file.stat = None
        self._ready[path] = None

    def written(self, path: str, stat: Stat, now: float) -> None:
        """Something is being written to `path`."""
        file = self._files.setdefault(path, _File())
        self._ready.pop(path, None)
        file.stat = stat
        file.wait, file.until = _Wait.QUIET, now + self._patience.quiet

    def lost(self, path: str, now: float) -> None:
        """There is nothing at `path`."""
        file = self._files.get(path)
        if file is None or file.wait is _Wait.GONE:
            return
        self._ready.pop(path, None)
        file.stat = None
        if not file.held:
            del self._files[path]
            return
        file.wait, file.until = _Wait.GONE, now + self._patience.gone

    def found(self, listing: Mapping[str, Stat], now: float) -> None:
        """All files that there are, after a listing: what differs was written or lost."""
        for path, stat in listing.items():
            file = self._files.get(path)
            if path in self._ready:
                continue
            if file is None or file.stat != stat or file.wait is _Wait.GONE:
                self.written(path, stat, now)
        for path in [path for path in self._files if path not in listing]:
            self.lost(path, now)

    def switched(self, listing: Mapping[str, Stat]) -> None:
        """All files were exchanged in one step: those that are others now are complete."""
        for path, stat in listing.items():
            file = self._files.get(path)
            if file is None or file.stat is None or file.stat[:2] != stat[:2]:
                self.moved(path)

    def due(self, now: float) -> list[tuple[Action, str]]:
        """What is to be done now; each action is given once."""
        actions = [(Action.READ, path) for path in self._ready]
        self._ready.clear()
        for path, file in list(self._files.items()):
            if file.wait is None or file.until > now:
                continue
            if file.wait is _Wait.QUIET:
                file.wait = None
                actions.append((Action.READ, path))
            else:
                actions.append((Action.FORGET, path))
                if file.wait is _Wait.GONE:
                    del self._files[path]
                else:
                    file.wait, file.held = None, False
        return actions

    def unsettled(self, path: str, stat: Stat, now: float) -> bool:
        """Whether a file that is to be read has changed since; then it is waited for again."""
        file = self._files.setdefault(path, _File())
        if file.stat is None or file.stat == stat:
            file.stat = stat
            return False
        self.written(path, stat, now)
        return True

    def read(self, path: str, stat: Stat, now: float, *, blank: bool) -> None:
        """The file was read as `stat` says; `blank` when there was nothing in it.

        What does not parse counts as read too: what it said before stays in force.
        """
        file = self._files.setdefault(path, _File())
        file.stat = stat
        if not blank:
            file.wait, file.held = None, True
        elif file.held and file.wait is not _Wait.BLANK:
            file.wait, file.until = _Wait.BLANK, now + self._patience.blank

    def failed(self, path: str) -> None:
        """The file could not be read: the next listing finds it again."""
        file = self._files.setdefault(path, _File())
        file.stat = file.wait = None
        file.held = True  # what is said of it goes when it goes

    def wake_at(self) -> float | None:
        """When `due` will have something to say, if nothing else happens."""
        if self._ready:
            return 0.0
        return min(
            (file.until for file in self._files.values() if file.wait is not None), default=None
        )
