"""Host names: expansion, wildcards, visibility."""

import pytest

from controlplane.convergence.hosts import covers, expand, exported, specificity


@pytest.mark.parametrize(
    ("host", "fqdn"),
    [
        ("web", "web.shop.svc.cluster.local"),
        ("web.other", "web.other"),  # two labels are not expanded (Istio's rule)
        ("web.example.com", "web.example.com"),
        ("*", "*"),
        ("*.example.com", "*.example.com"),
        ("", ""),
    ],
)
def test_short_names_are_services_of_the_same_namespace(host: str, fqdn: str) -> None:
    assert expand(host, namespace="shop", domain="cluster.local") == fqdn


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("*", "a.example.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "*.b.example.com", True),
        ("*-x.example.com", "a-x.example.com", True),
        ("a.example.com", "a.example.com", True),
        ("a.example.com", "*.example.com", False),
    ],
)
def test_what_a_pattern_covers(pattern: str, host: str, expected: bool) -> None:
    assert covers(pattern, host) is expected


def test_the_most_specific_pattern_sorts_last() -> None:
    patterns = ["a.example.com", "*", "*.example.com", "*.b.example.com"]
    assert sorted(patterns, key=specificity) == [
        "*",
        "*.example.com",
        "*.b.example.com",
        "a.example.com",
    ]


@pytest.mark.parametrize(
    ("export_to", "viewer", "seen"),
    [
        ((), "other", True),
        (("*",), "other", True),
        ((".",), "shop", True),
        ((".",), "other", False),
        (("other",), "other", True),
        (("~",), "shop", False),
    ],
)
def test_who_sees_what_is_exported(export_to: tuple[str, ...], viewer: str, seen: bool) -> None:
    assert exported(export_to, owner="shop", viewer=viewer) is seen
