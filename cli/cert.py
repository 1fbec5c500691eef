"""`meshpilot cert`: look at certificates, and say what is wrong with them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cli.debug import ADDRESS, get
from cli.printing import Format, emit

cert = typer.Typer(add_completion=False, no_args_is_help=True)

Address = Annotated[
    str, typer.Option(help="HTTP address of the control plane.", envvar="MESHPILOT_ADDRESS")
]
Output = Annotated[
    Format, typer.Option("-o", "--output", help="A summary for people, JSON or YAML.")
]


class Use(StrEnum):
    WORKLOAD = "workload"
    SERVER = "server"
    CLIENT = "client"


@cert.callback()
def group() -> None:
    """Look at certificates, and say what is wrong with them.

    Example:

      meshpilot cert show cart-1.shop
    """


@cert.command()
def show(
    target: Annotated[
        str,
        typer.Argument(
            metavar="PROXY|FILE|HOST:PORT",
            help="A proxy as NAME.NAMESPACE, a file of PEM, or a TLS server.",
        ),
    ],
    address: Address = ADDRESS,
    server_name: Annotated[
        str, typer.Option(help="The name to ask a TLS server for; else its host name.")
    ] = "",
    output: Output = Format.SUMMARY,
) -> None:
    """Show a chain: whom it names, who issued it, and how long it lasts.

    Of a proxy that gets its certificate from the control plane, how its renewal stands is shown,
    too. What a TLS server shows is not verified: `check` does that with what is written to a file.

    Examples:

      meshpilot cert show cart-1.shop

      meshpilot cert show 127.0.0.1:15012
    """
    found = _found(target, address, server_name)
    from cli.certificates import described
    from sds.secrets import SecretError, read_certificates

    try:
        chain = found.pop("chain")
        found["certificates"] = [
            described(one, _now()) for one in (read_certificates(chain) if chain else ())
        ]
    except SecretError as error:
        _unreadable(f"{target}: {error}")
    if output is Format.SUMMARY:
        _print(found)
    else:
        emit(found, output)


@cert.command()
def check(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...|PROXY",
            help="Files of PEM, each a chain, or one proxy.",
            show_default=False,
        ),
    ],
    root: Annotated[
        list[Path] | None,
        typer.Option(help="PEM file with roots that peers trust; repeat for more."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="The private key of the certificate, PEM.")
    ] = None,
    trust_domain: Annotated[
        list[str] | None,
        typer.Option(help="A trust domain of the mesh, or an alias; repeat for more. Else any."),
    ] = None,
    skew: Annotated[
        float, typer.Option(min=0.0, help="Seconds that the clocks of peers may differ.")
    ] = 60.0,
    purpose: Annotated[
        Use, typer.Option(help="What it is used for: in the mesh, or as TLS server or client.")
    ] = Use.WORKLOAD,
    address: Address = ADDRESS,
    output: Output = Format.SUMMARY,
) -> None:
    """Say what is wrong with certificates, and what to do about it.

    The chain is followed to a root, whatever the order of its intermediates; a proxy's is checked
    with the roots that are in force. Exit code 1 says that peers would refuse one.

    Examples:

      meshpilot cert check cart.pem --root root-cert.pem --key cart-key.pem

      meshpilot cert check cart-1.shop
    """
    from dataclasses import asdict
    from datetime import timedelta

    from cryptography.x509 import Certificate

    from sds.check import Purpose, Severity, examine
    from sds.secrets import Bundle, SecretError, read_certificates

    if key is not None and len(targets) != 1:
        raise typer.BadParameter("a key belongs to one chain: give one file", param_hint="--key")
    given = [(path, _read(path)) for path in root or ()]
    private = _read(key) if key is not None else None
    results = []
    for target in targets:
        chain, roots, domains = _chain(target, address)
        anchors: list[Certificate] = []
        for path, content in given or [(Path(target), roots)]:
            try:
                anchors += read_certificates(content) if content else ()
            except SecretError as error:
                _unreadable(f"{path}: {error}")
        faults = examine(
            chain,
            roots=Bundle(tuple(anchors)),
            key=private,
            now=_now(),
            skew=timedelta(seconds=skew),
            trust_domains=trust_domain or domains,
            purpose=Purpose(purpose),
        )
        refused = any(fault.severity is Severity.ERROR for fault in faults)
        results.append(
            {"target": target, "good": not refused, "faults": [asdict(fault) for fault in faults]}
        )
    if output is Format.SUMMARY:
        _verdict(results)
    else:
        emit(results, output)
    if not all(result["good"] for result in results):
        raise typer.Exit(1)


def _found(target: str, address: str, server_name: str) -> dict[str, Any]:
    """What is known of `target`; its chain as PEM."""
    place = _place(target)
    if _is_file(target):
        return {"target": target, "chain": _read(Path(target))}
    if place is None:
        proxy = _proxy(target, address)
        proxy.pop("roots", None)
        return {"target": target, **proxy, "chain": proxy.get("chain", "").encode("ascii")}
    from cli.peer import shown

    try:
        peer = shown(*place, server_name=server_name)
    except OSError as error:
        _unreadable(f"no TLS with {target}: {error}")
    return {
        "target": target,
        "version": peer.version,
        "protocol": peer.protocol,
        "chain": peer.chain,
    }


def _chain(target: str, address: str) -> tuple[bytes, bytes, tuple[str, ...]]:
    """Chain and roots (PEM), and trust domains, as far as they are known."""
    if _is_file(target):
        return _read(Path(target)), b"", ()
    from sds.identity import parse

    try:
        proxy = _proxy(target, address)
    except typer.Exit as exit_:
        # 1 would say that its certificate is bad
        raise typer.Exit(2) from exit_
    if not proxy.get("chain"):
        _unreadable(f"{target}: {_nothing(proxy)}")
    domains = (parse(proxy["identity"]).trust_domain,)
    return proxy["chain"].encode("ascii"), proxy["roots"].encode("ascii"), domains


def _proxy(target: str, address: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = get(address, "/debug/certs", proxyID=target)
    # streams of one proxy have one certificate
    return next((one for one in found if one.get("chain")), found[0])


def _is_file(target: str) -> bool:
    """Also one that is not there: no proxy is called like that."""
    return target.endswith((".pem", ".crt", ".cer")) or "/" in target or Path(target).is_file()


def _place(target: str) -> tuple[str, int] | None:
    host, separator, port = target.rpartition(":")
    if not separator or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        return None
    return host.removeprefix("[").removesuffix("]"), int(port)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        _unreadable(f"cannot read {path}: {error.strerror}")


def _unreadable(text: str) -> NoReturn:
    typer.echo(f"meshpilot: {text}", err=True)
    raise typer.Exit(2)


def _now() -> Any:
    from controlplane.tasks import SystemClock

    return SystemClock().now()


def _nothing(proxy: dict[str, Any]) -> str:
    match proxy.get("secrets"):
        case "agent":
            return "an agent beside it holds its certificate"
        case "none":
            return "nobody vouches for it, so it has no certificate"
        case _:
            return "its certificate has not been made yet"


def _print(found: dict[str, Any]) -> None:
    if "proxy" in found:
        typer.echo(f"{found['proxy']}  {found['identity'] or '(not proven)'}")
        if not found["certificates"]:
            typer.echo(_nothing(found))
        else:
            said = "acknowledged" if found["acknowledged"] else "not acknowledged yet"
            typer.echo(f"{found['state']}, {said}; next renewal {found['renewal']}")
    elif "version" in found:
        typer.echo(f"{found['target']}  {found['version']}  {found['protocol'] or 'no ALPN'}")
    for number, one in enumerate(found["certificates"], 1):
        typer.echo(f"{number}  {one['name']}")
        for title in ("issuer", "serial", "key", "names", "from", "until", "state"):
            value = one[title]
            text = ", ".join(value) if isinstance(value, list) else value
            if text:
                typer.echo(f"   {title:<7} {text}")


def _verdict(results: list[dict[str, Any]]) -> None:
    for result in results:
        typer.echo(f"{result['target']}: {'good' if result['good'] else 'peers refuse it'}")
        for fault in result["faults"]:
            typer.echo(f"  {fault['severity']} {fault['reason']}: {fault['message']}")
            typer.echo(f"    {fault['certificate']}")
            typer.echo(f"    → {fault['remedy']}")
