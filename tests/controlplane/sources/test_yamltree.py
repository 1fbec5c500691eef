"""Scalars as kubectl reads them."""

from typing import Any

import pytest

from controlplane.sources.yamltree import documents


def value(text: str) -> Any:
    (tree,) = documents(text, values=1000, depth=20)
    return tree.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("1_000", 1000),
        ("017", 15),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("0", 0),
        ("08", 8.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1:30", "1:30"),
        ("1.2.3", "1.2.3"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("yes", True),
        ("Off", False),
        ("true", True),
        ("y", "y"),
        ("~", None),
        ("null", None),
        ("", None),
        ("=", "="),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("! 12", "12"),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("1" * 100, "1" * 100),
    ],
)
def test_scalars(text: str, expected: Any) -> None:
    found = value(f"a: {text}")["a"]
    assert found == expected
    assert type(found) is type(expected)


def test_keys_are_text() -> None:
    assert value("1: a\ntrue: b\n~: c\n'x': d\n") == {"1": "a", "true": "b", "null": "c", "x": "d"}


def test_aliases_and_merges() -> None:
    text = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd: {<<: [{z: 1}, {z: 2, w: 3}]}\n"
    found = value(text)
    assert found["b"] is found["a"]
    assert found["c"] == {"x": 1, "y": 3}
    assert found["d"] == {"z": 1, "w": 3}


def test_aliases_count_for_what_they_repeat() -> None:
    (tree,) = documents("a: &a [1, 2]\nb: *a\n", values=100, depth=5)
    assert tree.count == 1 + 3 + 3 + 2  # map, two lists of three, and the keys
