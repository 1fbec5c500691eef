"""Mutual TLS between real Envoys that get their certificates from the control plane, under gRPC
traffic: certificates are renewed, modes change, the root is rotated, and nothing fails."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.mutual import SERVER_ID, Call, Scene, peers, scene


async def settled(running: Scene) -> None:
    """Until no change of modes is under way any more."""
    async with asyncio.timeout(20):
        while True:
            page: Any = await running.control.get("/debug/world")
            if page["switching"] is None:
                return
            await running.some(1)


def mutual(call: Call) -> bool:
    return bool(call.client) and call.server == SERVER_ID


def plaintext(call: Call) -> bool:
    return not call.client and call.server in ("", "-")


@pytest.mark.e2e
@pytest.mark.alone
async def test_certificates_are_renewed_under_traffic(tmp_path: Path) -> None:
    """60 s with certificates of 6 s: no call fails, no connection outlives a certificate, and
    every renewal is seen by the server."""
    async with scene(tmp_path, flags=("--workload-cert-ttl", "6")) as running:
        await asyncio.sleep(60)
        for one in (running.client, running.server):
            assert not any((await one.stats("sds.*update_rejected")).values())
    running.renewed_without_loss(seconds=60, ttl=6)


@pytest.mark.e2e
@pytest.mark.alone
async def test_modes_change_under_traffic(tmp_path: Path) -> None:
    async with scene(tmp_path) as running:
        assert all(mutual(call) for call in await running.some())
        for mode in ("STRICT", "PERMISSIVE", "DISABLE", "STRICT", "DISABLE", "PERMISSIVE"):
            running.control.write("peers.yaml", peers(mode))
            await running.until(plaintext if mode == "DISABLE" else mutual, f"mode {mode}")
            await settled(running)
            expected = plaintext if mode == "DISABLE" else mutual
            assert all(map(expected, (await running.some(40))[20:])), mode
            assert not running.failures, (mode, running.failures[:3])
        running.control.remove("peers.yaml")
        await settled(running)
        await running.some()
    assert not running.failures


@pytest.mark.e2e
@pytest.mark.alone
async def test_the_root_is_rotated_under_traffic(tmp_path: Path) -> None:
    async with scene(tmp_path, flags=("--workload-cert-ttl", "6")) as running:
        await running.some()
        status: Any = await running.control.post("/debug/ca/rotate")
        assert status["stage"] == "TRUSTING"
        (old,) = [root["fingerprint"] for root in status["roots"] if root["signs"]]
        async with asyncio.timeout(30):
            while status["stage"] != "STABLE":
                await running.some(1)
                status = await running.control.get("/debug/ca")
        (root,) = status["roots"]
        assert root["fingerprint"] != old
        # the proxies' own files still have the old root; they come back, and are renewed
        await running.control.kill()
        await running.control.start()
        now = {call.client for call in await running.some(1)}
        await running.until(lambda call: call.client not in now, "a renewed certificate")
        await running.until(
            lambda call: call.client in running.certificates("caller.shop") - now, "a known one"
        )
    assert not running.failures
    assert not running.expired()
    assert all(mutual(call) for call in running.calls)


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.parametrize("stage", ["TRUSTING", "SIGNING"])
async def test_a_rotation_survives_a_crash(stage: str, tmp_path: Path) -> None:
    async with scene(tmp_path, flags=("--workload-cert-ttl", "6")) as running:
        await running.some()
        await running.control.post("/debug/ca/rotate")
        status: Any = {"stage": ""}
        async with asyncio.timeout(30):
            while status["stage"] not in (stage, "STABLE"):
                status = await running.control.get("/debug/ca")
        await running.control.kill()
        await running.control.start()
        async with asyncio.timeout(30):
            while status["stage"] != "STABLE":
                await running.some(1)
                status = await running.control.get("/debug/ca")
        await running.some(200)
    assert not running.failures
    assert not running.expired()


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["caller", "greeter"])
async def test_an_agent_beside_the_proxy_holds_the_key(name: str, tmp_path: Path) -> None:
    """As Istio's agent does: its key never leaves the machine; the other side has none."""
    flags = ("--workload-cert-ttl", "8")
    async with scene(tmp_path, flags=flags, agents={name: 8}) as running:
        (helper,) = running.agents
        assert all(mutual(call) for call in await running.some())
        async with asyncio.timeout(30):
            while helper.version < 3:
                await running.some(1)
        await running.some(50)
        if name == "caller":
            await running.look()
            assert len({call.client for call in running.calls} & set(helper.issued)) >= 2
        else:
            ends = {call.server_end for call in running.calls}
            assert len(ends & set(helper.issued.values())) >= 2
        # nothing was made for it by the control plane
        page: Any = await running.control.get("/debug/certs")
        (own,) = [one for one in page if one["proxy"] == f"{name}.shop"]
        assert (own["secrets"], "chain" in own) == ("agent", False)
    assert not running.failures
    assert all(mutual(call) for call in running.calls)
