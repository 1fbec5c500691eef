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
    assert not running.failures
    assert not running.expired()
    assert all(mutual(call) for call in running.calls)
    assert len(running.calls) >= 60 * 50
    made = running.certificates("caller.shop")
    # renewed at half of its life at the latest: at least 60 / 3 of them
    assert len(made) >= 20
    seen = {call.client for call in running.calls}
    # the first may have been replaced before the first look, the last not be in use yet
    assert len(made - seen) <= 1
    assert len({call.server_end for call in running.calls}) >= 20
    for one in (running.client, running.server):
        stats = await one.stats("sds.*update_rejected") if one.alive else {}
        assert not any(stats.values())


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
        await running.some(200)
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
