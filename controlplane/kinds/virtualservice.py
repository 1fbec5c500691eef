"""VirtualService (networking.istio.io): how requests to a host are routed.

HTTP routes only; what is not served yet is refused by name.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, ValidationInfo

from controlplane.kinds import headers, hosts
from controlplane.kinds.fields import (
    Count,
    Domain,
    ExportTo,
    Flag,
    HeaderText,
    HostOrAddress,
    Int32,
    LabelMap,
    Milliseconds,
    PortNumber,
    Regex,
    Text,
    UInt32,
    header_problems,
)
from controlplane.kinds.frames import Checked, Strict, Through
from controlplane.kinds.objects import Severity
from controlplane.kinds.problems import Path, Problem, refuse, together
from controlplane.kinds.regexes import groups
from controlplane.kinds.retries import conditions, wrong_retry_on
from controlplane.kinds.shadowing import shadowed
from translators.model import (
    NO_HEADERS,
    HeaderOperations,
    MatchKind,
    Retry,
    Rewrite,
    StringMatch,
)

MESH: Final = "mesh"
RELATIVE: Final = "relative"
_ENVOY_WEIGHTS: Final = 2**32 - 1
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


class PortSelector(Strict):
    number: PortNumber

    def value(self) -> int:
        return self.number


def _subset(value: str) -> str:
    if value and not hosts.is_label(value):
        raise refuse("Subset", hosts.label_rule, "write the name of a subset")
    return value


class Destination(Strict):
    host: Domain
    subset: Annotated[Text, AfterValidator(_subset)] = ""
    port: Annotated[int, Through(PortSelector)] | None = None


class HeaderChanges(Checked):
    set: Mapping[Text, Text] = Field(default_factory=dict)
    add: Mapping[Text, Text] = Field(default_factory=dict)
    remove: tuple[Text, ...] = ()

    authority: ClassVar[bool] = False

    def problems(self) -> Iterator[Problem]:
        for block in ("set", "add"):
            changes: Mapping[str, str] = getattr(self, block)
            for name, reason, why, value in header_problems(changes, authority=self.authority):
                yield Problem((block, name), reason, why, "correct the header", value)
        for place, name in enumerate(self.remove):
            if why := headers.wrong_name(name) or (
                "the host cannot be removed" if name.lower() == "host" else ""
            ):
                yield Problem(("remove", place), "HeaderName", why, "write a header name", name)

    def value(self) -> HeaderOperations:
        return HeaderOperations(
            set=tuple(self.set.items()), add=tuple(self.add.items()), remove=self.remove
        )


class RequestHeaders(HeaderChanges):
    """Changes to a request; `:authority` and `host` may be set here only."""

    authority: ClassVar[bool] = True


class Headers(Strict):
    request: Annotated[HeaderOperations, Through(RequestHeaders)] = NO_HEADERS
    response: Annotated[HeaderOperations, Through(HeaderChanges)] = NO_HEADERS


class WithHeaders(Checked):
    headers: Headers = Headers()

    @property
    def request_headers(self) -> HeaderOperations:
        return self.headers.request

    @property
    def response_headers(self) -> HeaderOperations:
        return self.headers.response


class RouteDestination(WithHeaders):
    destination: Destination
    weight: Count = 0

    def problems(self) -> Iterator[Problem]:
        return iter(())


def _weights(
    value: tuple[RouteDestination, ...], info: ValidationInfo
) -> tuple[RouteDestination, ...]:
    if len(value) < 2:
        return value
    weights = [route.weight for route in value]
    total = sum(weights)
    shown = " + ".join(map(str, weights)) + f" = {total}"
    if info.context == RELATIVE:
        if not 0 < total <= _ENVOY_WEIGHTS:
            together([_weight_problem(f"the weights {shown} must sum to more than 0")])
    elif total != 100:
        together([_weight_problem(f"the weights {shown} must sum to exactly 100")])
    return value


def _weight_problem(why: str) -> Problem:
    return Problem((), "WeightSum", why, "give every destination its share of 100")


class RegexRewrite(Checked):
    match: Regex
    rewrite: HeaderText

    def problems(self) -> Iterator[Problem]:
        known, at = groups(self.match), 0
        while (at := self.rewrite.find("\\", at)) >= 0:
            sign = self.rewrite[at + 1 : at + 2]
            if sign != "\\" and not (sign.isascii() and sign.isdigit() and int(sign) <= known):
                yield Problem(
                    ("rewrite",),
                    "RewriteGroup",
                    f"\\{sign} names none of the {known} groups of the match",
                    "refer to groups that the match has; write \\\\ for a backslash",
                    self.rewrite,
                )
            at += 2


class HttpRewrite(Checked):
    uri: HeaderText = ""
    authority: HeaderText = ""
    uri_regex_rewrite: RegexRewrite | None = None

    def problems(self) -> Iterator[Problem]:
        if not (self.uri or self.authority or self.uri_regex_rewrite):
            yield Problem(
                (), "Empty", "a rewrite changes something", "set uri, uriRegexRewrite or authority"
            )
        if self.uri and self.uri_regex_rewrite:
            yield Problem(
                (),
                "OneOf",
                "it has uri and uriRegexRewrite, and takes one",
                "keep one of uri and uriRegexRewrite",
            )

    def value(self) -> Rewrite:
        regex = self.uri_regex_rewrite
        return Rewrite(
            uri=self.uri,
            authority=self.authority,
            regex=(regex.match, regex.rewrite) if regex else None,
        )


class HttpRetry(Checked):
    """`attempts` 0 switches retries off."""

    attempts: Int32 = 0
    per_try_timeout: Milliseconds | None = None
    backoff: Milliseconds | None = None
    retry_on: Text = ""
    retry_remote_localities: Flag | None = None
    retry_ignore_previous_hosts: Flag | None = None

    @property
    def policy(self) -> Retry | None:
        """As Envoy takes it, Istio's conditions where none are written; None: no retries."""
        if not self.attempts:
            return None
        retry_on, codes = conditions(self.retry_on)
        return Retry(
            attempts=self.attempts,
            retry_on=retry_on,
            codes=codes,
            per_try_timeout_ms=self.per_try_timeout,
            backoff_ms=self.backoff,
            previous_hosts=self.retry_ignore_previous_hosts is not False,
            remote_localities=self.retry_remote_localities is True,
        )

    def problems(self) -> Iterator[Problem]:
        if self.attempts < 0:
            yield Problem(
                ("attempts",),
                "OutOfRange",
                "attempts may not be negative",
                "write 0 to switch retries off",
                self.attempts,
            )
        elif self.attempts == 0 and (
            self.per_try_timeout
            or self.retry_on
            or self.backoff
            or self.retry_remote_localities is not None
            or self.retry_ignore_previous_hosts is not None
        ):
            yield Problem(
                ("attempts",),
                "RetriesOff",
                "0 switches retries off, and the other fields would do nothing",
                "set attempts, or remove the other fields",
                0,
            )
        if why := wrong_retry_on(self.retry_on):
            yield Problem(
                ("retryOn",),
                "RetryOn",
                why,
                'list conditions with commas and no spaces, as in "5xx,reset"',
                self.retry_on,
            )


