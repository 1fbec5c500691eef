"""How data is printed."""

import json

import pytest
import yaml

from cli.printing import Format, emit, many, size


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (228_000, "228.0 kB"), (1_160_000, "1.2 MB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_numbers_of_things() -> None:
    assert [many(n, "resource") for n in (0, 1, 2)] == ["0 resources", "1 resource", "2 resources"]


def test_data_as_json_and_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"b": [1, {"c": "é"}], "a": None}
    emit(value, Format.JSON)
    assert json.loads(capsys.readouterr().out) == value
    emit(value, Format.YAML)
    text = capsys.readouterr().out
    assert yaml.safe_load(text) == value
    assert text.startswith("b:")


def test_one_of_many(capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        emit({"n": number}, Format.JSON, line=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"n": 1},
        {"n": 2},
    ]
    for number in (1, 2):
        emit({"n": number}, Format.YAML, line=True)
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == [{"n": 1}, {"n": 2}]
