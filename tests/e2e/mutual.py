"""gRPC through two sidecars that get their certificates from the control plane: what each call
proved, and until when that was good. Shared by tests, the soak and the demo's checks."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.fakes import shop
from tests.fakes.agent import Agent, agent, with_agent
from tests.fakes.control import ControlPlane, free_port
from tests.fakes.envoy import Envoy, envoy
from translators.bootstrap import Places, bootstrap, node_id
from translators.model import Interception, Proxy, ProxyType

SERVER: Final = "127.0.62.1"
CLIENT: Final = "127.0.62.2"
HOST: Final = "greeter.shop.svc.cluster.local"
METHOD: Final = "/shop.Greeter/Hello"
SERVER_ID: Final = "spiffe://cluster.local/ns/shop/sa/greeter"
CLIENT_ID: Final = "spiffe://cluster.local/ns/shop/sa/caller"
_NO_AGENTS: Final[Mapping[str, int]] = {}
_HASH: Final = re.compile(r"Hash=([0-9a-f]{64})")


@dataclass(slots=True)
class Call:
    """One answer. `client` is the SHA-256 of the caller's certificate as the server's sidecar saw
    it, "" where none was shown; `server_end` is when the server's certificate ends."""

    at: datetime
    client: str
    server: str
    server_end: datetime | None


