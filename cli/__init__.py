"""The `meshpilot` command: one module for each noun, above all packages, no logic.

serve      the control plane               ads         the ADS debug client
validate   files, before they are applied  proxies     who is connected, how far each is
bootstrap  what an Envoy starts from       config      what one proxy holds
token      what a workload proves itself with   ca     the mesh's roots, and their rotation
cert       what certificates say           certificates, peer   in words; from a TLS server
printing   what they print with            debug       how they ask a running control plane

A module is imported when its command is run: help and small commands start without gRPC.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS: Final[Mapping[str, str]] = {
    "serve": "Run the control plane on a directory of YAML.",
    "validate": "Check configuration files without applying them.",
    "bootstrap": "Write an Envoy bootstrap for a sidecar or a router.",
    "proxies": "List the connected proxies and how far each of them is.",
    "config": "Look at the configuration of one proxy.",
    "token": "Print a token with which a workload proves who it is.",
    "cert": "Look at certificates, and say what is wrong with them.",
    "ca": "Look at the mesh's certificate authority, and rotate its root.",
    "ads": "Ask any xDS server as a proxy would, and show what it answers.",
}


class Commands(TyperGroup):
    """The commands by name. One is loaded when it runs; until then its summary stands for it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        summary = COMMANDS.get(cmd_name)
        return None if summary is None else TyperCommand(cmd_name, help=summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else loaded(name), rest


def loaded(name: str) -> Any:
    """The command `name` with its options: the function or the group of that name in its module."""
    found = getattr(import_module(f"cli.{name}"), name)
    if not isinstance(found, typer.Typer):
        made = typer.Typer(add_completion=False)
        made.command(name)(found)
        found = made
    command = typer.main.get_command(found)
    command.name = name
    return command


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"meshpilot {version('meshpilot')}")
        raise typer.Exit


app = typer.Typer(
    name="meshpilot",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def meshpilot(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """A control plane for Envoy and gRPC service meshes that speaks Istio's configuration.

    Examples:

      meshpilot validate ./mesh

      meshpilot serve --config-dir ./mesh --state-dir ./state

      meshpilot proxies

    Each command has a --help of its own.
    """


def main() -> None:
    app()
