"""VirtualService (networking.istio.io): how requests to a host are routed.

HTTP routes only; what is not served yet is refused by name.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, ValidationInfo

from controlplane.kinds import hosts
from controlplane.kinds.fields import (
    Count,
    Domain,
    ExportTo,
    HostOrAddress,
    Milliseconds,
    PortNumber,
    Text,
)
from controlplane.kinds.frames import Checked, Strict, Through
from controlplane.kinds.matches import MESH, Gateways, HttpMatch
from controlplane.kinds.objects import Severity
from controlplane.kinds.operations import WithHeaders, odd_names
from controlplane.kinds.problems import Problem, refuse, together
from controlplane.kinds.retries import HttpRetry
from controlplane.kinds.rewrites import HttpRewrite
from controlplane.kinds.shadowing import shadowed
from translators.model import Rewrite

# the largest sum of weights that Envoy takes
_LARGEST_SUM: Final = 2**32 - 1


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


class RouteDestination(WithHeaders):
    destination: Destination
    weight: Count = 0


def _weights(
    value: tuple[RouteDestination, ...], info: ValidationInfo
) -> tuple[RouteDestination, ...]:
    if len(value) < 2:
        return value
    weights = [route.weight for route in value]
    total = sum(weights)
    shown = " + ".join(map(str, weights)) + f" = {total}"
    if info.context == "relative":
        good, rule = 0 < total <= _LARGEST_SUM, f"between 1 and {_LARGEST_SUM}"
    else:
        good, rule = total == 100, "exactly 100"
    if not good:
        why = f"the weights {shown} must sum to {rule}"
        together([Problem((), "WeightSum", why, "give every destination its share of 100")])
    return value


class HttpRoute(WithHeaders, Checked):
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
        yield from odd_names((), self)
        for place, part in enumerate(self.route):
            yield from odd_names(("route", place), part)


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
