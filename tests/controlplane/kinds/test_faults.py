"""Paths and values as people recognise them."""

import pytest

from controlplane.kinds.faults import nearest, render, show


def test_paths() -> None:
    assert render(("spec", "http", 0, "route")) == "spec.http[0].route"
    assert render(("spec", "headers", "x-a")) == "spec.headers[x-a]"
    assert render(("spec", "headers", "a\n")) == "spec.headers['a\\n']"
    assert render(()) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "null"), (True, "true"), ("a\n", '"a\\n"'), (7, "7"), ([1], "[1]")],
)
def test_values(value: object, shown: str) -> None:
    assert show(value) == shown
    assert len(show("x" * 1000)) < 130


def test_near_misses() -> None:
    known = ("exportTo", "hosts", "http")
    assert nearest("export_to", known) == "exportTo"
    assert nearest("htpp", known) == "http"
    assert nearest("zebra", known) == ""
