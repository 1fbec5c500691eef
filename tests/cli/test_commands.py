"""The command as a whole: what it lists, and what it does not load."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from cli import COMMANDS, app, loaded

HEAVY = ("grpc", "aiohttp", "uvloop", "google.protobuf", "structlog", "yaml")


def modules_of(statement: str) -> set[str]:
    """Those of HEAVY that a fresh interpreter has loaded after `statement`."""
    script = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    return set(HEAVY) & set(json.loads(result.stdout.splitlines()[-1]))


def run(*arguments: str) -> str:
    return (
        "from typer.testing import CliRunner\nfrom cli import app\n"
        f"assert CliRunner().invoke(app, {list(arguments)!r}).exit_code < 2"
    )


@pytest.mark.parametrize(
    ("statement", "needed"),
    [
        ("import cli", set()),
        (run("--help"), set()),
        (run("--version"), set()),
        (run("serve", "--help"), set()),
        (run("ads", "--help"), set()),
        (run("proxies", "--help"), set()),
        (run("config", "dump", "--help"), set()),
        (run("cert", "check", "--help"), set()),
        (run("ca", "rotate", "--help"), set()),
        (run("token", "--help"), set()),
        (run("bootstrap", "--namespace", "a", "--name", "b", "--ip", "::1"), {"google.protobuf"}),
        (run("validate", __file__), {"google.protobuf", "yaml"}),
    ],
    ids=lambda value: value.splitlines()[-1][-60:] if isinstance(value, str) else "",
)
def test_a_command_loads_only_what_it_needs(statement: str, needed: set[str]) -> None:
    assert modules_of(statement) <= needed


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_summary_and_examples(name: str) -> None:
    command = loaded(name)
    assert command.name == name
    assert command.help.splitlines()[0] == COMMANDS[name]
    assert "Example" in command.help
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert f"meshpilot {name}" in result.output


def test_help_lists_the_commands() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for name, summary in COMMANDS.items():
        assert f"{name} " in result.output
        assert summary in result.output


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.output == f"meshpilot {version('meshpilot')}\n"


def test_an_unknown_command_is_said() -> None:
    result = CliRunner().invoke(app, ["validat"])
    assert result.exit_code == 2
    assert "validat" in result.output


@pytest.mark.parametrize(
    ("words", "offered"),
    [("meshpilot ", "validate"), ("meshpilot ads --n", "--node-id"), ("meshpilot config ", "dump")],
)
def test_the_shell_completes(words: str, offered: str) -> None:
    environment = {
        "_MESHPILOT_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    result = CliRunner().invoke(app, [], env=environment, prog_name="meshpilot")
    assert offered in result.output.split()
