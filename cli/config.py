"""`meshpilot config`: the configuration of one proxy."""

from typing import Annotated, Any

import typer

from cli.debug import ADDRESS, get
from cli.printing import ABBREVIATIONS, Format, emit, many

config = typer.Typer(add_completion=False, no_args_is_help=True)


@config.callback()
def group() -> None:
    """Look at the configuration of one proxy.

    Example:

      meshpilot config dump cart-1.shop
    """


@config.command()
def dump(
    proxy: Annotated[
        str, typer.Argument(help="NAME.NAMESPACE, a node id, or the id of a connection.")
    ],
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="cds, eds, lds, rds or sds; repeat for more."),
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Only what the proxy has not acknowledged as it is.")
    ] = False,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="A summary for people, JSON or YAML.")
    ] = Format.SUMMARY,
    address: Annotated[
        str, typer.Option(help="HTTP address of the control plane.", envvar="MESHPILOT_ADDRESS")
    ] = ADDRESS,
) -> None:
    """Show what a proxy should hold, what it has acknowledged, and the difference.

    Exit code 1 says that --diff found a difference, or that there is no such proxy.

    Examples:

      meshpilot config dump cart-1.shop

      meshpilot config dump cart-1.shop --type rds -o yaml

      meshpilot config dump cart-1.shop --diff
    """
    wanted = _kinds(types or [])
    found = get(address, "/debug/config_dump", proxyID=proxy)
    found["config"] = {
        kind: _differing(section) if diff else section
        for kind, section in found["config"].items()
        if kind in wanted
    }
    if output is Format.SUMMARY:
        _print(found, diff)
    else:
        emit(found, output)
    if diff and any(section["resources"] for section in found["config"].values()):
        raise typer.Exit(1)


def _kinds(types: list[str]) -> set[str]:
    by_name = {short.lower(): kind for kind, short in ABBREVIATIONS.items()}
    by_name |= {kind.lower(): kind for kind in ABBREVIATIONS}
    for name in types:
        if name.lower() not in by_name:
            known = ", ".join(short.lower() for short in ABBREVIATIONS.values())
            raise typer.BadParameter(f"{name} is none of {known}", param_hint="--type")
    return {by_name[name.lower()] for name in types} or set(ABBREVIATIONS)


def _differing(section: dict[str, Any]) -> dict[str, Any]:
    # what is not subscribed to is never acknowledged, and nobody waits for it
    differing = [
        item for item in section["resources"] if section["subscribed"] and not item["in_sync"]
    ]
    return {**section, "resources": differing}


def _print(found: dict[str, Any], diff: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"{escape(found['proxy'])} ({found['type']}), generation {found['generation']}")
    table = Table(box=None, pad_edge=False)
    for title in ("type", "name", "should hold", "acknowledged", ""):
        table.add_column(title, overflow="fold")
    for kind, section in found["config"].items():
        for item in section["resources"]:
            table.add_row(
                ABBREVIATIONS[kind],
                escape(item["name"]),
                item["version"] or "-",
                item["acked"] or "-",
                _state(item, subscribed=section["subscribed"]),
            )
    if table.row_count:
        console.print(table)
    elif diff:
        console.print("the proxy has acknowledged all that it should hold")
    for status in found["types"]:
        kind = ABBREVIATIONS.get(status["type"], status["type"])
        for nack in status["nacks"]:
            console.print(f"{kind} {nack['name']} is refused: {nack['error']}", markup=False)
        for held in status["held_back"]:
            console.print(f"{kind} is held back: {held}", markup=False)
    count = sum(len(section["resources"]) for section in found["config"].values())
    console.print(many(count, "difference" if diff else "resource"))


def _state(item: dict[str, Any], *, subscribed: bool) -> str:
    if not subscribed:
        return "[dim]not asked for[/]"
    if item["in_sync"]:
        return "[green]in sync[/]"
    if item["version"] is None:
        return "[yellow]to be removed[/]"
    return "[yellow]not yet[/]" if item["acked"] is None else "[yellow]older[/]"
