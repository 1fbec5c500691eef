"""grpcio's own xDS server and client speak mutual TLS as policies say, by certificate provider."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_mtls_accepted import free_port, peers, rule
from tests.fakes import shop
from tests.fakes.certificates import Root
from tests.fakes.fixed_ads import fixed_ads
from tests.fakes.pipeline import Pipeline, proxy
from translators.model import Proxy

pytestmark = pytest.mark.e2e

ADDRESS = "127.0.91.11"
ROOT = Root.made()


def viewer(name: str, ip: str) -> Proxy:
    return proxy(name, ip=ip, generator="grpc")


def bootstrap(ads: int, directory: Path, name: str) -> str:
    pair = ROOT.pair("shop", name)
    files = {"certificate": pair.chain, "private_key": pair.key, "ca_certificate": ROOT.pem}
    config: dict[str, str] = {"refresh_interval": "1s"}
    for kind, content in files.items():
        path = directory / f"{name}-{kind}.pem"
        path.write_bytes(content)
        config[f"{kind}_file"] = str(path)
    return json.dumps(
        {
            "xds_servers": [
                {
                    "server_uri": f"127.0.0.1:{ads}",
                    "channel_creds": [{"type": "insecure"}],
                    "server_features": ["xds_v3"],
                }
            ],
            "node": {"id": f"sidecar~{ADDRESS}~{name}.shop~shop.svc.cluster.local"},
            "certificate_providers": {"default": {"plugin_name": "file_watcher", "config": config}},
            "server_listener_resource_name_template": "xds.istio.io/grpc/lds/inbound/%s",
        }
    )


@asynccontextmanager
async def process(what: str, target: str, boot: str) -> AsyncIterator[asyncio.StreamReader]:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.xds_pair", what, target),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "GRPC_XDS_BOOTSTRAP_CONFIG": boot, "GRPC_VERBOSITY": "NONE"},
        cwd=Path(__file__).parents[2],
    )
    assert started.stdout is not None
    assert started.stdin is not None
    try:
        yield started.stdout
    finally:
        started.stdin.close()
        async with asyncio.timeout(15):
            await started.wait()


async def line(output: asyncio.StreamReader) -> str:
    async with asyncio.timeout(20):
        return (await output.readline()).decode().strip()


@pytest.mark.parametrize(
    ("documents", "told", "direct"),
    [
        ((peers("DISABLE"),), "nobody", "nobody"),
        (
            (peers("STRICT"), rule("ISTIO_MUTUAL")),
            "spiffe://cluster.local/ns/shop/sa/client",
            "UNAVAILABLE",
        ),
        ((peers("STRICT"),), "UNAVAILABLE", "UNAVAILABLE"),
    ],
    ids=["disable", "strict", "strict-without-rule"],
)
async def test_policies(
    documents: tuple[Mapping[str, Any], ...], told: str, direct: str, tmp_path: Path
) -> None:
    port = free_port()
    made = Pipeline()
    service = shop.service("web", {"app": "web"})
    service["spec"]["ports"] = [{"name": "grpc", "port": 7070, "targetPort": port}]
    made.put(service, shop.pod("web", ADDRESS, app="web"), *map(dict, documents))
    server, client = viewer("web", ADDRESS), viewer("client", "127.0.91.12")
    async with (
        fixed_ads(made.packed(server)) as (_, server_ads),
        fixed_ads(made.packed(client)) as (refused, client_ads),
        process("serve", f"{ADDRESS}:{port}", bootstrap(server_ads, tmp_path, "web")) as ready,
    ):
        assert await line(ready) == "ready"
        boot = bootstrap(client_ads, tmp_path, "client")
        async with process("call", "web.shop.svc.cluster.local:7070", boot) as answer:
            assert (await line(answer)).startswith(told)
        async with process("plain", f"{ADDRESS}:{port}", boot) as answer:
            assert (await line(answer)).startswith(direct)
        assert refused.nacks == []
