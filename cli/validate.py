"""`meshpilot validate`: what would be said of files before they are applied."""

import sys
from enum import StrEnum
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controlplane.convergence import Options, World, converge
from controlplane.kinds import Severity, Verdict
from controlplane.sources import Config
from controlplane.sources.review import Finding, Judge, nothing, review

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


class WeightReading(StrEnum):
    EXACT = "exact"
    RELATIVE = "relative"


def validate(
    paths: Annotated[
        list[str], typer.Argument(help="Files or directories; - reads standard input.")
    ],
    output: Annotated[
        Output, typer.Option("-o", "--output", help="A table for people, or JSON.")
    ] = Output.TABLE,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    weights: Annotated[
        WeightReading,
        typer.Option(help="Whether weights sum to exactly 100, or are relative as in Istio."),
    ] = WeightReading.EXACT,
) -> None:
    """Check configuration files without applying them.

    Exit code 1 says that an object would be refused.

    Examples:

      meshpilot validate shop.yaml

      meshpilot validate -o json config/ | jq '.[] | select(.accepted | not)'

      kubectl get virtualservices -A -o yaml | meshpilot validate --weights relative -
    """
    judged = run(paths, output=output, strict=strict, weights=weights, judge=together)
    raise typer.Exit(judged)


def together(config: Config) -> list[Verdict]:
    """What is to be said of the objects when all of them are applied to an empty mesh."""
    world = converge(
        objects=config.objects,
        refused=config.refused,
        changed=frozenset(config.objects),
        before=World(options=Options()),
        now=0.0,
    )
    return [verdict for verdicts in world.verdicts().values() for verdict in verdicts]


def run(
    paths: list[str],
    *,
    output: Output = Output.TABLE,
    strict: bool = False,
    weights: WeightReading = WeightReading.EXACT,
    judge: Judge = nothing,
) -> int:
    """Print what is found, with the verdicts that `judge` sees between objects; the exit code."""
    findings = review(paths, stdin=sys.stdin.buffer.read, weights=weights.value, judge=judge)
    if output is Output.JSON:
        data = orjson.dumps([_plain(one) for one in findings], option=orjson.OPT_INDENT_2)
        typer.echo(data.decode())
    else:
        _print(findings)
    warned = any(
        verdict.severity is Severity.WARNING for one in findings for verdict in one.verdicts
    )
    refused = any(not one.accepted for one in findings)
    return int(refused or (strict and warned))


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "document": finding.document,
        "kind": finding.key.kind,
        "namespace": finding.key.namespace,
        "name": finding.key.name,
        "accepted": finding.accepted,
        "verdicts": [
            {
                "severity": str(one.severity),
                "reason": one.reason,
                "field": one.field,
                "message": one.message,
                "remedy": one.remedy,
            }
            for one in finding.verdicts
        ],
    }


def _print(findings: list[Finding]) -> None:
    console = Console(highlight=False)
    table = Table(show_lines=True, expand=True)
    table.add_column("object", ratio=2, overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("why, and what to do", ratio=3, overflow="fold")
    for finding in findings:
        where = f"{finding.file}:{finding.line}" if finding.line else finding.file
        for one in finding.verdicts:
            table.add_row(
                escape(f"{finding.key}\n{where}"),
                f"[{_COLOURS[one.severity]}]{one.severity}[/]\n{one.reason}",
                escape(f"{one.message}\n→ {one.remedy}"),
            )
    if table.row_count:
        console.print(table)
    refused = sum(not one.accepted for one in findings)
    console.print(f"{len(findings)} documents, {refused} refused")
