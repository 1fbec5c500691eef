"""The threat model, claim by claim: the control plane's own keys and files in the wrong hands."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import app
from controlplane.convergence import mtls
from controlplane.convergence.world import Options
from controlplane.keeping import Keeping
from controlplane.secure.keyring import WORKLOAD
from controlplane.settings import Settings
from controlplane.sources.lastgood import LastGood
from sds.rotation import Facts, Stage
from sds.secrets import KeyPair
from sds.tokens import LocalTokens
from tests.fakes import keys, shop
from tests.fakes.certificates import Root
from tests.fakes.edges import EDGE, gateway, server
from tests.fakes.pipeline import Pipeline
from tests.features.mesh import Mesh, running
from tests.features.secure import agentless, opened, secure_channel
from tests.features.threats import (
    NAME,
    OK,
    authority,
    eventually,
    impostor,
    plug_in,
    plugged,
    root_key,
    secured,
    sign,
)
from translators.model import PeerMode

VAULT = "spiffe://cluster.local/ns/bank/sa/vault"


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    async with running(state_dir=tmp_path / "state") as made:
        yield made


def settings(state: Path) -> Settings:
    return Settings(config_dir=state, state_dir=state, secure_address="127.0.0.1:0")


async def rotated(mesh: Mesh) -> None:
    """A whole rotation: everybody has acknowledged, and every certificate of before has ended."""
    authority = mesh.secure.trust._authority
    authority.rotate()
    for _ in range(2):
        authority.advance(Facts(mesh.clock.now() + timedelta(days=365), acknowledged=True))
    assert authority.status().stage is Stage.STABLE


async def refused(mesh: Mesh, pair: KeyPair) -> bool:
    return (await sign(secure_channel(mesh, pair))).status == "UNAVAILABLE"


async def test_t32_with_the_root_key_anybody_is_anybody_until_the_root_has_left(
    mesh: Mesh, tmp_path: Path
) -> None:
    leaked = root_key(tmp_path / "state")
    forged = leaked.pair("bank", "vault", seconds=3650 * 86400)
    assert (await sign(secure_channel(mesh, forged))).identity == VAULT
    # in a rotation it stays believed for as long as its root is in the bundle
    authority = mesh.secure.trust._authority
    authority.rotate()
    authority.advance(Facts(mesh.clock.now(), acknowledged=True))
    assert len(authority.bundle.certificates) == 2
    assert (await sign(secure_channel(mesh, forged))).identity == VAULT
    authority.advance(Facts(mesh.clock.now() + timedelta(days=365), acknowledged=True))
    await eventually(lambda: refused(mesh, forged), "the old root has left")


async def test_t33_the_key_of_an_old_root_deceives_who_still_has_that_root(
    mesh: Mesh, tmp_path: Path
) -> None:
    leaked, old = root_key(tmp_path / "state"), mesh.secure.trust.roots
    await rotated(mesh)
    # the control plane itself can be reached with the old file: it shows the crossed certificate
    ours = await mesh.secure.issuer.server((NAME,), ())
    assert await impostor(ours, old) == "UNIMPLEMENTED"
    # and so can who has the old key; a new file ends that
    assert await impostor(leaked.server(), old) == "UNIMPLEMENTED"
    assert await impostor(leaked.server(), mesh.secure.trust.roots) == "UNAVAILABLE"


async def test_t34_with_the_token_key_anybody_is_anybody_until_it_is_removed(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    async with secured(settings(state)) as door:
        leaked = LocalTokens(_copied(state, tmp_path))
        forged = leaked.issue("bank", "vault", seconds=86400, now=door.clock.now())
        made = await sign(door.channel(), token=forged)
        assert made.identity == VAULT
        # what is removed is forgotten at the next start
        (state / "ca" / "token-key.pem").unlink()
        assert (await sign(door.channel(), token=forged)).status == OK
    async with secured(settings(state)) as door:
        assert (await sign(door.channel(), token=forged)).status == "UNAUTHENTICATED"
        assert (await sign(door.channel(), token=door.token("bank", "vault"))).status == OK
        # certificates that were got meanwhile are good until they end
        assert (await sign(door.channel(made.pair))).identity == VAULT


async def test_t35_with_its_own_key_somebody_is_the_control_plane_until_it_ends(
    mesh: Mesh, tmp_path: Path
) -> None:
    presented = mesh.secure._serving.presented()
    stolen = KeyPair(presented.chain, presented.key)
    roots = mesh.secure.trust.roots
    assert await impostor(stolen, roots) == "UNIMPLEMENTED"
    # towards us it is an identity of the root namespace
    assert (await sign(secure_channel(mesh, stolen))).identity.endswith(
        "/ns/istio-system/sa/istiod"
    )
    left = stolen.not_after - mesh.clock.now()
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    ended = root_key(tmp_path / "state").pair(
        "istio-system", "istiod", seconds=-1, dns_names=(NAME,)
    )
    assert await impostor(ended, roots) == "UNAVAILABLE"


async def test_t36_a_copy_of_the_state_directory_is_the_ca(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with secured(settings(state)) as door:
        backup = _copied(state, tmp_path)
        forged = root_key(backup).pair("bank", "vault")
        assert (await sign(door.channel(forged))).identity == VAULT
        token = LocalTokens(backup).issue("bank", "vault", seconds=60, now=door.clock.now())
        assert (await sign(door.channel(), token=token)).identity == VAULT


async def test_t37_an_intermediate_that_was_replaced_is_believed_until_its_root_leaves(
    tmp_path: Path,
) -> None:
    root = authority("Root")
    before, after = authority("Before", root), authority("After", root)
    forged = Root(plug_in(tmp_path, before, root)).pair("bank", "vault")
    whole = KeyPair(forged.chain + before.pem, forged.key)
    async with plugged(tmp_path) as door:
        assert (await sign(door.channel(whole))).identity == VAULT
        plug_in(tmp_path, after, root)
        door.secure.trust.reload()
        assert door.secure.issuer._authority.chain == (after.pem,)
        assert (await sign(door.channel(whole))).identity == VAULT
        # under another root, and with the old one gone, nobody believes it
        other = authority("Other")
        plug_in(tmp_path, other, other)
        door.secure.trust.reload()
        for _ in range(2):
            later = door.clock.now() + timedelta(days=365)
            door.secure.trust._authority.advance(Facts(later, acknowledged=True))

        async def gone() -> bool:
            return (await sign(door.channel(whole))).status == "UNAVAILABLE"

        await eventually(gone, "the old root has left")


def test_t38_who_writes_the_configuration_switches_mutual_tls_off() -> None:
    made = Pipeline(Options(switch_wait=0.0))
    made.put(shop.service("web", {"app": "web"}), _policy("STRICT"))
    assert _accepted(made) is PeerMode.STRICT
    made.put(_policy("DISABLE"))
    assert _accepted(made) is PeerMode.DISABLE


def test_t39_the_state_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    state = tmp_path / "state"
    before = os.umask(0)
    try:
        root_key(state)
        LocalTokens(state)
        made = CliRunner().invoke(
            app,
            ["token", "--state-dir", str(state), "--namespace", "shop", "-o", str(state / "t")],
        )
        assert made.exit_code == 0, made.output
    finally:
        os.umask(before)
    found = {path.relative_to(state).as_posix(): _mode(path) for path in _below(state)}
    assert found == {
        "ca": 0o700,
        "ca/root-1.pem": 0o600,
        "ca/root-1-key.pem": 0o600,
        "ca/token-key.pem": 0o600,
        "t": 0o600,
    }


async def test_t40_no_key_but_the_cas_own_is_on_the_disk(mesh: Mesh, tmp_path: Path) -> None:
    state, secret = tmp_path / "state", keys.tls_secret("cert", keys.pair())
    named = gateway(server("a", mode="SIMPLE", credentialName="cert"))
    await mesh.put(secret, named)
    token = mesh.token(EDGE.namespace)
    async with opened(secure_channel(mesh), agentless(EDGE), token=token) as ads:
        await ads.ask(WORKLOAD, "kubernetes://cert")
        await ads.until(WORKLOAD, "kubernetes://cert")
    # what is kept of the specs
    made = Pipeline()
    before, keeping = made.world, Keeping(LastGood(str(state)))
    keeping.keep(before, made.put(secret, named))
    keeping._flush(keeping._take())
    files = {path.name: path.read_bytes() for path in _below(state) if path.is_file()}
    assert b"Gateway" in files["lastgood.jsonl"]
    encoded = secret["data"]["tls.key"].encode()
    found = {name for name, held in files.items() if b"PRIVATE KEY" in held or encoded in held}
    assert found == {"root-1-key.pem", "token-key.pem"}


def _policy(mode: str) -> dict[str, Any]:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": shop.meta("default"),
        "spec": {"mtls": {"mode": mode}},
    }


def _accepted(made: Pipeline) -> PeerMode:
    peers = mtls.peers(made.world.mesh, made.options)
    return mtls.accepted(peers, namespace=shop.NAMESPACE, labels={"app": "web"})


def _copied(state: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(state, tmp_path / "backup"))


def _below(directory: Path) -> Iterator[Path]:
    return directory.rglob("*")


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
