"""Labels and names of objects."""

import pytest

from controlplane.kinds.labels import is_object_name, wrong_key, wrong_value


@pytest.mark.parametrize(
    ("key", "good"),
    [
        ("app", True),
        ("a.b/c_d", True),
        ("A-b.c", True),
        ("", False),
        ("-a", False),
        ("a/", False),
        ("/a", False),
        ("a/b/c", False),
        ("a" * 64, False),
        ("A_/b", False),
    ],
)
def test_keys(key: str, good: bool) -> None:
    assert (wrong_key(key) == "") is good


@pytest.mark.parametrize(
    ("value", "good"),
    [("", True), ("v1", True), ("A_b.c-d", True), ("b c", False), ("a-", False), ("a" * 64, False)],
)
def test_values(value: str, good: bool) -> None:
    assert (wrong_value(value) == "") is good


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("a", True),
        ("a.b-c", True),
        ("", False),
        ("A", False),
        ("a_b", False),
        ("a\n", False),
        ("a" * 253, True),
        ("a" * 254, False),
    ],
)
def test_names(name: str, good: bool) -> None:
    assert is_object_name(name) is good
