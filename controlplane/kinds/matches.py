"""Conditions of a VirtualService's http rules: what a request must be like."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field

from controlplane.kinds import headers, hosts
from controlplane.kinds.fields import (
    Flag,
    LabelMap,
    Regex,
    Text,
    UInt32,
)
from controlplane.kinds.frames import Checked, Through
from controlplane.kinds.problems import Problem, refuse, together
from translators.model import MatchKind, StringMatch

MESH: Final = "mesh"
_LARGEST_PORT: Final = 65535


class StringMatchFrame(Checked):
    """At most one of three; none of them asks for presence alone."""

    exact: Text | None = None
    prefix: Text | None = None
    regex: Regex | None = None

    def problems(self) -> Iterator[Problem]:
        given = [name for name in ("exact", "prefix", "regex") if getattr(self, name) is not None]
        if len(given) > 1:
            yield Problem(
                (),
                "OneOf",
                f"it has {' and '.join(given)}, and takes one",
                "keep one of exact, prefix and regex",
            )

    def value(self) -> StringMatch:
        if self.exact is not None:
            return StringMatch(MatchKind.EXACT, self.exact)
        if self.prefix is not None:
            return StringMatch(MatchKind.PREFIX, self.prefix)
        if self.regex is not None:
            return StringMatch(MatchKind.REGEX, self.regex)
        return StringMatch(MatchKind.PRESENT)


PathMatch = Annotated[StringMatch, Through(StringMatchFrame)]


def _filled_prefix(value: StringMatch) -> StringMatch:
    if value == StringMatch(MatchKind.PREFIX, ""):
        raise refuse("EmptyPrefix", "an empty prefix is refused by Envoy", "write {} for any value")
    return value


ValueMatch = Annotated[StringMatch, Through(StringMatchFrame), AfterValidator(_filled_prefix)]


def _header_matches(value: Mapping[str, StringMatch]) -> Mapping[str, StringMatch]:
    together(
        Problem((name,), reason, why, remedy, name)
        for name in value
        for reason, why, remedy in _wrong_header(name)
    )
    return value


def _wrong_header(name: str) -> Iterator[tuple[str, str, str]]:
    if name.startswith("@request.auth."):
        yield ("NotSupported", "claims are not served yet", "match on another header")
    elif why := headers.wrong_name(name.removeprefix(":")):
        yield ("HeaderName", why, "write the name of a header")


HeaderMatches = Annotated[Mapping[Text, ValueMatch], AfterValidator(_header_matches)]


def _gateways(value: tuple[str, ...]) -> tuple[str, ...]:
    together(
        Problem((place,), "GatewayName", why, 'write "mesh", a name or "namespace/name"', name)
        for place, name in enumerate(value)
        if (why := _wrong_gateway(name))
    )
    return value


def _wrong_gateway(name: str) -> str:
    if name == MESH:
        return ""
    namespace, slash, rest = name.partition("/")
    if slash:
        return hosts.wrong_label(namespace) or hosts.wrong_label(rest)
    return hosts.wrong_domain(name, wildcard=False)


Gateways = Annotated[tuple[Text, ...], AfterValidator(_gateways)]


def _namespace(value: str) -> str:
    if value and not hosts.is_label(value):
        raise refuse("Name", hosts.label_rule, "write the name of a namespace")
    return value


def _match_port(value: int) -> int | None:
    if value > _LARGEST_PORT:
        raise refuse("OutOfRange", f"a port is at most {_LARGEST_PORT}", "write a port's number")
    return value or None


class HttpMatch(Checked):
    """Conditions that hold together. Port, gateways and sources are decided by us, not by Envoy."""

    unserved: ClassVar = frozenset({"statPrefix"})

    name: Text = ""
    uri: PathMatch | None = None
    ignore_uri_case: Flag = False
    scheme: ValueMatch | None = None
    method: ValueMatch | None = None
    authority: ValueMatch | None = None
    headers: HeaderMatches = Field(default_factory=dict)
    without_headers: HeaderMatches = Field(default_factory=dict)
    query_params: Mapping[Text, ValueMatch] = Field(default_factory=dict)
    port: Annotated[UInt32, AfterValidator(_match_port)] | None = None
    gateways: Gateways = ()
    source_labels: LabelMap = Field(default_factory=dict)
    source_namespace: Annotated[Text, AfterValidator(_namespace)] = ""

    def problems(self) -> Iterator[Problem]:
        if "" in self.query_params:
            yield Problem(
                ("queryParams",),
                "QueryName",
                "the name of a query parameter may not be empty",
                "write the name of the parameter",
                "",
            )
