"""The last good state of every object, kept in a file across restarts.

A journal of JSON lines that is written again as a whole when most of it is outdated. Blocks on the
disk: to be called off the hot path, after what was good has been published.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import orjson

from controlplane.kinds import Key

FILE: Final = "lastgood.jsonl"
_LARGEST: Final = 256 * 1024 * 1024
# a journal shorter than this is not worth writing again
_SLACK: Final = 1024 * 1024
_MODE: Final = 0o600

Raw = Mapping[str, object]


class LastGood:
    """One writer for each directory. `problems` says what could not be read or kept; none of it
    stops anything."""

    def __init__(self, directory: str, *, largest: int = _LARGEST, slack: int = _SLACK) -> None:
        self._directory = directory
        self._path = os.path.join(directory, FILE)
        self._largest = largest
        self._slack = slack
        self._lines: dict[Key, bytes] = {}
        self._live = 0
        self._written = 0
        self.problems: list[str] = []

    def load(self) -> dict[Key, Raw]:
        """What was good when it was last recorded. Bad lines are left out, and said."""
        self._lines.clear()
        found: dict[Key, Raw] = {}
        torn = False
        for number, line in enumerate(self._read(), start=1):
            if torn:
                self.problems.append(f"{self._path}: line {number - 1} is damaged")
            record = _parse(line)
            torn = record is None
            if record is None:
                continue
            key, raw = record
            # the newest line of an object counts, and stands where it was written
            found.pop(key, None)
            self._lines.pop(key, None)
            if raw is not None:
                found[key] = raw
                self._lines[key] = line
        self._live = sum(len(line) for line in self._lines.values())
        self._compact()
        return found

    def record(self, changes: Iterable[tuple[Key, Raw | None]]) -> None:
        """Keep the documents as good ones; None forgets the object."""
        batch = []
        for key, raw in changes:
            line = _line(key, raw)
            if line is None:
                self.problems.append(f"{key} cannot be kept: it is no JSON")
                continue
            before = self._lines.pop(key, b"")
            if raw is None and not before:
                continue
            if self._live - len(before) + len(line) > self._largest:
                self.problems.append(f"{key} cannot be kept: the file would be too large")
                raw, line = None, _forget(key)
            if raw is not None:
                self._lines[key] = line
                self._live += len(line)
            self._live -= len(before)
            if line != before:
                batch.append(line)

        if batch:
            self._append(b"".join(batch))
        if self._written > 2 * self._live + self._slack:
            self._compact()

    def _read(self) -> list[bytes]:
        try:
            with open(self._path, "rb") as file:
                data = file.read(2 * self._largest + 2 * self._slack)
        except FileNotFoundError:
            return []
        except OSError as error:
            self.problems.append(f"{self._path}: {error.strerror}")
            return []
        return data.splitlines(keepends=True)

    def _append(self, data: bytes) -> None:
        try:
            os.makedirs(self._directory, exist_ok=True)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)
            try:
                _write(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
            self._written += len(data)
        except OSError as error:
            self.problems.append(f"{self._path}: {error.strerror}")

    def _compact(self) -> None:
        """Write what counts to a new file, and rename it into place."""
        temporary = f"{self._path}.new"
        data = b"".join(self._lines.values())
        try:
            os.makedirs(self._directory, exist_ok=True)
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
            try:
                _write(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
            os.replace(temporary, self._path)
            self._written = len(data)
        except OSError as error:
            self.problems.append(f"{self._path}: {error.strerror}")


def _write(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _line(key: Key, raw: Raw | None) -> bytes | None:
    try:
        return orjson.dumps({"key": list(key), "raw": raw}, option=orjson.OPT_APPEND_NEWLINE)
    except (orjson.JSONEncodeError, RecursionError):
        return None


def _forget(key: Key) -> bytes:
    return orjson.dumps({"key": list(key), "raw": None}, option=orjson.OPT_APPEND_NEWLINE)


def _parse(line: bytes) -> tuple[Key, Raw | None] | None:
    """One line, or None where it is damaged or was cut off."""
    if not line.endswith(b"\n"):
        return None
    try:
        record: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    match record:
        case {"key": [str() as kind, str() as namespace, str() as name], "raw": dict() | None}:
            return Key(kind, namespace, name), record["raw"]
    return None
