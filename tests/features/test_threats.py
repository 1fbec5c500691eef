"""The threat model, claim by claim: a workload's certificate, key or token in the wrong hands.

A test is named after its claim in docs/threat-model.md; the first here compares the two.
"""

import ast
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography import x509

from controlplane.secure.keyring import ROOT, WORKLOAD
from controlplane.settings import Settings
from sds.attest import TokenAttestor
from sds.identity import SpiffeId
from sds.template import Template, Validity
from tests.fakes.certificates import Root
from tests.fakes.envoy import envoy
from tests.features.client import until
from tests.features.mesh import Mesh, documents, running
from tests.features.secure import agentless, opened, plain_channel, secure_channel
from tests.features.threats import (
    NAME,
    OK,
    authority,
    eventually,
    forged_by,
    impostor,
    plug_in,
    plugged,
    root_key,
    secured,
    serving,
    sign,
    stream,
    workload,
)
from tests.sds.material import csr
from translators.bootstrap import Places, Proof, bootstrap

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "threat-model.md"
DAY = 86400
CART = SpiffeId("cluster.local", "shop", "cart")


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    async with running(state_dir=tmp_path / "state") as made:
        await made.put(*documents())
        yield made


def test_every_claim_has_a_test_and_every_test_a_claim() -> None:
    claims = re.findall(r"^\| (T\d+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert len(claims) == len(set(claims)), "a claim stands twice"
    tests = []
    for path in sorted(HERE.glob("test_threats*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                tests += [
                    f"T{found[1]}" for found in [re.match(r"test_t(\d+)_", node.name)] if found
                ]
    assert set(claims) == set(tests)


@pytest.mark.parametrize("proof", ["certificate", "token"])
async def test_t1_who_has_a_proof_is_nobody_else_on_ads(mesh: Mesh, proof: str) -> None:
    pair = await mesh.secure.issuer.make(CART) if proof == "certificate" else None
    token = mesh.token("shop", "cart") if proof == "token" else ""
    for who, expected in (
        (workload("shop", "cart"), OK),
        (workload("shop", "web"), "PERMISSION_DENIED"),
        (workload("bank", "cart"), "PERMISSION_DENIED"),
        (workload("istio-system", "istiod"), "PERMISSION_DENIED"),
    ):
        assert await stream(mesh, who, pair=pair, token=token) == expected


async def test_t2_who_has_a_proof_is_nobody_else_in_a_certificate(mesh: Mesh) -> None:
    pair = await mesh.secure.issuer.make(CART)
    lies = csr(uris=("spiffe://cluster.local/ns/bank/sa/vault",), common_name="istiod")
    for shown, token in ((None, mesh.token("shop", "cart")), (pair, "")):
        for request in ("", lies):
            made = await sign(secure_channel(mesh, shown), token=token, request=request)
            assert made.identity == str(CART)
        found = await sign(
            secure_channel(mesh, shown),
            token=token,
            ImpersonatedIdentity="spiffe://cluster.local/ns/bank/sa/vault",
        )
        assert found.status == "UNAUTHENTICATED"


async def test_t3_what_has_expired_proves_nothing(mesh: Mesh, tmp_path: Path) -> None:
    late = root_key(tmp_path / "state").pair("shop", "cart", seconds=-1)
    # the handshake itself fails, so that no status comes from the server
    assert await stream(mesh, workload("shop", "cart"), pair=late) == "UNAVAILABLE"
    assert (await sign(secure_channel(mesh, late))).status == "UNAVAILABLE"
    now = mesh.clock.now()
    token = mesh.secure.tokens.issue("shop", "cart", seconds=-1, now=now)
    found = await stream(mesh, workload("shop", "cart"), token=token)
    assert found == "UNAUTHENTICATED"
    assert (await sign(secure_channel(mesh), token=token)).status == "UNAUTHENTICATED"


async def test_t4_a_connection_ends_with_its_certificate(mesh: Mesh, tmp_path: Path) -> None:
    pair = root_key(tmp_path / "state").pair("shop", "cart", seconds=4)
    channel = secure_channel(mesh, pair)
    async with opened(channel, agentless(workload("shop", "cart"))) as ads:
        await ads.ask(ROOT)
        await ads.until(ROOT)
        assert mesh.clock.now() < pair.not_after
        with pytest.raises((grpc.aio.AioRpcError, AssertionError)):
            await ads.receive()
        assert mesh.clock.now() >= pair.not_after
    await until(lambda: not len(mesh.hub), "its seat is free")


async def test_t5_an_open_stream_outlives_its_token(mesh: Mesh) -> None:
    token, node = mesh.token("shop", "cart"), agentless(workload("shop", "cart"))
    async with opened(secure_channel(mesh), node, token=token) as ads:
        await ads.ask(ROOT)
        await ads.until(ROOT)
        later = mesh.clock.now() + timedelta(hours=2)
        (attestor,) = (one for one in mesh.secure.attestors if isinstance(one, TokenAttestor))
        attestor._clock = lambda: later
        assert await stream(mesh, workload("shop", "cart"), token=token) == "UNAUTHENTICATED"
        await ads.ask(WORKLOAD)
        assert (await ads.until(WORKLOAD)).keys() == {ROOT, WORKLOAD}


async def test_t6_a_proof_can_be_made_to_last(mesh: Mesh) -> None:
    longest = int(Settings(config_dir=Path("/")).max_workload_ttl)
    assert longest == 90 * DAY
    token = mesh.secure.tokens.issue("shop", "cart", seconds=60, now=mesh.clock.now())
    found = await sign(secure_channel(mesh), token=token, seconds=longest)
    for _ in range(2):
        assert found.pair is not None
        assert (found.pair.not_after - mesh.clock.now()).days >= 89
        # nothing is needed for the next one but the one before
        found = await sign(secure_channel(mesh, found.pair), seconds=longest)
    assert found.identity == str(CART)


async def test_t7_proxies_of_one_identity_are_not_told_apart(mesh: Mesh) -> None:
    node, found = agentless(workload("shop", "cart")), []
    for _ in range(2):
        channel = secure_channel(mesh)
        async with opened(channel, node, token=mesh.token("shop", "cart")) as ads:
            await ads.ask(WORKLOAD)
            secret = (await ads.until(WORKLOAD))[WORKLOAD]
            found.append(secret.tls_certificate.private_key.inline_bytes)
    assert found[0] == found[1]


async def test_t8_a_token_is_worth_nothing_elsewhere(mesh: Mesh) -> None:
    token = mesh.token("shop", "cart")
    async with opened(plain_channel(mesh), agentless(workload("shop", "cart")), token=token) as ads:
        await ads.ask(WORKLOAD, ROOT)
        await until(lambda: len(mesh.hub) == 1, "the stream has a seat")
        (seat,) = mesh.hub
        assert seat.proxy.identity == ""
        assert mesh.secure.keyring.certificate(seat) is None
    # one for somebody else, of the same issuer, is not taken here
    said = jwt.decode(token, options={"verify_signature": False}) | {"aud": ["somebody"]}
    other = jwt.encode(said, mesh.secure.tokens._key, algorithm="ES256")
    assert (await sign(secure_channel(mesh), token=other)).status == "UNAUTHENTICATED"


async def test_t9_a_workloads_key_signs_nobody(mesh: Mesh) -> None:
    pair = await mesh.secure.issuer.make(CART)
    leaf = pair.leaf
    template = Template(
        SpiffeId("cluster.local", "bank", "vault"),
        leaf.public_key(),  # type: ignore[arg-type]
        Validity(leaf.not_valid_before_utc, leaf.not_valid_after_utc),
        7,
    )
    forged = forged_by(pair, template)
    assert len(x509.load_pem_x509_certificates(forged.chain)) == 2
    assert (await sign(secure_channel(mesh, forged))).status == "UNAVAILABLE"
    assert (await sign(secure_channel(mesh, pair))).status == OK


async def test_t10_strangers_are_refused(mesh: Mesh, tmp_path: Path) -> None:
    # another root, though it says the same names
    stranger = Root.made().pair("shop", "cart")
    assert (await sign(secure_channel(mesh, stranger))).status == "UNAVAILABLE"
    # the same root, another trust domain
    other = root_key(tmp_path / "state").pair("shop", "cart", trust_domain="other.example")
    assert (await sign(secure_channel(mesh, other))).status == "UNAUTHENTICATED"
    assert await stream(mesh, workload("shop", "cart"), pair=other) == "UNAUTHENTICATED"
    # unless it is an alias
    settings = Settings(
        config_dir=tmp_path,
        state_dir=tmp_path / "state",
        secure_address="127.0.0.1:0",
        trust_domain_aliases=("other.example",),
    )
    async with secured(settings) as aliased:
        assert (await sign(aliased.channel(other))).identity == str(other.identity)


async def test_t11_who_is_revoked_is_refused_on_new_connections_only(tmp_path: Path) -> None:
    root = authority("Root")
    signer = authority("Signer", root)
    plug_in(tmp_path, signer, root)
    async with plugged(tmp_path) as door:
        stolen, good = await door.made("shop", "cart"), await door.made("shop", "cart")
        kept = door.channel(stolen)
        assert (await sign(door.channel(stolen))).status == OK
        await kept.channel_ready()
        plug_in(tmp_path, signer, root, stolen.leaf)
        door.secure.trust.reload()

        async def refused() -> bool:
            return (await sign(door.channel(stolen))).status == "UNAVAILABLE"

        await eventually(refused, "the revoked certificate is refused")
        assert (await sign(door.channel(good))).status == OK
        # who was connected before stays until the certificate ends
        assert (await sign(kept)).status == OK


async def test_t12_a_new_root_without_transition_ends_all_that_was_signed(
    mesh: Mesh, tmp_path: Path
) -> None:
    stolen = await mesh.secure.issuer.make(CART)
    settings = Settings(
        config_dir=tmp_path, state_dir=tmp_path / "new", secure_address="127.0.0.1:0"
    )
    async with secured(settings) as door:
        assert (await sign(door.channel(stolen))).status == "UNAVAILABLE"
        token = mesh.token("shop", "cart")
        assert (await sign(door.channel(), token=token)).status == "UNAUTHENTICATED"
        assert (await sign(door.channel(), token=door.token("shop", "cart"))).status == OK


async def test_t13_a_workload_is_not_the_control_plane(mesh: Mesh, tmp_path: Path) -> None:
    root = root_key(tmp_path / "state")
    workloads = await mesh.secure.issuer.make(SpiffeId("cluster.local", "istio-system", "istiod"))
    roots = mesh.secure.trust.roots
    assert await impostor(workloads, roots) == "UNAVAILABLE"
    # who gets past the name gets to a server that has no such service
    assert await impostor(root.server(), roots) == "UNIMPLEMENTED"
    # an Envoy of our bootstrap looks for the same name
    proof = Proof(roots="/r", server_name=NAME, token="/t", token_secret="")
    made: Any = bootstrap(workload("shop", "cart"), Places(("127.0.0.1", 15012), proof=proof))
    (cluster,) = made["static_resources"]["clusters"]
    tls = cluster["transport_socket"]["typed_config"]["common_tls_context"]
    assert tls["validation_context"] == {
        "trusted_ca": {"filename": "/r"},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": NAME}}],
    }


@pytest.mark.e2e
async def test_t13_an_envoy_does_not_take_a_workload_for_the_control_plane(tmp_path: Path) -> None:
    root = Root.made()
    (tmp_path / "roots.pem").write_bytes(root.pem)
    proof = Proof(roots=str(tmp_path / "roots.pem"), server_name=NAME)
    async with serving(root.pair("istio-system", "istiod")) as port:
        boot = bootstrap(workload("shop", "cart"), Places(("127.0.0.1", port), proof=proof))
        async with envoy(boot, tmp_path, name="cart") as one:
            await one.wait_stat("cluster.xds-grpc.ssl.fail_verify_san", 1)
            assert await one.stat("cluster.xds-grpc.upstream_rq_total") == 0
