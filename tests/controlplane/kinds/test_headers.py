"""Names and values of headers."""

import pytest

from controlplane.kinds.commands import COMMANDS
from controlplane.kinds.headers import is_token, wrong_name, wrong_value


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("plain", True),
        ("100%%", True),
        ("%REQ(x-b)%", True),
        ("a %REQ(x):10% b", True),
        ("%START_TIME(%Y)%", True),
        ("%PROTOCOL%%HOSTNAME%", True),
        ("50% off", False),
        ("%NOSUCH%", False),
        ("%", False),
        ("%req(x)%", False),
        ("a\nb", False),
        ("a\tb", True),
        ("a\x7f", False),
    ],
)
def test_values(value: str, good: bool) -> None:
    assert (wrong_value(value, COMMANDS) == "") is good


def test_names() -> None:
    assert wrong_name("x-a") == ""
    assert wrong_name("bad header") == ""
    assert wrong_name("")
    assert wrong_name("a\nb")
    assert wrong_name(":path")
    assert wrong_name(":authority", pseudo=frozenset({":authority"})) == ""
    assert is_token("x-a")
    assert not is_token("bad header")
