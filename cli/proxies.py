"""`meshpilot proxies`: who is connected, and how far each of them is."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.debug import ADDRESS, get
from cli.printing import ABBREVIATIONS, Format, emit


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


def proxies(
    address: Annotated[
        str, typer.Option(help="HTTP address of the control plane.", envvar="MESHPILOT_ADDRESS")
    ] = ADDRESS,
    output: Annotated[
        Output, typer.Option("-o", "--output", help="A table for people, or JSON.")
    ] = Output.TABLE,
) -> None:
    """List the connected proxies and how far each of them is.

    A column for each type shows the generation that the proxy has acknowledged wholly; below a
    proxy stands what it refused, and what is held back for it and why.

    Examples:

      meshpilot proxies

      meshpilot proxies -o json | jq '.[] | select(.types[].nacks != [])'
    """
    found = get(address, "/debug/proxies")
    if output is Output.JSON:
        emit(found, Format.JSON)
    else:
        _print(found)


def _print(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if not found:
        console.print("no proxy is connected")
        return
    kinds = [kind for kind in ABBREVIATIONS if kind != "Secret" or _used(found, kind)]
    table = Table(box=None, pad_edge=False)
    for title in ("proxy", "type", "version", "generation"):
        table.add_column(title, overflow="fold")
    for kind in kinds:
        table.add_column(ABBREVIATIONS[kind])
    table.add_column("refused")
    notes: list[str] = []
    for one in sorted(found, key=lambda item: str(item["proxy"])):
        types = {status["type"]: status for status in one["types"]}
        refused = sum(len(status["nacks"]) for status in one["types"])
        table.add_row(
            escape(one["proxy"]),
            one["type"],
            escape(one["version"] or "-"),
            str(one["generation"]),
            *(_reached(types.get(kind), one["generation"]) for kind in kinds),
            f"[red]{refused}[/]" if refused else "0",
        )
        notes += _notes(one)
    console.print(table)
    for note in notes:
        console.print(escape(note), soft_wrap=True)


def _used(found: list[dict[str, Any]], kind: str) -> bool:
    return any(status["type"] == kind for one in found for status in one["types"])


def _reached(status: dict[str, Any] | None, newest: int) -> str:
    if status is None:
        return "-"
    if status["generation"] == newest:
        return f"[green]{newest}[/]"
    return f"[yellow]{'…' if status['generation'] is None else status['generation']}[/]"


def _notes(one: dict[str, Any]) -> Iterator[str]:
    for sentence in one["left_out"]:
        yield f"{one['proxy']} is not sent: {sentence}"
    for status in one["types"]:
        kind = ABBREVIATIONS.get(status["type"], status["type"])
        for nack in status["nacks"]:
            yield f"{one['proxy']} refuses {kind} {nack['name']}: {nack['error']}"
        for held in status["held_back"]:
            yield f"{one['proxy']}: {kind} is held back: {held}"
