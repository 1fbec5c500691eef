"""Real gRPC calls through a real sidecar: split, header match, and a change without failures."""

import asyncio
from collections import Counter
from pathlib import Path

import grpc
import pytest

from tests.e2e.hitless import proxy_of
from tests.e2e.test_proxyless import HOST, PORT, routes, servers, write
from tests.fakes import shop
from tests.fakes.control import ControlPlane
from tests.fakes.envoy import envoy
from translators.bootstrap import Places, bootstrap
from translators.model import ProxyType

METHOD = "/shop.Web/Who"
CALLS = 200


async def who(channel: grpc.aio.Channel, *metadata: tuple[str, str]) -> str:
    answer = await channel.unary_unary(METHOD)(b"", timeout=10, metadata=metadata)
    return str(answer.decode())


async def split(channel: grpc.aio.Channel) -> Counter[str]:
    return Counter([await who(channel) for _ in range(CALLS)])


def sidecar() -> shop.Document:
    document = shop.sidecar(PORT)
    document["spec"]["egress"][0]["port"]["protocol"] = "GRPC"
    return document


def canary() -> shop.Document:
    document = shop.routes("1", ("greeter", "v1", 100), gateways=False)
    document["spec"]["hosts"] = [HOST]
    to_v2 = shop.routes("2", ("greeter", "v2", 100))["spec"]["http"][0]
    to_v2["match"] = [{"headers": {"x-canary": {"exact": "yes"}}}]
    document["spec"]["http"].insert(0, to_v2)
    return document


@pytest.mark.e2e
async def test_grpc_calls_follow_the_routes(tmp_path: Path) -> None:
    control = ControlPlane(tmp_path)
    write(control)
    control.write("sidecar.yaml", sidecar(), shop.pod("client", shop.CLIENT, app="client"))
    viewer = proxy_of(ProxyType.SIDECAR)
    boot = bootstrap(viewer, Places(discovery=("127.0.0.1", control.ads)))
    options = [("grpc.default_authority", HOST), ("grpc.enable_retries", 0)]
    async with servers():
        await control.start()
        try:
            async with envoy(boot, tmp_path, name="client") as running:
                await running.wait_ready()
                target = f"{shop.CLIENT}:{PORT}"
                async with grpc.aio.insecure_channel(target, options=options) as channel:
                    assert await split(channel) == {"v1": CALLS}
                    routes(control, 50, 50)
                    async with asyncio.timeout(10):
                        while await who(channel) != "v2":
                            pass
                    halves = await split(channel)
                    assert 60 <= halves["v2"] <= 140
                    control.write("routes.yaml", canary())
                    async with asyncio.timeout(10):
                        while await who(channel, ("x-canary", "yes")) != "v2" or (
                            "v2" in {await who(channel) for _ in range(10)}
                        ):
                            pass
                    assert await split(channel) == {"v1": CALLS}
                rejected = await running.stats("update_rejected")
                assert not any(rejected.values())
        finally:
            await control.stop()
