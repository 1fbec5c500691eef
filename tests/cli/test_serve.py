"""`meshpilot serve`: mistakes end it at once, with what is wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from cli import app


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """The command says where logs go for the whole process."""
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--config-dir", "/no/such"], "meshpilot: /no/such is no directory"),
        (["--missing-destination", "drop"], "drop is none of hold, istio"),
        (["--weights", "any"], "any is none of exact, relative"),
        (["--log-level", "loud"], "loud is none of debug, info, warning, error"),
        (["--drain", "-1"], "drain is a time in seconds and may not be negative"),
        (["--http-address", "here"], '"here" is no address: write host:port'),
    ],
)
def test_mistakes_are_said(arguments: list[str], text: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["serve", "--config-dir", str(tmp_path), *arguments])
    assert result.exit_code == 2
    assert text in " ".join(result.output.replace("│", " ").split())


def test_a_directory_is_needed() -> None:
    result = CliRunner().invoke(app, ["serve"], env={"MESHPILOT_CONFIG_DIR": ""})
    assert result.exit_code == 2
    assert "--config-dir" in result.output
