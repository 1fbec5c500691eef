"""A directory of YAML and JSON files as a source. Reads and watches; `settling` decides when.

Directories below are included, dotfiles are not. Symbolic links are followed, as Kubernetes'
ConfigMap volumes need it.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import IntEnum
from stat import S_ISREG
from typing import Final

from controlplane.kinds import Severity, Verdict
from controlplane.sources.changes import Change, Delete, Listed, Put, Report, file_key
from controlplane.sources.documents import Document, Limits, Piece, read
from controlplane.sources.inotify import Event, Inotify, What
from controlplane.sources.settling import Action, Patience, Settling, Stat
from controlplane.tasks import Clock

NAME: Final = "files"
_ENDINGS: Final = (".yaml", ".yml", ".json")
# how deep directories may be nested; a link that leads to itself ends here at the latest
_DEEPEST: Final = 16
# Kubernetes switches all files of a ConfigMap volume by renaming a link to this name
_SWITCH: Final = "..data"


class Seen(IntEnum):
    """What events ask of the whole tree, the greater the more."""

    NOTHING = 0
    TREE = 1  # directories came or went
    SWITCH = 2  # all files were exchanged at once


@dataclass(frozen=True, slots=True)
class FileSettings:
    """`rescan`: seconds between listings of everything, should an event have been lost."""

    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=Limits)
    rescan: float = 30.0


@dataclass(frozen=True, slots=True)
class _Known:
    """What a file said when it was last read well, and what is said of it now."""

    documents: dict[str, Document] = field(default_factory=dict)
    pieces: Mapping[str, tuple[Piece, ...]] = field(default_factory=dict)
    report: tuple[Verdict, ...] = ()


class FileSource:
    """`emit` takes each batch of changes; it is called in the event loop and should be quick."""

    def __init__(
        self,
        directory: str,
        *,
        emit: Callable[[list[Change]], object],
        clock: Clock,
        settings: FileSettings | None = None,
        name: str = NAME,
    ) -> None:
        self._root = os.path.abspath(directory)
        self._parent = os.path.dirname(self._root)
        self._emit = emit
        self._clock = clock
        self._settings = settings or FileSettings()
        self._name = name
        self._settling = Settling(self._settings.patience)
        self._known: dict[str, _Known] = {}
        self._stirred = asyncio.Event()

    async def run(self) -> None:
        """List, tell, and watch until cancelled. The directory may come and go."""
        watch = Inotify()
        loop = asyncio.get_running_loop()
        loop.add_reader(watch.fileno(), self._stirred.set)
        try:
            self._settling.switched(self._walk(watch))
            self._emit([*self._act(), Listed(self._name)])
            scan_at = self._clock.monotonic() + self._settings.rescan
            while True:
                await self._wait(scan_at)
                self._stirred.clear()
                seen = self._take(watch.read())
                now = self._clock.monotonic()
                if seen is not Seen.NOTHING or now >= scan_at:
                    listing = self._walk(watch)
                    if seen is Seen.SWITCH:
                        self._settling.switched(listing)
                    self._settling.found(listing, now)
                    scan_at = now + self._settings.rescan
                changes = self._act()
                if changes:
                    self._emit(changes)
        finally:
            loop.remove_reader(watch.fileno())
            watch.close()

    async def _wait(self, scan_at: float) -> None:
        """Until an event, or until something is due."""
        wake = self._settling.wake_at()
        until = scan_at if wake is None else min(wake, scan_at)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                await self._stirred.wait()

    def _take(self, events: Iterable[Event]) -> Seen:
        """Pass on what happened to files; what happened to directories is the answer."""
        seen = Seen.NOTHING
        now = self._clock.monotonic()
        for event in events:
            directory, name = os.path.split(event.path)
            if directory == self._parent and event.path != self._root:
                continue  # a neighbour of the whole tree
            if event.what is What.RESCAN or event.path == self._root:
                seen = max(seen, Seen.TREE)
            elif name == _SWITCH:
                seen = Seen.SWITCH
            elif name.startswith("."):
                continue
            elif event.what is What.DIRECTORY:
                seen = max(seen, Seen.TREE)
            elif not name.endswith(_ENDINGS):
                if os.path.islink(event.path):  # to a directory, perhaps
                    seen = max(seen, Seen.TREE)
            elif event.what is What.MOVED:
                self._settling.moved(event.path)
            elif event.what is What.WRITTEN and (stat := _stat(event.path)) is not None:
                self._settling.written(event.path, stat, now)
            else:
                self._settling.lost(event.path, now)
        return seen

    def _walk(self, watch: Inotify) -> dict[str, Stat]:
        """All files with their state; every directory on the way is watched before it is read."""
        found: dict[str, Stat] = {}
        seen: set[tuple[int, int]] = set()
        waiting = [(self._root, 0)]
        watch.begin()
        with suppress(OSError):  # without it, a root that comes later is found by the next scan
            watch.watch(self._parent)
        while waiting:
            directory, depth = waiting.pop()
            try:
                about = os.stat(directory)
                if (about.st_dev, about.st_ino) in seen or depth > _DEEPEST:
                    continue
                seen.add((about.st_dev, about.st_ino))
                watch.watch(directory)
                names = os.listdir(directory)
            except OSError:
                continue
            for name in names:
                path = os.path.join(directory, name)
                if name.startswith("."):
                    continue
                if name.endswith(_ENDINGS) and (stat := _stat(path)) is not None:
                    found[path] = stat
                elif os.path.isdir(path):
                    waiting.append((path, depth + 1))
        watch.finish()
        return dict(sorted(found.items()))

    def _act(self) -> list[Change]:
        """Read and forget what is due."""
        changes: list[Change] = []
        for action, path in self._settling.due(self._clock.monotonic()):
            if action is Action.FORGET:
                changes += self._replace(path, _Known())
            else:
                changes += self._read(path)
        return changes

    def _read(self, path: str) -> list[Change]:
        limit = self._settings.limits.bytes
        now = self._clock.monotonic()
        try:
            with open(path, "rb") as file:
                before = _state(os.fstat(file.fileno()))
                if self._settling.unsettled(path, before, now):
                    return []
                data = file.read(limit + 1)
                after = _state(os.fstat(file.fileno()))
        except FileNotFoundError:
            self._settling.lost(path, now)
            return []
        except OSError as error:
            self._settling.failed(path)
            return self._replace(path, replace(self._of(path), report=(_unreadable(path, error),)))
        if self._settling.unsettled(path, after, now):
            return []
        known = self._of(path)
        contents = read(data, path, limits=self._settings.limits, known=known.pieces)
        self._settling.read(path, after, now, blank=contents.blank)
        if contents.blank:
            return []
        if contents.broken is not None:
            return self._replace(path, replace(known, report=(contents.broken,)))
        slots = {document.slot: document for document in contents.documents}
        return self._replace(path, _Known(slots, contents.pieces))

    def _of(self, path: str) -> _Known:
        return self._known.get(path, _Known())

    def _replace(self, path: str, now: _Known) -> list[Change]:
        """What has changed between what a file said and what it says now."""
        before = self._of(path)
        changes: list[Change] = [
            Delete(self._name, slot) for slot in before.documents if slot not in now.documents
        ]
        for slot, document in now.documents.items():
            known = before.documents.get(slot)
            if (
                known is None
                or known.raw is not document.raw
                or known.location != document.location
            ):
                changes.append(Put(self._name, slot, document.raw, document.location))
        if before.report != now.report:
            changes.append(Report(self._name, path, now.report))
        if now.documents or now.report:
            self._known[path] = now
        else:
            self._known.pop(path, None)
        return changes


def _state(about: os.stat_result) -> Stat:
    return Stat(about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)


def _stat(path: str) -> Stat | None:
    """The state of a regular file, links followed; None where there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return _state(about) if S_ISREG(about.st_mode) else None


def _unreadable(path: str, error: OSError) -> Verdict:
    return Verdict(
        object=file_key(path),
        severity=Severity.ERROR,
        reason="Unreadable",
        field="",
        message=f"{path}: {error.strerror}",
        remedy="make the file readable; until then what it said before stays in force",
    )
