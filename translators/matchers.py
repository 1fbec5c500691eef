"""Conditions on a request: paths, headers and query parameters."""

from envoy.config.route.v3.route_components_pb2 import (
    HeaderMatcher,
    QueryParameterMatcher,
)
from envoy.config.route.v3.route_components_pb2 import RouteMatch as WireMatch
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from translators.model import HeaderMatch, MatchKind, RouteMatch, StringMatch


def regex(pattern: str) -> RegexMatcher:
    """RE2; Envoy matches the whole value."""
    return RegexMatcher(regex=pattern)


def string_matcher(match: StringMatch) -> StringMatcher | None:
    """None where the value only has to be there: Envoy refuses an empty prefix or pattern."""
    match match:
        case StringMatch(MatchKind.PRESENT) | StringMatch(MatchKind.PREFIX, ""):
            return None
        case StringMatch(MatchKind.PREFIX, value):
            return StringMatcher(prefix=value)
        case StringMatch(MatchKind.REGEX, value) if value:
            return StringMatcher(safe_regex=regex(value))
    return StringMatcher(exact=match.value)


def header_matcher(header: HeaderMatch) -> HeaderMatcher:
    """An inverted condition holds for a missing header too, as in Istio's withoutHeaders."""
    wire = HeaderMatcher(name=header.name, invert_match=header.invert)
    matcher = string_matcher(header.match)
    if matcher is None:
        wire.present_match = True
    else:
        wire.string_match.CopyFrom(matcher)
        wire.treat_missing_header_as_empty = header.invert
    return wire


def query_matcher(query: HeaderMatch) -> QueryParameterMatcher:
    """Envoy cannot invert a condition on a parameter."""
    matcher = string_matcher(query.match)
    if matcher is None:
        return QueryParameterMatcher(name=query.name, present_match=True)
    return QueryParameterMatcher(name=query.name, string_match=matcher)


def route_match(match: RouteMatch) -> WireMatch:
    wire = WireMatch()
    match match.uri:
        case StringMatch(MatchKind.EXACT, value):
            wire.path = value
        case StringMatch(MatchKind.REGEX, value):
            wire.safe_regex.CopyFrom(regex(value))
        case StringMatch(MatchKind.PREFIX, value):
            wire.prefix = value
        case _:
            wire.prefix = "/"
    if match.written:
        wire.case_sensitive.value = not match.ignore_uri_case
    wire.headers.extend(map(header_matcher, match.headers))
    wire.query_parameters.extend(map(query_matcher, match.query))
    return wire
