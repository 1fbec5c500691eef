"""What Envoy takes as names and values of headers that a route adds, sets or removes."""

import re
from typing import Final

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_BROKEN: Final = re.compile(r"[\x00\r\n]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_COMMAND: Final = re.compile(r"%%|%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::[0-9]+)?%")


def is_token(name: str) -> bool:
    """Whether `name` is a header name by RFC 9110."""
    return _TOKEN.match(name) is not None


def wrong_name(name: str, *, pseudo: frozenset[str] = frozenset()) -> str:
    """Why `name` cannot name a header, or ""; `pseudo` lists the pseudo headers allowed."""
    if not name:
        return "the name of a header may not be empty"
    if _BROKEN.search(name):
        return "the name of a header may not have line breaks"
    if name.startswith(":") and name.lower() not in pseudo:
        return "a pseudo header may not be changed here"
    return ""


def wrong_value(value: str, commands: frozenset[str]) -> str:
    """Why Envoy would refuse `value`, or "": control characters, or a `%` that is no command."""
    if _CONTROL.search(value):
        return "the value of a header may not have control characters"
    at = value.find("%")
    while at >= 0:
        command = _COMMAND.match(value, at)
        if command is None:
            return f"there is a % that begins no variable at character {at + 1}"
        if command[1] and command[1] not in commands:
            return f"Envoy knows no variable %{command[1]}%"
        at = value.find("%", command.end())
    return ""


def has_line_break(value: str) -> bool:
    return _BROKEN.search(value) is not None
