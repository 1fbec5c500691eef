"""meshpilot cert, on real files, real TLS and a control plane that runs."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli import app
from controlplane.secure.keyring import ROOT, WORKLOAD
from sds.secrets import KeyPair
from tests.fakes import pipeline
from tests.fakes.certificates import Root
from tests.features.client import node_of, until
from tests.features.mesh import Mesh, running
from tests.features.secure import agentless, opened, plain_channel, secure_channel
from translators.wire import CLUSTER

ID = "spiffe://cluster.local/ns/shop/sa/cart"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["cert", *arguments])


async def ask(mesh: Mesh, *arguments: str) -> Result:
    return await asyncio.to_thread(run, *arguments, "--address", mesh.http)


@pytest.fixture
def root() -> Root:
    return Root.made()


@pytest.fixture
def pair(root: Root) -> KeyPair:
    return root.pair("shop", "cart")


@pytest.fixture
def files(tmp_path: Path, root: Root, pair: KeyPair) -> Path:
    for name, content in (
        ("cart.pem", pair.chain),
        ("cart-key.pem", pair.key),
        ("both.pem", pair.chain + pair.key),
        ("root.pem", root.pem),
        ("other.pem", Root.made().pem),
        ("other-key.pem", root.pair("shop", "cart").key),
        ("old.pem", root.pair("shop", "cart", seconds=-60).chain),
        ("garbage.pem", b"garbage"),
    ):
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with running() as made:
        yield made


# -- show ----------------------------------------------------------------------------------------


def test_a_file_is_shown(files: Path, pair: KeyPair) -> None:
    result = run("show", str(files / "cart.pem"))
    assert result.exit_code == 0, result.output
    lines = [line.split(maxsplit=1) for line in result.output.splitlines()]
    assert lines[0] == ["1", ID]
    said = dict(lines[1:])
    assert said["issuer"] == "O=cluster.local"
    assert said["serial"] == f"{pair.leaf.serial_number:x}"
    assert said["key"] == "ECDSA secp256r1"
    assert said["until"] == pair.not_after.isoformat()
    assert said["state"].startswith("expires in 59 min")


def test_a_file_as_json(files: Path, pair: KeyPair) -> None:
    (files / "chain.pem").write_bytes(pair.chain + (files / "root.pem").read_bytes())
    found = json.loads(run("show", str(files / "chain.pem"), "-o", "json").output)
    leaf, above = found["certificates"]
    assert leaf["names"] == [ID]
    assert above["name"] == above["subject"] == above["issuer"] == "O=cluster.local"


def test_a_key_in_the_file_is_not_shown(files: Path, pair: KeyPair) -> None:
    for command in ("show", "check"):
        result = run(command, str(files / "both.pem"), "-o", "json")
        assert ID in result.output
        assert "PRIVATE" not in result.output
        assert pair.key.decode().splitlines()[1] not in result.output
        only = run(command, str(files / "cart-key.pem"))
        assert "no certificate" in only.output
        assert (files / "cart-key.pem").read_text().splitlines()[1] not in only.output


async def test_a_tls_server_is_shown(mesh: Mesh) -> None:
    result = await ask(mesh, "show", f"127.0.0.1:{mesh.secure_port}")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[0] == f"127.0.0.1:{mesh.secure_port}  TLSv1.3  h2"
    assert "spiffe://cluster.local/ns/istio-system/sa/istiod" in result.output
    assert "istiod.istio-system.svc" in result.output


async def test_a_proxy_is_shown_with_its_renewal(mesh: Mesh) -> None:
    token = mesh.token(account="cart")
    async with opened(
        secure_channel(mesh), agentless(pipeline.proxy("cart")), token=token
    ) as proxy:
        await proxy.ask(WORKLOAD, ROOT)
        await proxy.until(WORKLOAD, ROOT)
        await until(
            lambda: any(map(mesh.secure.keyring.acknowledged, mesh.hub)), "it has acknowledged"
        )
        result = await ask(mesh, "show", "cart.shop")
        assert result.exit_code == 0, result.output
        first, second, third = result.output.splitlines()[:3]
        assert first == f"cart.shop  {ID}"
        assert second.startswith("Active, acknowledged; next renewal 20")
        assert third == f"1  {ID}"
        result = await ask(mesh, "check", "cart.shop")
        assert (result.exit_code, result.output) == (0, "cart.shop: good\n")
        result = await ask(mesh, "check", "cart.shop", "--trust-domain", "example.org")
        assert result.exit_code == 1
        assert "TrustDomain" in result.output


async def test_a_proxy_without_a_certificate_of_ours(mesh: Mesh) -> None:
    async with opened(plain_channel(mesh), node_of(pipeline.proxy("cart"))) as proxy:
        proxy.type_url = CLUSTER
        await proxy.ask("*")
        await until(lambda: len(mesh.hub), "it has a seat")
        result = await ask(mesh, "show", "cart.shop")
        assert result.exit_code == 0
        assert result.output.splitlines()[1] == ("nobody vouches for it, so it has no certificate")
        result = await ask(mesh, "check", "cart.shop")
        assert result.exit_code == 2
        assert "nobody vouches for it" in result.output


async def test_what_cannot_be_looked_at(mesh: Mesh, files: Path) -> None:
    for arguments, code, said in (
        (("show", "nobody.shop"), 1, 'no connected proxy is called "nobody.shop"'),
        (("check", "nobody.shop"), 2, 'no connected proxy is called "nobody.shop"'),
        (("show", "127.0.0.1:1"), 2, "no TLS with 127.0.0.1:1"),
        (("show", f"127.0.0.1:{mesh.port}"), 2, "no TLS with"),
        (("show", str(files / "garbage.pem")), 2, "there is no certificate (PEM) in it"),
        (("show", "nowhere.pem"), 2, "cannot read nowhere.pem: No such file"),
        (("check", str(files / "nowhere.pem")), 2, "No such file"),
        (("check", str(files / "cart.pem"), "--root", str(files / "nowhere")), 2, "No such file"),
        (("check", str(files / "cart.pem"), "--root", str(files / "garbage.pem")), 2, "no cert"),
        (("check", str(files / "cart.pem"), "--key", str(files / "nowhere")), 2, "No such file"),
    ):
        result = await ask(mesh, *arguments)
        assert (result.exit_code, said in result.output) == (code, True), result.output


# -- check ---------------------------------------------------------------------------------------


def test_a_good_chain(files: Path) -> None:
    result = run(
        "check",
        str(files / "cart.pem"),
        *("--root", str(files / "other.pem"), "--root", str(files / "root.pem")),
        *("--key", str(files / "cart-key.pem"), "--trust-domain", "cluster.local"),
    )
    assert result.exit_code == 0, result.output
    assert result.output == f"{files / 'cart.pem'}: good\n"


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("cart.pem", ("--root", "other.pem"), "OtherKeyOfIssuer"),
        ("cart.pem", (), "IssuerMissing"),
        ("old.pem", ("--root", "root.pem"), "Expired"),
        ("cart.pem", ("--root", "root.pem", "--key", "other-key.pem"), "KeyMismatch"),
        ("cart.pem", ("--root", "root.pem", "--key", "garbage.pem"), "KeyUnreadable"),
        ("garbage.pem", ("--root", "root.pem"), "Unreadable"),
    ],
)
def test_each_fault_has_its_remedy(
    files: Path, name: str, options: tuple[str, ...], reason: str
) -> None:
    given = [str(files / one) if one.endswith(".pem") else one for one in options]
    result = run("check", str(files / name), *given)
    assert result.exit_code == 1
    assert f"error {reason}: " in result.output
    assert "→ " in result.output
    (found,) = json.loads(run("check", str(files / name), *given, "-o", "json").output)
    assert not found["good"]
    (fault,) = [one for one in found["faults"] if one["reason"] == reason]
    assert fault["remedy"]


def test_a_warning_is_no_refusal(files: Path) -> None:
    arguments = ("check", str(files / "cart.pem"), "--root", str(files / "root.pem"))
    result = run(*arguments, "--skew", "7200")
    assert result.exit_code == 0
    assert "warning ExpiresSoon" in result.output


def test_several_files_and_what_they_are_for(files: Path, root: Root) -> None:
    server = files / "server.pem"
    server.write_bytes(root.server().chain)
    arguments = (str(server), str(files / "old.pem"), "--root", str(files / "root.pem"))
    result = run("check", *arguments, "--purpose", "server")
    assert result.exit_code == 1
    assert f"{server}: good" in result.output
    assert f"{files / 'old.pem'}: peers refuse it" in result.output


def test_a_key_belongs_to_one_file(files: Path) -> None:
    cart = str(files / "cart.pem")
    result = run("check", cart, cart, "--key", str(files / "cart-key.pem"))
    assert result.exit_code == 2
    assert "--key" in result.output
