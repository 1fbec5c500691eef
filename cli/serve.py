"""meshpilot serve: the control plane."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from controlplane.settings import Settings

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def serve(
    config_dir: Annotated[
        Path,
        typer.Option(
            help="Directory of YAML and JSON files, watched.", envvar="MESHPILOT_CONFIG_DIR"
        ),
    ],
    state_dir: Annotated[
        Path | None,
        typer.Option(help="Where the last good specs are kept across restarts."),
    ] = None,
    ads_address: Annotated[
        str, typer.Option(help="Plaintext ADS; loopback only unless another host is given.")
    ] = "127.0.0.1:15010",
    http_address: Annotated[
        str, typer.Option(help="/ready for all, /debug for callers on loopback.")
    ] = "0.0.0.0:8080",
    metrics_address: Annotated[str, typer.Option(help="/metrics and /version.")] = "0.0.0.0:15014",
    missing_destination: Annotated[
        str,
        typer.Option(
            help="hold: a VirtualService whose destination is missing keeps its last good state; "
            "istio: it is sent as it is (Envoy answers 503)."
        ),
    ] = "hold",
    weights: Annotated[
        str, typer.Option(help="exact: weights sum to 100; relative: any sum, as modern Istio.")
    ] = "exact",
    domain: Annotated[str, typer.Option(help="The cluster's DNS domain.")] = "cluster.local",
    root_namespace: Annotated[
        str, typer.Option(help="Namespace of mesh-wide objects.")
    ] = "istio-system",
    ready_wait: Annotated[
        float,
        typer.Option(help="Seconds that a newly named destination may be without ready endpoint."),
    ] = 10.0,
    stage_wait: Annotated[
        float, typer.Option(help="Seconds that routes wait for the clusters they need.")
    ] = 5.0,
    drain: Annotated[
        float, typer.Option(help="Seconds that clusters of a replaced listener stay.")
    ] = 45.0,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the control plane on a directory of YAML.

    Example: meshpilot serve --config-dir ./mesh --state-dir ./state
    """
    _one_of("--missing-destination", missing_destination, ("hold", "istio"))
    _one_of("--weights", weights, ("exact", "relative"))
    _one_of("--log-level", log_level, tuple(_LEVELS))
    _logging(log_level)
    held: Literal["hold", "istio"] = "istio" if missing_destination == "istio" else "hold"
    summed: Literal["exact", "relative"] = "relative" if weights == "relative" else "exact"
    try:
        settings = Settings(
            config_dir=config_dir,
            state_dir=state_dir,
            ads_address=ads_address,
            http_address=http_address,
            metrics_address=metrics_address,
            missing_destination=held,
            weights=summed,
            domain=domain,
            root_namespace=root_namespace,
            ready_wait=ready_wait,
            stage_wait=stage_wait,
            drain=drain,
        )
        _run(settings)
    except (OSError, ValueError) as error:
        typer.echo(f"meshpilot: {error}", err=True)
        raise typer.Exit(2) from error


def _run(settings: Settings) -> None:
    # flags are read without what only a server needs
    import asyncio

    import uvloop

    from controlplane import app

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(app.run(settings))


def _one_of(flag: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise typer.BadParameter(f"{value} is none of {', '.join(known)}", param_hint=flag)


def _logging(level: str) -> None:
    """One JSON object a line, on standard error."""
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING)