@dataclass(slots=True)
class Scene:
    """Two sidecars, a server behind one, calls through the other."""

    control: ControlPlane
    client: Envoy
    server: Envoy
    port: int
    calls: list[Call] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    ends: dict[str, datetime] = field(default_factory=dict)  # of certificates seen, by SHA-256
    owners: dict[str, str] = field(default_factory=dict)
    agents: list[Agent] = field(default_factory=list)
    _stopping: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, *, rate: float = 100.0, workers: int = 4) -> None:
        loop = asyncio.get_running_loop()
        for number in range(workers):
            work = self._work(workers / rate, kept=number % 2 == 0)
            self._tasks.append(loop.create_task(work, name=f"caller-{number}"))
        self._tasks.append(loop.create_task(self._watch(), name="certificates"))

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def some(self, number: int = 20) -> list[Call]:
        """So many calls that begin from now on."""
        before = len(self.calls)
        async with asyncio.timeout(30):
            while len(self.calls) < before + number:
                self._answered.clear()
                await self._answered.wait()
        return self.calls[before:]

    async def until(self, condition: Any, what: str, *, seconds: float = 20.0) -> None:
        """Until a call is as `condition` wants it."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    if any(condition(call) for call in await self.some(1)):
                        return
        except TimeoutError:
            raise AssertionError(f"no call shows {what}: {self.calls[-1:]}") from None

    def certificates(self, proxy: str) -> set[str]:
        """The certificates that were made for a proxy while somebody looked."""
        return {digest for digest, owner in self.owners.items() if owner == proxy}

    def expired(self) -> list[Call]:
        """Calls on a connection whose certificate, either side's, had ended."""
        return [
            call
            for call in self.calls
            if (call.server_end is not None and call.at > call.server_end)
            or (call.client in self.ends and call.at > self.ends[call.client])
        ]

    def renewed_without_loss(self, *, seconds: float, ttl: float) -> None:
        """Assert that nothing failed in `seconds`, that no connection outlived a certificate of
        `ttl` seconds, and that the server's side saw every renewal."""
        assert not self.failures, self.failures[:5]
        assert not self.expired(), self.expired()[:5]
        assert all(call.client and call.server == SERVER_ID for call in self.calls)
        assert len(self.calls) >= seconds * 50
        made = self.certificates("caller.shop")
        # renewed at half of its life at the latest
        least = int(seconds / (ttl / 2))
        assert len(made) >= least
        seen = {call.client for call in self.calls}
        # the last may not be in use yet
        assert len(made - seen) <= 1
        assert len({call.server_end for call in self.calls}) >= least

    async def _work(self, interval: float, *, kept: bool) -> None:
        options = [
            ("grpc.default_authority", HOST),
            ("grpc.enable_retries", 0),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        channel = None
        while not self._stopping:
            await asyncio.sleep(interval)
            if channel is None:
                channel = grpc.aio.insecure_channel(f"{CLIENT}:{self.port}", options=options)
            call = channel.unary_unary(METHOD)(b"", timeout=10)
            try:
                seen = (await call).decode()
                headers = dict(await call.initial_metadata())
            except grpc.aio.AioRpcError as error:
                self.failures.append(f"{error.code().name}: {error.details()}")
                self._answered.set()
                continue
            found = _HASH.search(seen)
            self.calls.append(
                Call(
                    datetime.now(UTC),
                    found[1] if found else "",
                    headers.get("x-server", ""),
                    _time(headers.get("x-server-end", "")),
                )
            )
            self._answered.set()
            if not kept:
                await channel.close()
                channel = None
        if channel is not None:
            await channel.close()

    async def _watch(self) -> None:
        while not self._stopping:
            await self.look()
            await asyncio.sleep(0.3)

    async def look(self) -> None:
        """Note the certificates that are in force now."""
        for helper in self.agents:
            self.ends |= helper.issued
            self.owners |= dict.fromkeys(helper.issued, "agent")
        try:
            found: Any = await self.control.get("/debug/certs")
        except OSError:
            return  # it is being restarted
        for one in found:
            if "chain" in one:
                leaf = x509.load_pem_x509_certificate(one["chain"].encode())
                digest = leaf.fingerprint(hashes.SHA256()).hex()
                self.ends[digest] = leaf.not_valid_after_utc
                self.owners[digest] = one["proxy"]


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text and text != "-" else None


def proxy(name: str, ip: str, account: str) -> Proxy:
    return Proxy(
        id=node_id(ProxyType.SIDECAR, ip=ip, name=name, namespace=shop.NAMESPACE),
        type=ProxyType.SIDECAR,
        ip=ip,
        name=name,
        namespace=shop.NAMESPACE,
        dns_domain=f"{shop.NAMESPACE}.svc.cluster.local",
        ips=(ip,),
        labels={"app": name},
        service_account=account,
        interception=Interception.NONE,
    )


def documents(port: int, *, capable: bool = True) -> tuple[shop.Document, ...]:
    """The mesh; `capable`: the server's Pod says that it takes mutual TLS."""
    service = shop.service("greeter", {"app": "greeter"})
    service["spec"]["ports"] = [{"name": "grpc", "port": port}]
    labels = {"security.istio.io/tlsMode": "istio"} if capable else {}
    sidecar = shop.sidecar(port)
    sidecar["spec"]["workloadSelector"] = {"labels": {"app": "caller"}}
    sidecar["spec"]["egress"][0] |= {
        "bind": CLIENT,
        "port": {"number": port, "protocol": "GRPC", "name": "grpc"},
    }
    routes = shop.routes("1", ("greeter", "", 100), gateways=False)
    routes["spec"]["hosts"] = [HOST]
    routes["spec"]["http"][0]["headers"]["response"]["set"] |= {
        "x-server": "%UPSTREAM_PEER_URI_SAN%",
        "x-server-end": "%UPSTREAM_PEER_CERT_V_END%",
    }
    server = shop.pod("greeter", SERVER, app="greeter", **labels)
    client = shop.pod("caller", CLIENT, app="caller")
    client["spec"]["serviceAccountName"] = "caller"
    return service, server, client, sidecar, routes


def peers(mode: str, **more: Any) -> shop.Document:
    """A PeerAuthentication of the namespace."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": shop.meta("default"),
        "spec": {"mtls": {"mode": mode}, **more},
    }


@asynccontextmanager
async def greeter(port: int) -> AsyncIterator[None]:
    """A gRPC server on this machine that answers with what its sidecar says of the caller."""

    async def hello(_: bytes, context: Any) -> bytes:
        metadata = dict(context.invocation_metadata())
        return str(metadata.get("x-forwarded-client-cert", "")).encode()

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(hello)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("shop.Greeter", {"Hello": handler}),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


@asynccontextmanager
async def scene(
    directory: Path,
    *,
    flags: tuple[str, ...] = (),
    capable: bool = True,
    drain: int = 1,
    agents: Mapping[str, int] = _NO_AGENTS,
) -> AsyncIterator[Scene]:
    """Everything up and calls flowing; they are stopped at the end. Of the proxies `agents`, an
    agent holds the key, and asks for certificates of so many seconds."""
    control, port = ControlPlane(directory, flags), free_port()
    control.write("mesh.yaml", *documents(port, capable=capable))
    await control.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(control.stop)
        await stack.enter_async_context(greeter(port))
        running = []
        kept: list[Agent] = []
        for name, ip, account in (("greeter", SERVER, "greeter"), ("caller", CLIENT, "caller")):
            proof = await control.proof(shop.NAMESPACE, account)
            places = Places(discovery=("127.0.0.1", control.secure), proof=proof)
            boot: dict[str, Any] = bootstrap(proxy(name, ip, account), places)
            if name in agents:
                helper = await stack.enter_async_context(
                    agent(proof, control.secure, directory, seconds=agents[name])
                )
                boot = with_agent(boot, helper.socket)
                kept.append(helper)
            one = await stack.enter_async_context(
                envoy(boot, directory, name=name, drain_seconds=drain)
            )
            await one.wait_ready()
            running.append(one)
        server, client = running
        made = Scene(control, client, server, port, agents=kept)
        made.start()
        try:
            yield made
        finally:
            await made.stop()
