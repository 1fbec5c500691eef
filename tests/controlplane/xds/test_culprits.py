"""Names in the text of a NACK."""

import pytest

from controlplane.xds.culprits import named

NAMES = ("outbound|80||a.b", "outbound|80||a.b.c", "a|b", "80", "0.0.0.0_80", "t")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Error adding/updating cluster(s) outbound|80||a.b: no", ("outbound|80||a.b",)),
        ("Error adding/updating cluster(s) outbound|80||a.b.c: no", ("outbound|80||a.b.c",)),
        (
            "outbound|80||a.b.c: no\noutbound|80||a.b: no",
            ("outbound|80||a.b.c", "outbound|80||a.b"),
        ),
        ("xa|bc", ()),
        ("'a|b'", ("a|b",)),
        ("listener 0.0.0.0_80: it", ("0.0.0.0_80",)),
        ("port 80 is taken", ()),
        ("Only unique values for domains are permitted in route 80", ("80",)),
        ("duration out of range", ()),
        ("it failed at t.", ("t",)),
    ],
)
def test_whole_names_only(text: str, found: tuple[str, ...]) -> None:
    assert named(text, NAMES) == found
