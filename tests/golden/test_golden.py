"""What we say of a configuration and what each proxy gets, to the letter."""

from pathlib import Path

import pytest

from tests.golden.golden import cases, outputs


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_golden(case: Path) -> None:
    expected = {p.name: p.read_text() for p in case.iterdir() if p.name != "in.yaml"}
    assert outputs(case) == expected
