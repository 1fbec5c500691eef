import io
import json

import pytest
from rich.console import Console

from bench.report import number, plain, row, show
from bench.result import Figure, Goal, Result, one
from bench.samples import Samples

RESULT = Result(
    "weight10",
    (
        Figure("rename -> shown", "ms", Samples((4.0, 5.0, 48.0)), Goal(12, 40, "p50 103 ms")),
        one("server CPU", "ms", 3.25),
    ),
    {"clients": 7},
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (3.456, "3.46"),
        (34.56, "34.6"),
        (1886528, "1,886,528"),
        (float("nan"), "none"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_row_compares_with_the_goal_that_is_missed_most() -> None:
    assert row("weight10", RESULT.figures[0])[1:] == (
        *("5.00", "48.0", "3", "12.0", "40.0", "1.20", "p50 103 ms"),
    )


def test_a_single_value_has_no_tail() -> None:
    assert row("weight10", RESULT.figures[1])[1:4] == ("3.25", "", "1")


def test_the_table_says_where_it_was_measured_and_why_istiod_has_no_ratio() -> None:
    out = io.StringIO()
    show([RESULT], {"cores": "2"}, Console(file=out, width=160))
    text = out.getvalue()
    assert "rename -> shown" in text
    assert "no ratio to it is given" in text
    assert "weight10: clients: 7" in text
    assert "cores 2" in text


def test_the_note_is_only_there_where_istiod_is() -> None:
    out = io.StringIO()
    show([Result("x", (one("y", "ms", 1.0),))], {}, Console(file=out, width=160))
    assert "istiod:" not in out.getvalue()


def test_json_has_every_sample() -> None:
    page = json.loads(json.dumps(plain([RESULT], {"cores": "2"})))
    assert page["machine"] == {"cores": "2"}
    figure = page["results"][0]["figures"][0]
    assert figure["values"] == [4.0, 5.0, 48.0]
    assert figure["met"] is False
    assert page["results"][0]["facts"] == {"clients": 7}
