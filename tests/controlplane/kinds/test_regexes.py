"""RE2, as Envoy counts it."""

import pytest

from controlplane.kinds.regexes import groups, wrong_regex


@pytest.mark.parametrize("pattern", [".*", "/v1/[a-z]{1,60}/x", "[^/]{1,200}", "é+", "a" * 1024])
def test_good(pattern: str) -> None:
    assert wrong_regex(pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "empty"),
        ("*", "RE2"),
        ("(", "RE2"),
        ("a(?=b)", "RE2"),
        (r"(a)\1", "RE2"),
        ("a" * 1025, "1024 bytes"),
        ("é" * 513, "1024 bytes"),
        ("[a-zA-Z0-9]{1,1000}" * 40, "too large"),
        ("[^/]{1,200}" * 60, "program"),
    ],
)
def test_bad(pattern: str, why: str) -> None:
    assert why in wrong_regex(pattern)


def test_groups() -> None:
    assert groups("/(a)(?:b)(c)") == 2
