"""grpcio's own xDS client against us: it resolves a service and follows a change of weights."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.fakes import shop
from tests.fakes.control import ControlPlane

PORT = 7070
ADDRESSES = {"v1": "127.0.61.1", "v2": "127.0.61.2"}
HOST = "greeter.shop.svc.cluster.local"


@asynccontextmanager
async def servers() -> AsyncIterator[None]:
    """A gRPC server for each version, which answers with its name."""
    running = []
    for name, address in ADDRESSES.items():

        async def answer(_: bytes, context: Any, name: str = name) -> bytes:
            return name.encode()

        server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(answer)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("shop.Web", {"Who": handler}),)
        )
        server.add_insecure_port(f"{address}:{PORT}")
        await server.start()
        running.append(server)
    try:
        yield
    finally:
        for server in running:
            await server.stop(None)


def write(control: ControlPlane) -> None:
    service = shop.service("greeter", {"app": "greeter"})
    service["spec"]["ports"] = [{"name": "grpc", "port": PORT}]
    rule = shop.rule({"v1": "v1", "v2": "v2"})
    rule["spec"]["host"] = "greeter"
    control.write(
        "mesh.yaml",
        service,
        rule,
        *(shop.pod(n, a, app="greeter", version=n) for n, a in ADDRESSES.items()),
    )
    routes(control, 100, 0)


def routes(control: ControlPlane, one: int, other: int) -> None:
    document = shop.routes("0", ("greeter", "v1", one), ("greeter", "v2", other), gateways=False)
    document["spec"]["hosts"] = [HOST]
    control.write("routes.yaml", document)


def node_bootstrap(control: ControlPlane) -> str:
    return json.dumps(
        {
            "xds_servers": [
                {
                    "server_uri": f"127.0.0.1:{control.ads}",
                    "channel_creds": [{"type": "insecure"}],
                    "server_features": ["xds_v3"],
                }
            ],
            "node": {
                "id": "sidecar~127.0.61.9~caller.shop~shop.svc.cluster.local",
                "metadata": {
                    "GENERATOR": "grpc",
                    "NAMESPACE": "shop",
                    "INSTANCE_IPS": "127.0.61.9",
                },
            },
        }
    )


@asynccontextmanager
async def caller(control: ControlPlane, target: str) -> AsyncIterator[asyncio.StreamReader]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.xds_caller", target),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "GRPC_XDS_BOOTSTRAP_CONFIG": node_bootstrap(control)},
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process.stdout
    finally:
        process.stdin.close()
        async with asyncio.timeout(10):
            await process.stdout.read()
            await process.wait()


async def answers(output: asyncio.StreamReader, number: int) -> Counter[str]:
    async with asyncio.timeout(20):
        return Counter([(await output.readline()).decode().strip() for _ in range(number)])


async def until(output: asyncio.StreamReader, wanted: str) -> None:
    """Read answers until one is `wanted`; errors count as answers that fail the test."""
    async with asyncio.timeout(20):
        while (line := (await output.readline()).decode().strip()) != wanted:
            assert line in ADDRESSES, line


@pytest.mark.e2e
@pytest.mark.parametrize("target", [f"{HOST}:{PORT}", f"greeter:{PORT}"], ids=["fqdn", "short"])
async def test_a_grpc_client_resolves_a_service_and_follows_its_weights(
    target: str, tmp_path: Path
) -> None:
    control = ControlPlane(tmp_path)
    write(control)
    async with servers():
        await control.start()
        try:
            async with caller(control, target) as output:
                assert await answers(output, 30) == {"v1": 30}
                routes(control, 0, 100)
                await until(output, "v2")
                assert await answers(output, 30) == {"v2": 30}
                routes(control, 50, 50)
                await until(output, "v1")
                split = await answers(output, 200)
            assert split.keys() == set(ADDRESSES)
            assert 60 <= split["v1"] <= 140
        finally:
            await control.stop()
        assert "nack" not in control.log.read_text()
