"""Durations as Go reads them."""

import pytest

from controlplane.kinds.durations import nanoseconds

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1s", SECOND),
        ("1.5s", SECOND * 3 // 2),
        (".5s", SECOND // 2),
        ("1.s", SECOND),
        ("1h2m3s4ms5us6ns", (3600 + 120 + 3) * SECOND + 4_005_006),
        ("1µs", 1000),
        ("-2s", -2 * SECOND),
        ("+2s", 2 * SECOND),
        ("0", 0),
        ("0s", 0),
        ("2540400h", 2540400 * 3600 * SECOND),
        ("2562048h", None),
        ("", None),
        ("-", None),
        ("1", None),
        ("s", None),
        (".s", None),
        ("5 seconds", None),
        ("1d", None),
        ("1s ", None),
        ("1" * 100 + "s", None),
    ],
)
def test_nanoseconds(text: str, expected: int | None) -> None:
    assert nanoseconds(text) == expected
