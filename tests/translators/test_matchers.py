"""Conditions that Envoy would refuse as they are."""

import pytest

from translators.matchers import header_matcher, query_matcher
from translators.model import HeaderMatch, MatchKind, StringMatch


@pytest.mark.parametrize("invert", [False, True])
def test_an_empty_prefix_is_presence(invert: bool) -> None:
    wire = header_matcher(HeaderMatch("x", StringMatch(MatchKind.PREFIX), invert=invert))
    assert wire.present_match is True
    assert wire.invert_match is invert
    assert query_matcher(HeaderMatch("x", StringMatch(MatchKind.PREFIX))).present_match is True


def test_an_empty_pattern_is_the_empty_value() -> None:
    wire = header_matcher(HeaderMatch("x", StringMatch(MatchKind.REGEX)))
    assert wire.string_match.HasField("exact")
    assert wire.string_match.exact == ""
