"""How data is printed: as JSON, as YAML, and with the abbreviations that people know."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import typer

# what people call the types, in push order
ABBREVIATIONS: Final[Mapping[str, str]] = {
    "Cluster": "CDS",
    "ClusterLoadAssignment": "EDS",
    "Listener": "LDS",
    "RouteConfiguration": "RDS",
    "Secret": "SDS",
}


class Format(StrEnum):
    SUMMARY = "summary"
    JSON = "json"
    YAML = "yaml"


def emit(value: Any, form: Format, *, line: bool = False) -> None:
    """Print `value`; with `line` as one of many: a JSON line, or a YAML document."""
    if form is Format.JSON:
        typer.echo(json.dumps(value) if line else json.dumps(value, indent=2))
        return
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True)
    typer.echo(f"---\n{text}" if line else text, nl=False)


def size(count: int) -> str:
    """A number of bytes for people."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.1f} kB"
    return f"{count / 1_000_000:.1f} MB"


def many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
