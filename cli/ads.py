"""`meshpilot ads`: the ADS debug client, for any xDS server."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.printing import Format


def ads(
    address: Annotated[str, typer.Argument(help="HOST:PORT of the server.")],
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            help="cds, eds, lds, rds, sds or a whole type URL; repeat for more. Without one: all "
            "that a proxy asks for.",
        ),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", help="Resource of that --type; repeat for more. Else all."),
    ] = None,
    delta: Annotated[
        bool, typer.Option("--delta/--sotw", help="Incremental, or state of the world.")
    ] = True,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Stay, and print each response as it comes.")
    ] = False,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="A summary for people, JSON or YAML.")
    ] = Format.SUMMARY,
    timeout: Annotated[
        float, typer.Option(min=0.0, help="Seconds to wait for all answers; not with --watch.")
    ] = 10.0,
    nack: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE[=TEXT]", help="Refuse responses of a type; repeat for more."),
    ] = None,
    proxy: Annotated[
        str, typer.Option(metavar="NAME.NAMESPACE", help="Ask as this workload.")
    ] = "meshpilot-ads.default",
    ip: Annotated[str, typer.Option(help="Its address.")] = "127.0.0.1",
    kind: Annotated[str, typer.Option(help="sidecar or router.")] = "sidecar",
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Its labels; repeat for more.")
    ] = None,
    node_id: Annotated[str, typer.Option(help="The whole node id, instead of those.")] = "",
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Node metadata; JSON or text; repeat for more."),
    ] = None,
    metadata_file: Annotated[
        Path | None, typer.Option(help="File with node metadata as a JSON object.")
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Speak TLS.")] = False,
    ca: Annotated[
        Path | None, typer.Option(help="PEM of the roots to trust, instead of the system's.")
    ] = None,
    cert: Annotated[Path | None, typer.Option(help="PEM of a client certificate.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM of its key.")] = None,
    server_name: Annotated[
        str, typer.Option(help="Name to expect in the server's certificate.")
    ] = "",
    token: Annotated[
        str, typer.Option(help="Bearer token, or @FILE.", envvar="MESHPILOT_TOKEN")
    ] = "",
) -> None:
    """Ask any xDS server as a proxy would, and show what it answers.

    Without --type it follows references as a proxy does: from clusters to their assignments,
    from listeners to their routes. Exit code 1 says that a type was not answered in time.

    Examples:

      meshpilot ads 127.0.0.1:15010 --proxy cart-1.shop --ip 10.0.0.7

      meshpilot ads 127.0.0.1:15010 --proxy cart-1.shop --ip 10.0.0.7 --watch

      meshpilot ads 127.0.0.1:15010 --type rds --name 80 -o yaml

      meshpilot ads 127.0.0.1:15010 --sotw --metadata GENERATOR=grpc --type lds --name cart:80

      meshpilot ads 127.0.0.1:15010 --watch --nack rds="I do not like it"

      meshpilot ads istiod.istio-system:15012 --tls --ca root.pem --token @token
    """
    import asyncio

    from cli.asking import Asked, node, run, type_url, wish
    from controlplane.xds.client import Access

    if (cert or key) and not (cert and key):
        raise typer.BadParameter("a client certificate needs both", param_hint="--cert, --key")
    secured = tls or ca is not None or cert is not None
    try:
        asked = Asked(
            access=Access(
                address=address,
                tls=secured,
                roots=ca.read_bytes() if ca else None,
                certificate=cert.read_bytes() if cert else None,
                key=key.read_bytes() if key else None,
                token=Path(token[1:]).read_text().strip() if token.startswith("@") else token,
                server_name=server_name,
            ),
            node=node(
                proxy=proxy,
                ip=ip,
                kind=kind,
                labels=_pairs(label, "--label"),
                node_id=node_id,
                metadata=_metadata(metadata_file) | _values(_pairs(metadata, "--metadata")),
            ),
            wish=wish(types or [], names or [], nack or []),
            shown=frozenset(map(type_url, types or [])),
            delta=delta,
            timeout=timeout,
        )
    except OSError as error:
        typer.echo(f"meshpilot: {error.filename}: {error.strerror}", err=True)
        raise typer.Exit(2) from error
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    try:
        raise typer.Exit(asyncio.run(run(asked, output, watch=watch)))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _pairs(written: list[str] | None, flag: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in written or ():
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise typer.BadParameter(f"{text!r} is not of the form KEY=VALUE", param_hint=flag)
        pairs[key] = value
    return pairs


def _values(pairs: dict[str, str]) -> dict[str, Any]:
    """Values that are objects or lists in JSON are that; everything else is text, as in Istio."""
    found: dict[str, Any] = dict(pairs)
    for key, text in pairs.items():
        if text.startswith(("{", "[")):
            try:
                found[key] = json.loads(text)
            except ValueError as error:
                raise typer.BadParameter(f"{key}: {error}", param_hint="--metadata") from error
    return found


def _metadata(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--metadata-file") from error
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{path}: not a JSON object", param_hint="--metadata-file")
    return found
