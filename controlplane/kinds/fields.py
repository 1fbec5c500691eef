"""The types of single fields: what pydantic checks where they stand, with reason and remedy."""

from collections.abc import Mapping
from typing import Annotated, Final

from annotated_types import Ge, Le
from pydantic import AfterValidator, PlainValidator, Strict, StringConstraints

from controlplane.kinds import headers, hosts, labels
from controlplane.kinds.commands import COMMANDS
from controlplane.kinds.durations import nanoseconds
from controlplane.kinds.problems import Problem, refuse, together
from controlplane.kinds.regexes import wrong_regex

_INT32: Final = 2**31 - 1
_UINT32: Final = 2**32 - 1
_MILLISECOND: Final = 1_000_000

Text = Annotated[str, Strict()]
Filled = Annotated[str, Strict(), StringConstraints(min_length=1)]
Flag = Annotated[bool, Strict()]
Int32 = Annotated[int, Strict(), Ge(-_INT32 - 1), Le(_INT32)]
Count = Annotated[int, Strict(), Ge(0), Le(_INT32)]
UInt32 = Annotated[int, Strict(), Ge(0), Le(_UINT32)]
PortNumber = Annotated[int, Strict(), Ge(1), Le(65535)]
Percent = Annotated[int, Strict(), Ge(0), Le(100)]


def _milliseconds(value: object) -> int:
    if not isinstance(value, str):
        raise refuse("WrongType", "a duration is text", 'write a number and a unit, as in "5s"')
    length = nanoseconds(value)
    if length is None:
        raise refuse(
            "Duration", "this is no duration", 'write numbers with units, as in "1.5s" or "250ms"'
        )
    if length < _MILLISECOND:
        raise refuse(
            "DurationTooShort", "a duration is at least 1ms", "leave the field out for no limit"
        )
    if length % _MILLISECOND:
        raise refuse(
            "DurationPrecision", "durations have whole milliseconds", "round it to milliseconds"
        )
    return length // _MILLISECOND


Milliseconds = Annotated[int, PlainValidator(_milliseconds)]


def _regex(value: str) -> str:
    if why := wrong_regex(value):
        raise refuse("Regex", why, "see RE2's syntax; it has no look-ahead and no back references")
    return value


Regex = Annotated[str, Strict(), AfterValidator(_regex)]


def _domain(value: str) -> str:
    if why := hosts.wrong_domain(value, wildcard=False):
        raise refuse("Host", why, "write the name of one service, short or in full")
    return value


def _wildcard_domain(value: str) -> str:
    if why := hosts.wrong_domain(value, wildcard=True):
        raise refuse("Host", why, 'write a host name, or one that begins with "*."')
    return value


def _host_or_address(value: str) -> str:
    return value if hosts.is_address(value) else _wildcard_domain(value)


Domain = Annotated[str, Strict(), AfterValidator(_domain)]
WildcardDomain = Annotated[str, Strict(), AfterValidator(_wildcard_domain)]
HostOrAddress = Annotated[str, Strict(), AfterValidator(_host_or_address)]


def _address(value: str) -> str:
    if not hosts.is_address(value):
        raise refuse("Address", "this is no IP address", "write an IPv4 or IPv6 address")
    return value


Address = Annotated[str, Strict(), AfterValidator(_address)]


def _label_name(value: str) -> str:
    if not hosts.is_label(value):
        raise refuse("Name", hosts.label_rule, "choose a name by that rule")
    return value


LabelName = Annotated[str, Strict(), AfterValidator(_label_name)]


def _labels(value: Mapping[str, str]) -> Mapping[str, str]:
    together(
        Problem((name,), "Label", why, "correct the label", text)
        for name, text in value.items()
        if (why := labels.wrong_key(name) or labels.wrong_value(text))
    )
    return value


LabelMap = Annotated[Mapping[Text, Text], AfterValidator(_labels)]


def _selector(value: Mapping[str, str]) -> Mapping[str, str]:
    together(
        Problem((name,), "Selector", why, "select by whole labels", text)
        for name, text in value.items()
        if (why := _wrong_selector(name, text))
    )
    return value


def _wrong_selector(name: str, text: str) -> str:
    if not name:
        return "the name of a label may not be empty"
    return "a selector takes no wildcards" if "*" in name + text else ""


Selector = Annotated[Mapping[Text, Text], AfterValidator(_selector)]


def _export_to(value: tuple[str, ...]) -> tuple[str, ...]:
    together(
        Problem((place,), reason, why, remedy, name)
        for place, name in enumerate(value)
        for reason, why, remedy in _wrong_export(name, place, value)
    )
    return value


def _wrong_export(name: str, place: int, names: tuple[str, ...]) -> list[tuple[str, str, str]]:
    if name in names[:place]:
        return [("DuplicateExport", "it is listed twice", "list each namespace once")]
    if name == "~":
        return [("Export", '"~" would make it visible to nobody', 'write "." for this namespace')]
    if name == "*" and len(names) > 1:
        return [("Export", '"*" includes all others', 'leave "*" alone, or list namespaces')]
    if name not in ("*", ".") and (why := hosts.wrong_label(name)):
        return [("Export", why, 'write "*", "." or names of namespaces')]
    return []


ExportTo = Annotated[tuple[Text, ...], AfterValidator(_export_to)]

_AUTHORITY: Final = frozenset({":authority", "host"})
_NO_PSEUDO: Final[frozenset[str]] = frozenset()


def header_problems(
    changes: Mapping[str, str], *, authority: bool
) -> list[tuple[str, str, str, str]]:
    """(name, reason, why, value) of what Envoy would refuse among headers to set or add."""
    pseudo = _AUTHORITY if authority else _NO_PSEUDO
    found = []
    for name, text in changes.items():
        if why := headers.wrong_name(name, pseudo=pseudo):
            found.append((name, "HeaderName", why, name))
        if why := headers.wrong_value(text, COMMANDS):
            found.append((name, "HeaderValue", why, text))
    return found


def plain_text(value: str) -> str:
    """Text that becomes part of a header: no line breaks."""
    if headers.has_line_break(value):
        raise refuse("HeaderValue", "it may not have line breaks", "write it on one line")
    return value


HeaderText = Annotated[str, Strict(), AfterValidator(plain_text)]
