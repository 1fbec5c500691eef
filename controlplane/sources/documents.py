"""A file's text as documents: YAML and JSON as kubectl takes them, bounded in size and depth.

Maps keep their order, repeated keys are refused, timestamps stay text. Pure: text in, value out.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from controlplane.kinds import Location, Severity, Verdict
from controlplane.sources.changes import file_key
from controlplane.sources.yamltree import MalformedError, documents

_MARKER: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
# a document that begins or ends in a way that cutting at markers does not understand
_DIRECTIVE: Final = re.compile(r"^(?:%|\.\.\.(?:\s|$))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may ask of us. `values` counts every value, also those that aliases repeat."""

    bytes: int = 10 * 1024 * 1024
    documents: int = 10_000
    values: int = 1_000_000
    depth: int = 100


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file; `item` counts the items of a List from 0."""

    raw: Mapping[str, object] = field(repr=False)
    location: Location
    item: int = 0

    @property
    def slot(self) -> str:
        return f"{self.location.file}#{self.location.document}.{self.item}"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file says. With `broken` set nothing of it counts.

    `pieces` is what was cut and built, to be given back when the file is read again: what did not
    change is then not built again, and is the same object.
    """

    documents: tuple[Document, ...] = ()
    broken: Verdict | None = None
    blank: bool = False
    pieces: Mapping[str, tuple["Piece", ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Piece:
    """The objects of one document with their lines in it, from 0; `values` is what they cost."""

    objects: tuple[tuple[Mapping[str, object], int], ...]
    values: int


NOTHING: Final[Mapping[str, tuple[Piece, ...]]] = {}


def read(
    data: bytes,
    path: str,
    *,
    limits: Limits,
    known: Mapping[str, tuple[Piece, ...]] = NOTHING,
) -> Contents:
    """The documents of a file, or why it has none."""
    if len(data) > limits.bytes:
        why = f"the file has {len(data)} bytes, the limit is {limits.bytes}"
        return _broken(path, "FileTooLarge", why, "split the file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = f"byte {error.start + 1} is no UTF-8"
        return _broken(path, "Unparsable", why, "save the file as UTF-8")
    if not text.strip():
        return Contents(blank=True)
    try:
        if path.endswith(".json"):
            return _collect(path, {text: _json(text, limits.depth)}, [(text, 0)], limits)
        return _yaml(path, text, limits, known)
    except MalformedError as error:
        return _broken(path, error.reason, error.where, error.remedy)


def _yaml(path: str, text: str, limits: Limits, known: Mapping[str, tuple[Piece, ...]]) -> Contents:
    cuts = list(_cut(text))
    built: dict[str, tuple[Piece, ...]] = {}
    for part, line in cuts:
        if part not in built:
            pieces = known.get(part)
            built[part] = pieces if pieces is not None else _pieces(part, line, limits)
    return _collect(path, built, cuts, limits)


def _cut(text: str) -> Iterator[tuple[str, int]]:
    """Documents as text, with the line each begins on, from 0; whole where cutting is not safe."""
    if _DIRECTIVE.search(text):
        yield text, 0
        return
    begin, line = 0, 0
    for marker in _MARKER.finditer(text):
        yield text[begin : marker.start()], line
        line += text.count("\n", begin, marker.start())
        begin = marker.start()
    yield text[begin:], line


def _pieces(text: str, line: int, limits: Limits) -> tuple[Piece, ...]:
    """The documents in `text`, which begins on `line` of its file."""
    try:
        return tuple(
            Piece(tuple(_objects(tree.value, tree.lines)), tree.count)
            for tree in documents(text, values=limits.values, depth=limits.depth)
        )
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"line {line + mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise MalformedError("Unparsable", f"{at}: {error.problem}", "correct the YAML") from None
    except yaml.YAMLError as error:
        raise MalformedError("Unparsable", str(error), "correct the YAML") from None
    except MalformedError as error:
        raise error.moved(line) from None


def _json(text: str, depth: int) -> tuple[Piece, ...]:
    """JSON documents, one after the other."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)
    found, at = [], 0
    while (at := _blank(text, at)) < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}: {error.msg}"
            raise MalformedError("Unparsable", where, "correct the JSON") from None
        except (RecursionError, ValueError) as error:
            raise MalformedError("Unparsable", str(error), "correct the JSON") from None
        if _deeper(value, depth):
            raise MalformedError(
                "TooDeep", f"values are nested more than {depth} levels deep", "correct the JSON"
            )
        line = text.count("\n", 0, at)
        found.append(Piece(tuple((raw, line) for raw, _ in _objects(value, {})), end - at))
        at = end
    return tuple(found)


def _deeper(value: Any, depth: int) -> bool:
    """Whether lists and maps are nested more than `depth` levels deep."""
    level = [value]
    for _ in range(depth + 1):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        if not inner:
            return False
        level = inner
    return True


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'the key "{twice}" is written twice')
    return found


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _objects(value: Any, lines: Mapping[int, int]) -> Iterator[tuple[Mapping[str, object], int]]:
    """The objects of one document: itself, or the items of a List. None for a blank document."""
    if value is None:
        return
    line = lines.get(id(value), 0)
    kind = value.get("kind") if isinstance(value, dict) else None
    items = value.get("items") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for item in items:
            if isinstance(item, dict) and kind != "List":
                # the items of a typed list need not repeat what the list says
                own = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List")}
                yield {**own, **item}, lines.get(id(item), line)
            else:
                yield item, lines.get(id(item), line)
    else:
        yield value, line


def _collect(
    path: str,
    built: Mapping[str, tuple[Piece, ...]],
    cuts: list[tuple[str, int]],
    limits: Limits,
) -> Contents:
    """Number the documents of all pieces, and hold them against the limits."""
    found: list[Document] = []
    number = values = 0
    for part, line in cuts:
        for piece in built[part]:
            values += piece.values
            number += 1 if piece.objects else 0
            found += (
                Document(raw, Location(path, number, line + offset + 1), item)
                for item, (raw, offset) in enumerate(piece.objects)
            )
    if len(found) > limits.documents:
        raise MalformedError(
            "TooManyDocuments",
            f"the file has {len(found)} documents, the limit is {limits.documents}",
            "split the file",
        )
    if values > max(limits.values, limits.bytes):
        raise MalformedError("FileTooLarge", "the file has too many values", "split the file")
    return Contents(tuple(found), pieces=built)


def _broken(path: str, reason: str, why: str, remedy: str) -> Contents:
    verdict = Verdict(
        object=file_key(path),
        severity=Severity.ERROR,
        reason=reason,
        field="",
        message=f"{path}: {why}",
        remedy=f"{remedy}; until then what the file said before stays in force",
    )
    return Contents(broken=verdict)
