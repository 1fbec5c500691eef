"""The `meshpilot` command: one module for each noun, above all packages, no logic."""

import typer

from cli.bootstrap import bootstrap
from cli.serve import serve

app = typer.Typer(
    name="meshpilot",
    help="A control plane for Envoy and gRPC service meshes that speaks Istio's configuration.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(bootstrap)


def main() -> None:
    app()
