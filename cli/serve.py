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
    switch_wait: Annotated[
        float,
        typer.Option(help="Seconds that a change of mTLS modes waits for a proxy that lags."),
    ] = 15.0,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    secure_address: Annotated[
        str,
        typer.Option(help="ADS, SDS and certificates over TLS, for callers who prove themselves."),
    ] = "0.0.0.0:15012",
    secure_socket: Annotated[
        Path | None,
        typer.Option(help="A Unix socket that serves the same to proxies of this machine."),
    ] = None,
    secure_name: Annotated[
        list[str] | None,
        typer.Option(
            help="DNS name or IP address of the secure port's certificate; repeat for more."
        ),
    ] = None,
    ca_dir: Annotated[
        Path | None,
        typer.Option(
            help="A CA made elsewhere: ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem, or "
            "tls.crt, tls.key, ca.crt. Watched. Without it the mesh makes its own root."
        ),
    ] = None,
    trust_domain: Annotated[
        str, typer.Option(help="The trust domain of the mesh's identities.")
    ] = "cluster.local",
    trust_domain_alias: Annotated[
        list[str] | None, typer.Option(help="Another trust domain that is ours; repeat for more.")
    ] = None,
    auto_mtls: Annotated[
        bool, typer.Option(help="Speak mutual TLS to workloads that can, without being told.")
    ] = True,
    workload_cert_ttl: Annotated[
        float, typer.Option(help="Seconds that a workload's certificate lasts.")
    ] = 86400.0,
    max_workload_cert_ttl: Annotated[
        float, typer.Option(help="The longest that may be asked for, in seconds.")
    ] = 7776000.0,
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
            switch_wait=switch_wait,
            log_level=log_level,
            secure_address=secure_address,
            secure_socket=secure_socket,
            secure_names=tuple(secure_name or ()),
            ca_dir=ca_dir,
            trust_domain=trust_domain,
            trust_domain_aliases=tuple(trust_domain_alias or ()),
            auto_mtls=auto_mtls,
            workload_ttl=workload_cert_ttl,
            max_workload_ttl=max_workload_cert_ttl,
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
