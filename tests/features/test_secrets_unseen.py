"""Private keys are nowhere but where they belong: all that the control plane writes, serves to
people or prints of itself is searched for every key that there is."""

import asyncio
import base64
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import generate_latest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from cli import app
from controlplane.secure.keyring import ROOT, WORKLOAD
from sds.secrets import encode_key
from tests.fakes import keys, pipeline
from tests.fakes.authorities import Moody
from tests.fakes.edges import EDGE, bound, gateway, server
from tests.features.client import until
from tests.features.mesh import Mesh, documents, running
from tests.features.secure import agentless, opened, secure_channel
from translators.wire import SECRET

_PIECE = 24  # characters of a key that no text has by chance


def number(key: bytes) -> int:
    """The number that is the secret of a key of P-256."""
    private = serialization.load_pem_private_key(key, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return private.private_numbers().private_value


def pieces(key: bytes) -> Iterator[str]:
    """What shows a private key (PEM), however it is written."""
    secret = number(key)
    content = secret.to_bytes((secret.bit_length() + 7) // 8, "big")
    yield str(secret)[:_PIECE]
    yield f"{secret:x}"[:_PIECE]
    # as it is, and inside of something else that is encoded: at any of three offsets
    body = "".join(key.decode().splitlines()[1:-1])
    for text in (content, key[40:], body.encode()):
        for offset in range(3):
            yield base64.b64encode(text[offset:])[4 : 4 + _PIECE].decode()
    yield from (line[:_PIECE] for line in key.decode().splitlines()[2:-2])
    middle = len(body) // 2
    yield body[middle : middle + _PIECE]
    yield repr(content[:8])[2:-1]


def shown(text: str, key: bytes) -> list[str]:
    """Those pieces of `key` that are in `text`, with its line breaks taken out."""
    flat = re.sub(r"\s|\\n", "", text)
    return [piece for piece in pieces(key) if piece in text or piece in flat]


def test_the_search_would_find_one() -> None:
    key = keys.pair().key
    for text in (
        key.decode(),
        repr(key),
        base64.b64encode(key).decode(),
        base64.b64encode(b"in something else " + key).decode(),
        f"EllipticCurvePrivateNumbers({number(key)})",
    ):
        assert shown(text, key), text
    assert not shown(repr(keys.roots()), key)


async def pages(mesh: Mesh) -> str:
    """Everything that the HTTP port says."""
    found = []
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{mesh.http}/debug") as index:
            paths = list(await index.json())
        assert "/debug/certs?proxyID=ID" in paths
        names = ("cart.shop", "edge.shop")
        paths += [path.replace("=ID", f"={name}") for path in paths for name in names]
        for path in (*paths, "/debug/certs", "/ready", "/debug/nothing"):
            async with client.get(f"{mesh.http}{path}") as answer:
                found.append(await answer.text())
        async with client.post(f"{mesh.http}/debug/ca/rotate") as answer:
            found.append(await answer.text())
    return "\n".join(found)


def commands(mesh: Mesh) -> str:
    """Everything that people are shown of it."""
    found = []
    for arguments in (
        ("config", "dump", "cart.shop", "-o", "json"),
        ("config", "dump", "edge.shop", "-o", "yaml"),
        ("config", "dump", "edge.shop"),
        ("proxies", "-o", "json"),
        ("ca", "status"),
        ("ca", "roots"),
    ):
        result = CliRunner().invoke(app, [*arguments, "--address", mesh.http])
        assert result.exit_code == 0, result.output
        found.append(result.output)
    return "\n".join(found)


def values(mesh: Mesh) -> str:
    """What objects say of themselves, in a debugger or a traceback."""
    found: list[Any] = [mesh.secure, mesh.secure.issuer, mesh.secure.tokens, mesh.secure.keyring]
    authority = mesh.secure.issuer._authority
    found += [authority, authority.behind, authority.behind._source]  # type: ignore[attr-defined]
    found += [authority.behind._materials, authority.behind._view]  # type: ignore[attr-defined]
    found += mesh.secure.keyring._holders.values()
    found += [mesh.loop.world, mesh.loop.config, mesh.loop.config.objects]
    found.append(mesh.secure._serving.presented())
    for seat in mesh.hub:
        found += [seat, seat.session, seat.session.status(), seat.snapshot, *seat.snapshot.layers]
        found += [seat.session._ledger(SECRET), seat.session.poll(mesh.clock.monotonic())]
        found += [seat.snapshot.get(SECRET, name) for name in seat.snapshot.names(SECRET)]
        found += [mesh.secure.keyring.certificate(seat)]
    return "\n".join(f"{one!r} {one!s}" for one in found)


def kept(directory: Path) -> list[bytes]:
    """The keys in the state directory: that of the root, of the next one, and of tokens."""
    return [
        content
        for path in directory.rglob("*.pem")
        if b"PRIVATE KEY" in (content := path.read_bytes())
    ]


async def test_no_private_key_is_seen(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    first, second = keys.pair(), keys.pair("b.example.com")
    known = [first.key, second.key]
    with capture_logs() as logs:
        async with running(workload_ttl=3.0, state_dir=tmp_path) as mesh:
            await mesh.put(
                *documents(),
                keys.tls_secret("cert", first, ca_crt=keys.roots()),
                gateway(server("a", mode="MUTUAL", credentialName="cert")),
                bound(),
            )
            issuer = mesh.secure.issuer
            issuer._authority = moody = Moody(issuer._authority)
            async with (
                opened(
                    secure_channel(mesh), agentless(pipeline.proxy("cart")), token=mesh.token()
                ) as cart,
                opened(
                    secure_channel(mesh),
                    agentless(EDGE),
                    token=mesh.token(account="edge"),
                    delta=False,
                ) as edge,
            ):
                await cart.ask(WORKLOAD, ROOT)
                await edge.ask(WORKLOAD, ROOT, "kubernetes://cert", "kubernetes://cert-cacert")
                await cart.until(WORKLOAD, ROOT)
                await edge.until(WORKLOAD, ROOT, "kubernetes://cert")
                known += [
                    one.held[WORKLOAD].tls_certificate.private_key.inline_bytes
                    for one in (cart, edge)
                ]
                # a Secret that changes, one that is broken, and one whose key fits nothing
                await mesh.put(keys.tls_secret("cert", second))
                await mesh.put(
                    keys.secret("broken", {"tls.crt": b"garbage", "tls.key": first.key}),
                    keys.secret("mixed", {"tls.crt": first.certificate, "tls.key": second.key}),
                    keys.secret("kind", {"tls.key": first.key}, kind="Opaque"),
                )
                # a proxy that refuses what it was sent; a CA that fails, and is back
                moody.broken = "the CA is on fire"
                await until(lambda: moody.refused > 1, "it was tried")
                moody.broken = ""
                await cart.receive()
                known.append(cart.held[WORKLOAD].tls_certificate.private_key.inline_bytes)
                mesh.secure.trust.rotate()
                seen = await pages(mesh)
                seen += await asyncio.to_thread(commands, mesh)
                seen += values(mesh)
                seen += generate_latest(mesh.metrics.registry).decode()
            known += kept(tmp_path)
            known.append(encode_key(mesh.secure.tokens._key))
            known.append(mesh.secure._serving.presented().key)
        seen += repr(mesh.loop.verdicts())
    assert len(set(known)) >= 9
    written = capfd.readouterr()
    seen += "\n".join((repr(logs), written.out, written.err, caplog.text))
    assert "certificate_not_renewed" in seen
    for key in known:
        assert shown(seen, key) == []
    assert "PRIVATE KEY" not in seen
