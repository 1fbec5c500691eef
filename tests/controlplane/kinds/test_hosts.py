"""Host names."""

import pytest

from controlplane.kinds.hosts import (
    is_address,
    is_network,
    overlap,
    wrong_domain,
    wrong_scoped_host,
)


@pytest.mark.parametrize(
    ("host", "plain", "wildcard"),
    [
        ("a", True, True),
        ("A.Example.com", True, True),
        ("a.b.", True, True),
        ("a" * 63, True, True),
        ("a" * 64, False, False),
        ("*", False, True),
        ("*.a.com", False, True),
        ("*foo.com", False, True),
        ("*-foo.com", False, True),
        ("a.*.com", False, False),
        ("a*.com", False, False),
        ("**.com", False, False),
        ("a_b", False, False),
        ("-a", False, False),
        ("a..b", False, False),
        ("", False, False),
        (".", False, False),
        ("1.2.3.4", False, False),
        ("a.b:80", False, False),
        ("a\n", False, False),
        (".".join(["a" * 60] * 5), False, False),
    ],
)
def test_domains(host: str, plain: bool, wildcard: bool) -> None:
    assert (wrong_domain(host, wildcard=False) == "") is plain
    assert (wrong_domain(host, wildcard=True) == "") is wildcard


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("*", "a", True),
        ("*.com", "a.com", True),
        ("a.com", "*.com", True),
        ("*.com", "*.a.com", True),
        ("*.a.com", "*.com", True),
        ("*.a.com", "*.b.com", False),
        ("*.a.com", "a.com", False),
    ],
)
def test_overlap(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("*", True),
        ("a.com", True),
        ("*.a.com", True),
        ("localhost", True),
        ("a", False),
        ("*a.com", False),
        ("", False),
        ("1.1.1.1", False),
    ],
)
def test_hosts_behind_a_namespace(host: str, good: bool) -> None:
    assert (wrong_scoped_host(host) == "") is good


def test_addresses_and_networks() -> None:
    assert all(map(is_address, ("1.2.3.4", "::1", "fd00::1")))
    assert not any(map(is_address, ("1.2.3", "fe80::1%eth0", "", "1.2.3.4/8", "a")))
    assert all(map(is_network, ("10.0.0.0/8", "10.0.0.1/8", "fd00::/64")))
    assert not any(map(is_network, ("10.0.0.0", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "a/8")))
