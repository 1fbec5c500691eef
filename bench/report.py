"""Results as a table for people and as JSON for programs."""

import math
from collections.abc import Iterable
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from bench.machine import Facts
from bench.result import Figure, Result

_NOTE = (
    "istiod: the same change written to an API server, until its clients have it; ours begins "
    "with the rename of a file, so no ratio to it is given."
)


def show(results: Iterable[Result], facts: Facts, console: Console) -> None:
    """Print all of it."""
    table = Table(title="meshpilot, measured", title_justify="left")
    table.add_column("measure")
    for column in ("p50", "p99", "n", "goal p50", "goal p99", "of goal", "istiod"):
        table.add_column(column, justify="right")
    told: list[str] = []
    compared = False
    for result in results:
        for figure in result.figures:
            table.add_row(*row(result.scenario, figure), style=_style(figure))
            compared |= bool(figure.goal.istiod)
        table.add_section()
        told.extend(f"{result.scenario}: {name}: {value}" for name, value in result.facts.items())
    console.print(table)
    if compared:
        console.print(_NOTE)
    for line in told:
        console.print(line, highlight=False)
    console.print(machine_line(facts), highlight=False)


def row(scenario: str, figure: Figure) -> tuple[str, ...]:
    """The cells of one figure."""
    samples, goal = figure.samples, figure.goal
    count = len(samples.values)
    ratios = figure.ratios()
    return (
        f"{scenario}: {figure.name} ({figure.unit})",
        number(samples.p50),
        number(samples.p99) if count > 1 else "",
        str(count),
        number(goal.p50),
        number(goal.p99),
        number(max(ratios)) if ratios else "",
        goal.istiod,
    )


def number(value: float | None) -> str:
    """Three significant digits, and no more than that is claimed."""
    if value is None:
        return ""
    if math.isnan(value) or math.isinf(value):
        return "none" if math.isnan(value) else "inf"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def machine_line(facts: Facts) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def plain(results: Iterable[Result], facts: Facts) -> dict[str, object]:
    """For JSON: every sample is in it."""
    return {
        "machine": facts,
        "results": [
            {
                "scenario": result.scenario,
                "figures": [
                    {
                        "name": figure.name,
                        "unit": figure.unit,
                        "p50": figure.samples.p50,
                        "p99": figure.samples.p99,
                        "goal": asdict(figure.goal),
                        "ratios": list(figure.ratios()),
                        "met": figure.met,
                        "values": list(figure.samples.values),
                    }
                    for figure in result.figures
                ],
                "facts": dict(result.facts),
            }
            for result in results
        ],
    }


def _style(figure: Figure) -> str:
    return {True: "green", False: "red", None: ""}[figure.met]
