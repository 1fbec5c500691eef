"""`meshpilot bootstrap`: write the bootstrap with which an Envoy joins the mesh."""

import json
from pathlib import Path
from typing import Annotated

import typer

from translators.bootstrap import (
    CLUSTER_ID,
    Places,
    Proof,
    Protocol,
    node_id,
    token_secret,
)
from translators.bootstrap import bootstrap as bootstrap_of
from translators.model import Interception, Locality, Proxy, ProxyType


def _pairs(labels: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for label in labels:
        key, separator, value = label.partition("=")
        if not separator or not key:
            raise typer.BadParameter(
                f"{label!r} is not of the form key=value", param_hint="--label"
            )
        pairs[key] = value
    return pairs


def _address(text: str) -> tuple[str, int]:
    if text.startswith("unix:"):
        return text.removeprefix("unix:").removeprefix("//"), 0
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise typer.BadParameter(
            f"{text!r} is not of the form HOST:PORT or unix:PATH", param_hint="--discovery-address"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def _locality(text: str) -> Locality:
    parts = text.split("/")
    if len(parts) > 3:
        raise typer.BadParameter(
            f"{text!r} is not of the form REGION/ZONE/SUBZONE", param_hint="--locality"
        )
    return Locality(*parts)


def bootstrap(
    namespace: Annotated[str, typer.Option(help="Namespace of the workload.")],
    name: Annotated[str, typer.Option(help="Name of the Pod or WorkloadEntry.")],
    ip: Annotated[list[str], typer.Option(help="Address of the workload; repeat for more.")],
    label: Annotated[list[str] | None, typer.Option(help="key=value; repeat for more.")] = None,
    service_account: Annotated[str, typer.Option(help="Service account.")] = "default",
    kind: Annotated[ProxyType, typer.Option("--type", help="Kind of proxy.")] = ProxyType.SIDECAR,
    discovery_address: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT", help="Where the control plane serves ADS; unix:PATH for a socket."
        ),
    ] = "127.0.0.1:15010",
    root_cert: Annotated[
        Path | None,
        typer.Option(help="PEM file with the mesh's roots: ADS goes over TLS, to port 15012."),
    ] = None,
    server_name: Annotated[
        str, typer.Option(help="The name that the control plane's certificate has.")
    ] = "istiod.istio-system.svc",
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the token that proves who the workload is."),
    ] = None,
    admin_address: Annotated[str, typer.Option(help="Address of Envoy's admin.")] = "127.0.0.1",
    admin_port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks one.")] = 15000,
    cluster_id: Annotated[str, typer.Option(help="Name of the cluster.")] = CLUSTER_ID,
    workload: Annotated[str, typer.Option(help="What the Pod belongs to; else its name.")] = "",
    interception: Annotated[
        Interception, typer.Option(help="How traffic is brought to the proxy.")
    ] = Interception.REDIRECT,
    locality: Annotated[str, typer.Option(metavar="REGION/ZONE/SUBZONE", help="Place.")] = "",
    xds: Annotated[Protocol, typer.Option(help="How the proxy asks.")] = Protocol.DELTA,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else the terminal.")
    ] = None,
) -> None:
    """Write an Envoy bootstrap for a sidecar or a router.

    With --root-cert and --token-file the proxy gets its certificates from the control plane, and
    speaks mutual TLS. With --output a file NAME.token.json is written beside it: Envoy reads the
    token again when its file is replaced.

    Examples:

      meshpilot bootstrap --namespace shop --name cart-1 --ip 10.0.0.7 -o cart.json

      meshpilot bootstrap --type router --namespace edge --name e-1 --ip 10.0.0.9
    """
    proxy = Proxy(
        id=node_id(kind, ip=ip[0], name=name, namespace=namespace),
        type=kind,
        ip=ip[0],
        name=name,
        namespace=namespace,
        dns_domain=f"{namespace}.svc.cluster.local",
        ips=tuple(ip),
        labels=_pairs(label or []),
        service_account=service_account,
        cluster_id=cluster_id,
        interception=interception,
        locality=_locality(locality),
    )
    if root_cert is None and token_file is not None and not discovery_address.startswith("unix:"):
        raise typer.BadParameter(
            "a token is only sent over TLS or a Unix socket: give --root-cert",
            param_hint="--token-file",
        )
    proof = Proof(
        roots=str(root_cert.absolute()) if root_cert else "",
        server_name=server_name,
        token=str(token_file.absolute()) if token_file else "",
        token_secret=str(_beside(output)) if token_file and output else "",
    )
    places = Places(
        discovery=_address(discovery_address),
        admin=(admin_address, admin_port),
        protocol=xds,
        proof=proof,
    )
    text = json.dumps(bootstrap_of(proxy, places, workload=workload), indent=2)
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")
        if proof.token_secret:
            secret = json.dumps(token_secret(proof.token), indent=2)
            _beside(output).write_text(secret + "\n", encoding="utf-8")


def _beside(output: Path) -> Path:
    return output.absolute().with_name(f"{output.stem}.token.json")
