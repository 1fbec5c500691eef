"""`meshpilot ca`: the roots of the mesh, and the rotation from one to the next."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.debug import ADDRESS, get, post
from cli.printing import Format, emit

ca = typer.Typer(add_completion=False, no_args_is_help=True)

Address = Annotated[
    str, typer.Option(help="HTTP address of the control plane.", envvar="MESHPILOT_ADDRESS")
]
Output = Annotated[
    Format, typer.Option("-o", "--output", help="A summary for people, JSON or YAML.")
]


@ca.callback()
def group() -> None:
    """Look at the mesh's certificate authority, and rotate its root.

    Example:

      meshpilot ca status
    """


@ca.command()
def status(address: Address = ADDRESS, output: Output = Format.SUMMARY) -> None:
    """Show the roots in force, who signs, and the stage of a rotation.

    Example:

      meshpilot ca status -o json
    """
    _show(get(address, "/debug/ca"), output)


@ca.command()
def roots(
    address: Address = ADDRESS,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else the terminal.")
    ] = None,
) -> None:
    """Print the certificates to trust (PEM): what a proxy's bootstrap needs as --root-cert.

    Example:

      meshpilot ca roots -o root-cert.pem
    """
    text = get(address, "/debug/ca/roots")["roots"]
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="ascii")


@ca.command()
def rotate(address: Address = ADDRESS, output: Output = Format.SUMMARY) -> None:
    """Begin the rotation to a new root: first it is trusted everywhere, then it signs, and the old
    one leaves when the last certificate of it has expired.

    Exit code 1 says that it cannot begin now, and why.

    Example:

      meshpilot ca rotate
    """
    _show(post(address, "/debug/ca/rotate"), output)


@ca.command()
def resume(address: Address = ADDRESS, output: Output = Format.SUMMARY) -> None:
    """Go on with a rotation although some proxies have not acknowledged the new root: they are
    named by `status`, and must be renewed by hand.

    Example:

      meshpilot ca resume
    """
    _show(post(address, "/debug/ca/resume"), output)


def _show(found: dict[str, Any], output: Format) -> None:
    if output is not Format.SUMMARY:
        emit(found, output)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"stage {found['stage']} since {found['since']}", markup=False)
    table = Table(box=None, pad_edge=False)
    for title in ("root", "fingerprint", "expires", ""):
        table.add_column(title, overflow="fold")
    for root in found["roots"]:
        mark = "[green]signs[/]" if root["signs"] else ""
        table.add_row(
            escape(root["subject"]), root["fingerprint"][:16], str(root["not_after"]), mark
        )
    console.print(table)
    for line in (*found["problems"], *found["notes"]):
        console.print(line, markup=False)
    for line in found["waiting"]:
        console.print(f"waits for {line}", markup=False)
    if found["next"]:
        console.print(f"next: {found['next']}", markup=False)
