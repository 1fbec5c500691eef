"""meshpilot token: what it makes is what the control plane of that state directory believes."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from sds.tokens import LocalTokens, TokenError

CART = ("--namespace", "shop", "--service-account", "cart")


def test_to_the_terminal(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["token", "--state-dir", str(tmp_path), *CART])
    assert result.exit_code == 0, result.output
    found = LocalTokens(tmp_path).verify(result.output.strip(), datetime.now(UTC))
    assert found == ("shop", "cart")
    with pytest.raises(TokenError):
        LocalTokens(tmp_path / "other").verify(result.output.strip(), datetime.now(UTC))


def test_to_a_file_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "cart.token"
    arguments = ["token", "--state-dir", str(tmp_path), *CART, "--ttl", "60", "-o", str(path)]
    assert CliRunner().invoke(app, arguments).output == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    now = datetime.now(UTC)
    tokens = LocalTokens(tmp_path)
    assert tokens.verify(path.read_text(), now) == ("shop", "cart")
    with pytest.raises(TokenError, match="expired"):
        LocalTokens(tmp_path).verify(path.read_text(), now.replace(year=now.year + 1))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--namespace", "not a name"),
        ("--namespace", "shop", "--service-account", "a/b"),
        ("--namespace", "shop", "--ttl", "0"),
    ],
)
def test_mistakes_are_said(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["token", "--state-dir", str(tmp_path), *arguments])
    assert result.exit_code == 2


def test_a_state_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["token", "--state-dir", str(tmp_path / "file"), *CART])
    assert result.exit_code == 2
    assert "meshpilot: " in result.output