class HttpRoute(WithHeaders):
    unserved: ClassVar = frozenset(
        {
            "redirect",
            "directResponse",
            "delegate",
            "fault",
            "mirror",
            "mirrors",
            "mirrorPercent",
            "mirrorPercentage",
            "corsPolicy",
        }
    )

    name: Text = ""
    match: tuple[HttpMatch, ...] = ()
    route: Annotated[tuple[RouteDestination, ...], AfterValidator(_weights)] = ()
    rewrite: Annotated[Rewrite, Through(HttpRewrite)] | None = None
    timeout_ms: Annotated[Milliseconds | None, Field(alias="timeout")] = None
    retries: HttpRetry | None = None

    def problems(self) -> Iterator[Problem]:
        if not self.route:
            yield Problem(
                ("route",), "Required", "a rule sends its requests somewhere", "add a destination"
            )
        if self.rewrite and self.rewrite.authority:
            for block in ("set", "add"):
                for name, text in getattr(self.request_headers, block):
                    if name.lower() == ":authority":
                        yield Problem(
                            ("headers", "request", block, name),
                            "OneOf",
                            "rewrite.authority sets it too",
                            "keep one of the two",
                            text,
                        )

    def remarks(self) -> Iterator[Problem]:
        yield from _odd_names((), self)
        for place, part in enumerate(self.route):
            yield from _odd_names(("route", place), part)


def _odd_names(path: Path, holder: WithHeaders) -> Iterator[Problem]:
    for direction in ("request", "response"):
        operations: HeaderOperations = getattr(holder.headers, direction)
        for block in ("set", "add"):
            for name, _ in getattr(operations, block):
                if not headers.is_token(name.removeprefix(":")):
                    yield Problem(
                        (*path, "headers", direction, block, name),
                        "HeaderName",
                        "this is no header name by RFC 9110, most peers refuse it",
                        "use letters, digits and dashes",
                        severity=Severity.WARNING,
                    )


class VirtualServiceSpec(Checked):
    """Hosts, and the rules for requests to them. Without hosts it is for delegation only."""

    unserved: ClassVar = frozenset({"tcp", "tls"})

    hosts: tuple[HostOrAddress, ...] = ()
    gateways: Gateways = ()
    http: tuple[HttpRoute, ...] = ()
    export_to: ExportTo = ()

    def problems(self) -> Iterator[Problem]:
        if not self.http:
            yield Problem(("http",), "Required", "there is no rule", "add a rule under spec.http")
        if not self.hosts and self.gateways:
            yield Problem(
                ("gateways",),
                "Delegate",
                "a VirtualService without hosts is for delegation and has no gateways",
                "add hosts, or remove the gateways",
                self.gateways,
            )
        for place, host in enumerate(self.hosts):
            if host == "*" and (not self.gateways or MESH in self.gateways):
                yield Problem(
                    ("hosts", place),
                    "Host",
                    "every host of the mesh would be taken",
                    "name the hosts, or bind it to gateways only",
                    host,
                )
            for before in self.hosts[:place]:
                if hosts.overlap(before, host):
                    yield Problem(
                        ("hosts", place),
                        "DuplicateHost",
                        f'it overlaps with "{before}"',
                        "list each host once",
                        host,
                    )

    def remarks(self) -> Iterator[Problem]:
        if not self.hosts:
            yield Problem(
                ("hosts",),
                "NoHosts",
                "without hosts it takes effect by delegation only, which is not served yet",
                "add hosts",
                severity=Severity.WARNING,
            )
        yield from shadowed(self.http)
        for place, rule in enumerate(self.http):
            for problem in rule.remarks():
                yield problem._replace(path=("http", place, *problem.path))
