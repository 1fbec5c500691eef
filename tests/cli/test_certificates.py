"""Certificates in words."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.certificates import described, span
from sds.secrets import fingerprint
from tests.fakes.certificates import Root


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min 59 s"),
        (86399, "23 h 59 min"),
        (90 * 86400, "90 d"),
        (86400 + 60, "1 d"),
    ],
)
def test_spans(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("step", "words"),
    [(-10, "begins in 10 s"), (10, "expires in 10 s"), (3 * 60, "expired 3 min ago")],
)
def test_how_long_it_lasts_in_words(step: int, words: str) -> None:
    leaf = Root.made().pair("shop", "cart").leaf
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    now = {-10: start, 10: end - timedelta(seconds=20)}.get(step, end) + timedelta(seconds=step)
    assert described(leaf, now)["state"] == words


def test_what_is_said() -> None:
    leaf = Root.made().server().leaf
    found = described(leaf, datetime.now(UTC))
    assert found["name"] == found["names"][0] == "spiffe://cluster.local/ns/istio-system/sa/istiod"
    assert found["names"][1:] == ["istiod.istio-system.svc", "localhost", "127.0.0.1", "::1"]
    assert found["fingerprint"] == fingerprint(leaf)
    assert found["subject"] == ""
