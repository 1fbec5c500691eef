"""A real Envoy serves what a router is sent for TLS: by name, with certificates over SDS."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from controlplane.convergence import secrets_of
from tests.e2e.test_translators_accepted import backend
from tests.fakes import keys, shop
from tests.fakes.edges import EDGE, bound, gateway, plain, server
from tests.fakes.envoy import Envoy, envoy
from tests.fakes.fixed_ads import FixedAds, fixed_ads
from tests.fakes.pipeline import Pipeline
from translators import lds, sds
from translators.bootstrap import Places, bootstrap
from translators.wire import LISTENER, SECRET, Packed

pytestmark = pytest.mark.e2e

CALLER = keys.pair("caller.example.com")
OTHER = keys.pair("other.example.com")
FOREIGN = keys.pair("caller.example.com", "elsewhere")
HOSTS = tuple(
    f"{name}.example.com" for name in ("simple", "mutual", "optional", "pinned", "open", "lost")
)
Resources = Mapping[str, Mapping[str, Packed]]


def servers() -> list[dict[str, Any]]:
    mutual = {"credentialName": "both", "subjectAltNames": ["caller.example.com"]}
    suites = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ROT13"]
    return [
        server("simple", HOSTS[0], mode="SIMPLE", credentialName="own", cipherSuites=suites),
        server("mutual", HOSTS[1], mode="MUTUAL", minProtocolVersion="TLSV1_3", **mutual),
        server("optional", HOSTS[2], mode="OPTIONAL_MUTUAL", credentialName="both"),
        server(
            "pinned",
            HOSTS[3],
            mode="MUTUAL",
            credentialName="both",
            verifyCertificateSpki=[keys.spki(CALLER)],
        ),
        server("open", HOSTS[4], mode="MUTUAL", credentialName="own", insecureSkipVerify=True),
        server("lost", HOSTS[5], mode="SIMPLE", credentialName="nowhere"),
        plain("http", HOSTS[0], httpsRedirect=True),
    ]


def mesh(port: int) -> Pipeline:
    made = Pipeline()
    service = shop.service("web", {"app": "web"})
    service["spec"]["ports"] = [{"name": "http", "port": 80, "targetPort": port}]
    slices = shop.slice_of("web", "v1")
    slices["endpoints"][0]["addresses"] = ["127.0.0.1"]
    slices["ports"][0]["port"] = port
    written = [{**one, "bind": "127.0.0.1"} for one in servers()]
    made.put(
        service,
        shop.pod("v1", "127.0.0.1", app="web"),
        slices,
        keys.tls_secret("own", keys.pair(HOSTS[0])),
        keys.tls_secret("both", keys.pair(HOSTS[1]), ca_crt=keys.roots(), ca_crl=keys.revoked()),
        bound(*HOSTS),
        gateway(*written),
    )
    return made


def resources(made: Pipeline) -> Resources:
    """What the router holds. Listeners take free ports."""
    view = made.view(EDGE)
    listeners = {n: replace(one, port=0) for n, one in view.listeners.items()}
    packed = dict(made.packed(EDGE))
    packed[LISTENER] = {n: lds.translate(one) for n, one in listeners.items()}
    given = secrets_of(made.world.mesh, EDGE)
    packed[SECRET] = {name: sds.secret(name, content) for name, content in given.items()}
    # the router's own identity, for what it sends to services of the mesh
    own = keys.pair("edge")
    packed[SECRET]["default"] = sds.certificate("default", chain=own.certificate, key=own.key)
    packed[SECRET]["ROOTCA"] = sds.trust("ROOTCA", roots=keys.roots())
    return packed


@asynccontextmanager
async def running(found: Resources, directory: Path) -> AsyncIterator[tuple[Envoy, FixedAds]]:
    async with fixed_ads(found) as (ads, port):
        content = bootstrap(EDGE, Places(("127.0.0.1", port)))
        content = json.loads(json.dumps(content).replace("DELTA_GRPC", "GRPC"))
        async with envoy(content, directory) as started:
            await started.wait_ready()
            yield started, ads


def caller(directory: Path, pair: keys.Pair | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=keys.roots().decode())
    context.check_hostname = False  # the certificate is looked at by hand
    if pair is not None:
        chain, key = directory / "caller.pem", directory / "caller.key"
        chain.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        context.load_cert_chain(chain, key)
    return context


async def test_chains_by_name(tmp_path: Path) -> None:
    async with backend("v1") as port:
        made = mesh(port)
        found = resources(made)
        async with running(found, tmp_path) as (started, ads):
            assert ads.nacks == []
            assert ads.asked[SECRET] == set(found[SECRET])
            stats = await started.stats()
            assert {n: v for n, v in stats.items() if n.endswith("rejected") and v} == {}
            assert stats["listener_manager.total_listeners_warming"] == 0
            bound_to = await started.listener_ports()
            secure, open_ = (bound_to[f"127.0.0.1_{number}"] for number in (443, 80))

            async def ask(host: str, pair: keys.Pair | None = None) -> int:
                async with (
                    aiohttp.ClientSession() as session,
                    session.get(
                        f"https://127.0.0.1:{secure}/",
                        headers={"Host": host},
                        ssl=caller(tmp_path, pair),
                        server_hostname=host,
                    ) as response,
                ):
                    return response.status

            assert await ask(HOSTS[0]) == 200
            assert await ask(HOSTS[1], CALLER) == 200
            assert await ask(HOSTS[2]) == await ask(HOSTS[2], OTHER) == 200
            assert await ask(HOSTS[3], CALLER) == 200
            assert await ask(HOSTS[4]) == await ask(HOSTS[4], FOREIGN) == 200
            for host, pair in (
                (HOSTS[1], None),
                (HOSTS[1], OTHER),
                (HOSTS[1], FOREIGN),
                (HOSTS[2], FOREIGN),
                (HOSTS[3], None),
                (HOSTS[3], OTHER),
                (HOSTS[5], None),
            ):
                with pytest.raises(aiohttp.ClientError):
                    await ask(host, pair)
            async with (
                aiohttp.ClientSession() as session,
                session.get(
                    f"http://127.0.0.1:{open_}/", headers={"Host": HOSTS[0]}, allow_redirects=False
                ) as response,
            ):
                assert response.status == 301
                assert response.headers["location"].startswith(f"https://{HOSTS[0]}")
