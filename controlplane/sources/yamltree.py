"""YAML as plain values, with kubectl's reading of scalars and bounds on what aliases repeat.

Only what JSON can say comes out: text, numbers, true, false, null, lists and maps with text keys.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml._yaml import CParser

_INTEGER: Final = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+|0[0-7_]*|[1-9][0-9_]*)\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE: Final = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_NUMERIC: Final = frozenset("0123456789.-+")
_PREFIX: Final = "tag:yaml.org,2002:"
_MERGE: Final = "<<"
_LONGEST_NUMBER: Final = 64


class MalformedError(Exception):
    """A file that says nothing; `line` counts from 0, None for the file as a whole."""

    def __init__(
        self,
        reason: str,
        why: str,
        remedy: str,
        *,
        line: int | None = None,
        column: int = 0,
    ) -> None:
        super().__init__(why)
        self.reason = reason
        self.why = why
        self.remedy = remedy
        self.line = line
        self.column = column

    @property
    def where(self) -> str:
        if self.line is None:
            return self.why
        return f"line {self.line + 1}, column {self.column + 1}: {self.why}"

    def moved(self, lines: int) -> "MalformedError":
        """The same, seen from `lines` further up."""
        line = None if self.line is None else self.line + lines
        return MalformedError(self.reason, self.why, self.remedy, line=line, column=self.column)


@dataclass(slots=True)
class Tree:
    """A document's value; `lines` has the line of every map by its id, `count` all values."""

    value: Any = None
    lines: dict[int, int] = field(default_factory=dict)
    count: int = 0


def documents(text: str, *, values: int, depth: int) -> Iterator[Tree]:
    """Every document of a text; more values than `values` or levels than `depth` are refused.

    Raises MalformedError, or yaml.YAMLError for what is no YAML.
    """
    # the events are read here, because PyYAML's composer overflows the stack on deep input
    parser = CParser(text)
    try:
        while (event := parser.get_event()) is not None:
            if isinstance(event, yaml.DocumentStartEvent):
                yield _Builder(parser, values, depth).document()
    finally:
        parser.dispose()


class _Builder:
    """Builds one document. Values that aliases repeat are shared, and counted every time."""

    def __init__(self, parser: CParser, values: int, depth: int) -> None:
        self._parser = parser
        self._values = values
        self._depth = depth
        self._tree = Tree()
        self._anchors: dict[str, tuple[Any, int]] = {}

    def document(self) -> Tree:
        self._tree.value = self._value(self._parser.get_event(), 0)
        return self._tree

    def _value(self, event: Any, level: int) -> Any:
        before = self._tree.count
        if isinstance(event, yaml.AliasEvent):
            value, size = self._alias(event)
            self._count(event, size)
            return value
        self._count(event, 1)
        if level > self._depth:
            raise _at(event, "TooDeep", f"values are nested more than {self._depth} levels deep")
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            _expect(event, "seq")
            value = self._sequence(level)
        else:
            _expect(event, "map")
            value = self._mapping(level)
            self._tree.lines[id(value)] = event.start_mark.line
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._tree.count - before)
        return value

    def _count(self, event: Any, size: int) -> None:
        self._tree.count += size
        if self._tree.count > self._values:
            raise _at(event, "TooManyValues", f"there are more than {self._values} values")

    def _alias(self, event: Any) -> tuple[Any, int]:
        if event.anchor not in self._anchors:
            raise _at(event, "Unparsable", f"the alias *{event.anchor} stands for nothing yet")
        return self._anchors[event.anchor]

    def _sequence(self, level: int) -> list[Any]:
        found = []
        while not isinstance(event := self._parser.get_event(), yaml.SequenceEndEvent):
            found.append(self._value(event, level + 1))
        return found

    def _mapping(self, level: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := self._parser.get_event(), yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent) and event.value == _MERGE and event.implicit[0]:
                merged = self._merge(merged, level)
                continue
            key = self._key(event)
            if key in found:
                raise _at(event, "DuplicateKey", f'the key "{key}" is written twice')
            found[key] = self._value(self._parser.get_event(), level + 1)
        return {**merged, **found} if merged else found

    def _merge(self, merged: dict[str, Any], level: int) -> dict[str, Any]:
        """What `<<` brings in; the first of several counts."""
        event = self._parser.get_event()
        value = self._value(event, level + 1)
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                raise _at(event, "Unparsable", "only maps can be merged")
            merged = {**part, **merged}
        return merged

    def _key(self, event: Any) -> str:
        """Keys of other types become the text that JSON would have."""
        if isinstance(event, yaml.AliasEvent):
            value, _ = self._alias(event)
        elif isinstance(event, yaml.ScalarEvent):
            value = self._value(event, 0)
        else:
            raise _at(event, "Unparsable", "a key is text")
        match value:
            case str():
                return value
            case bool():
                return "true" if value else "false"
            case None:
                return "null"
            case int() | float():
                return str(value)
        raise _at(event, "Unparsable", "a key is text")


def _at(event: Any, reason: str, why: str) -> MalformedError:
    mark = event.start_mark
    return MalformedError(reason, why, "correct the YAML", line=mark.line, column=mark.column)


def _expect(event: Any, kind: str) -> None:
    if event.tag not in (None, "!", _PREFIX + kind):
        raise _at(event, "Unparsable", f"the tag {event.tag} is not taken")


def _scalar(event: Any) -> str | int | float | bool | None:
    text: str = event.value
    if event.implicit[0] and event.tag is None:
        return _plain(event, text)
    tag = event.tag
    if tag is None or tag in ("!", _PREFIX + "str"):
        return text
    if tag.removeprefix(_PREFIX) in ("int", "float", "bool", "null"):
        return _plain(event, text)
    raise _at(event, "Unparsable", f"the tag {tag} is not taken")


def _plain(event: Any, text: str) -> str | int | float | bool | None:
    if text in _NULL:
        return None
    if text[0] in _NUMERIC:
        return _number(event, text)
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    return text


def _number(event: Any, text: str) -> str | int | float:
    if len(text) > _LONGEST_NUMBER:
        return text
    plain = text.replace("_", "")
    if _INTEGER.match(text):
        sign = -1 if plain[0] == "-" else 1
        digits = plain.lstrip("+-")
        if digits[:2] in ("0b", "0x", "0o"):
            return sign * int(digits, 0)
        octal = len(digits) > 1 and digits[0] == "0"
        return sign * int(digits, 8 if octal else 10)
    if _FLOAT.match(text):
        number = float(plain)
        if math.isinf(number):
            raise _at(event, "Unparsable", f"the number {text} is too large")
        return number
    if plain.lower().lstrip("+-") in (".inf", ".nan"):
        raise _at(event, "Unparsable", f"{text} is no number in JSON")
    return text
