"""The bootstrap command."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.bootstrap import bootstrap

APP = typer.Typer()
APP.command()(bootstrap)
NEEDED = ["--namespace", "shop", "--name", "cart-1", "--ip", "10.0.0.7"]


def test_to_the_terminal() -> None:
    result = CliRunner().invoke(
        APP, [*NEEDED, "--label", "app=cart", "--label", "v=1=2", "--locality", "north/n1"]
    )
    assert result.exit_code == 0, result.output
    content = json.loads(result.output)
    assert content["node"]["metadata"]["LABELS"] == {"app": "cart", "v": "1=2"}
    assert content["node"]["locality"] == {"region": "north", "zone": "n1"}


def test_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "edge.json"
    arguments = ["--type", "router", "--xds", "sotw", "--discovery-address", "[::1]:15011"]
    result = CliRunner().invoke(
        APP, [*NEEDED, *arguments, "--interception", "NONE", "-o", str(path)]
    )
    assert result.exit_code == 0, result.output
    assert result.output == ""
    content = json.loads(path.read_text())
    assert content["node"]["id"] == "router~10.0.0.7~cart-1.shop~shop.svc.cluster.local"
    assert content["dynamic_resources"]["ads_config"]["api_type"] == "GRPC"
    assert content["node"]["metadata"]["PROXY_CONFIG"]["discoveryAddress"] == "[::1]:15011"


def test_with_roots_and_a_token(tmp_path: Path) -> None:
    path = tmp_path / "cart.json"
    proof = [
        "--root-cert",
        str(tmp_path / "root.pem"),
        "--token-file",
        str(tmp_path / "cart.token"),
    ]
    arguments = ["--discovery-address", "127.0.0.1:15012", *proof, "-o", str(path)]
    result = CliRunner().invoke(APP, [*NEEDED, *arguments])
    assert result.exit_code == 0, result.output
    content = path.read_text()
    assert json.loads(content)["node"]["metadata"]["MESHPILOT_SECRETS"] == "ads"
    for named in ("root.pem", "cart.token", "cart.token.json"):
        assert str(tmp_path / named) in content
    secret = json.loads((tmp_path / "cart.token.json").read_text())
    assert str(tmp_path / "cart.token") in json.dumps(secret)


def test_a_token_goes_over_plaintext_to_nobody(tmp_path: Path) -> None:
    token = ["--token-file", str(tmp_path / "cart.token")]
    result = CliRunner().invoke(APP, [*NEEDED, *token])
    assert result.exit_code == 2
    assert "--token-file" in result.output
    socket = ["--discovery-address", f"unix:{tmp_path / 'xds.sock'}"]
    result = CliRunner().invoke(APP, [*NEEDED, *token, *socket])
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "xds.sock") in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--label", "app"],
        ["--label", "=cart"],
        ["--discovery-address", "nowhere"],
        ["--discovery-address", "host:70000"],
        ["--locality", "a/b/c/d"],
        ["--type", "waypoint"],
    ],
)
def test_mistakes_are_said(arguments: list[str]) -> None:
    result = CliRunner().invoke(APP, [*NEEDED, *arguments])
    assert result.exit_code == 2
    assert arguments[0] in result.output
