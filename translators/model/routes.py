"""HTTP routes as a proxy runs them: conditions decided by us are gone, names are resolved."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from translators.model.base import ObjectRef


class MatchKind(StrEnum):
    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"  # RE2, the whole value
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class StringMatch:
    kind: MatchKind
    value: str = ""


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A condition on a header or pseudo header (`:method`, `:authority`, `:scheme`)."""

    name: str
    match: StringMatch
    invert: bool = False


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """All conditions hold together. No uri and no headers: everything matches.

    `written` tells a match that somebody wrote from the absence of one: Istio writes
    `case_sensitive` on the former only.
    """

    uri: StringMatch | None = None
    ignore_uri_case: bool = False
    headers: tuple[HeaderMatch, ...] = ()
    query: tuple[HeaderMatch, ...] = ()
    written: bool = False

    @property
    def catches_all(self) -> bool:
        """Whether nothing behind this match can be reached, by Istio's rule."""
        if self.headers or self.query:
            return False
        match self.uri:
            case None:
                return True
            case StringMatch(MatchKind.PREFIX, "/") | StringMatch(MatchKind.REGEX, ".*"):
                return True
        return False


@dataclass(frozen=True, slots=True)
class HeaderOperations:
    """In the order written: `set` overwrites, `add` appends, `remove` takes away."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


NO_HEADERS = HeaderOperations()


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster that receives a share of the requests. Zero weights have been dropped before."""

    cluster: str
    weight: int = 0
    request: HeaderOperations = NO_HEADERS
    response: HeaderOperations = NO_HEADERS


@dataclass(frozen=True, slots=True)
class Retry:
    """A retry policy. `retry_on` and `codes` as Envoy takes them; None leaves Envoy's defaults."""

    attempts: int
    retry_on: str
    codes: tuple[int, ...] = ()
    per_try_timeout_ms: int | None = None
    backoff_ms: int | None = None
    previous_hosts: bool = True
    remote_localities: bool = False


@dataclass(frozen=True, slots=True)
class Rewrite:
    uri: str = ""
    authority: str = ""
    regex: tuple[str, str] | None = None  # pattern, substitution


@dataclass(frozen=True, slots=True)
class Route:
    """One Envoy route: one match, and where its requests go.

    `weighted` keeps a split a split (Istio sends `weighted_clusters` of one when zero weights
    were dropped). `timeout_ms` 0 means none.
    """

    match: RouteMatch
    targets: tuple[Target, ...]
    name: str = ""
    weighted: bool = False
    timeout_ms: int = 0
    retry: Retry | None = None
    rewrite: Rewrite | None = None
    request: HeaderOperations = NO_HEADERS
    response: HeaderOperations = NO_HEADERS
    source: ObjectRef | None = None
    field: str = ""  # path in the source, "spec.http[0].match[1]"


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """The unit of a route table: packed once, spliced into every table that has it.

    `proxyless`: for gRPC clients, which take the time limit of a call from max_stream_duration.
    `redirected`: callers without TLS are sent to https.
    """

    name: str
    domains: tuple[str, ...]
    routes: tuple[Route, ...]
    proxyless: bool = False
    redirected: bool = False


class CatchAll(StrEnum):
    """What a sidecar's route table does with a host that it does not know."""

    NONE = "none"
    ALLOW_ANY = "allow_any"  # to PassthroughCluster
    BLOCK_ALL = "block_all"  # 502


@dataclass(frozen=True, slots=True)
class RouteTable:
    """One RouteConfiguration; hosts by name, in the order they are sent."""

    name: str
    hosts: Mapping[str, VirtualHost]
    catch_all: CatchAll = CatchAll.NONE
