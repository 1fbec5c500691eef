"""Everything that runs: the control plane, the sample programs and the Envoys."""

import asyncio
import json
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc

from examples.demo import layout
from examples.demo.checks import Counters, counters
from examples.demo.greeter import TALLY
from examples.demo.layout import ADS, HTTP, METRICS, NAMESPACE, DemoError, Work, Workload
from examples.demo.processes import STEP_SECONDS, Child, Children, until_connects
from examples.demo.proto.greeter_pb2 import TallyReply, TallyRequest
from translators.bootstrap import Places, bootstrap, node_id
from translators.model import Interception, Proxy, ProxyType

START_SECONDS = 20.0
STATISTICS = r"(upstream_rq_retry|no_cluster|update_rejected)$"


@dataclass(frozen=True, slots=True)
class ProxyState:
    """What the control plane says of one proxy: the newest generation for it, and per type the
    one that it has acknowledged, with the number of refused resources."""

    name: str
    kind: str
    generation: int
    acked: Mapping[str, int | None]
    nacks: int
    held_back: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict of the control plane on an object."""

    kind: str
    name: str
    severity: str
    reason: str
    message: str
    remedy: str


class Fleet:
    """`start` and `add` return when all they started answers; `served` counts also what has
    been removed."""

    def __init__(self, work: Work, session: aiohttp.ClientSession) -> None:
        self.work = work
        self.children = Children(work.logs)
        self._session = session
        self._envoy = layout.envoy_binary()
        self._admins: dict[str, str] = {}
        self._programs: dict[str, Workload] = {}
        self._served: dict[str, int] = {}

    async def start(self) -> None:
        must_be_free()
        prepare(self.work)
        await asyncio.gather(
            self._control_plane(), *(self._program(w) for w in layout.RESIDENTS if w.version)
        )
        await asyncio.gather(*(self._proxy(w) for w in layout.RESIDENTS if w.sidecar))

    async def add(self, workload: Workload) -> None:
        await asyncio.gather(self._program(workload), self._proxy(workload))

    async def remove(self, workload: Workload) -> None:
        """End a workload that gets no more requests."""
        self._served[workload.name] = await self._tally(workload)
        del self._programs[workload.name]
        del self._admins[workload.name]
        await self.children.stop(f"envoy-{workload.name}")
        await self.children.stop(workload.name)

    async def proxies(self) -> list[ProxyState]:
        found = [_proxy_state(item) for item in await self._debug("proxies")]
        return sorted(found, key=lambda state: state.name)

    async def verdicts(self) -> list[Said]:
        fields = ("kind", "name", "severity", "reason", "message", "remedy")
        return [Said(*(item[field] for field in fields)) for item in await self._debug("verdicts")]

    async def counters(self) -> dict[str, Counters]:
        """Of each Envoy that runs, by workload."""
        names = list(self._admins)
        stats = await asyncio.gather(*(self._stats(self._admins[name]) for name in names))
        return {name: counters(found) for name, found in zip(names, stats, strict=True)}

    async def served(self) -> dict[str, int]:
        """Requests that each program has answered, as it counts them itself."""
        running = list(self._programs.values())
        tallies = await asyncio.gather(*(self._tally(workload) for workload in running))
        names = [workload.name for workload in running]
        return {**self._served, **dict(zip(names, tallies, strict=True))}

    async def _control_plane(self) -> None:
        command = [
            *(str(Path(sys.executable).with_name("meshpilot")), "serve"),
            *("--config-dir", str(self.work.config), "--state-dir", str(self.work.state)),
            *("--ads-address", _text(ADS), "--http-address", _text(HTTP)),
            *("--metrics-address", _text(METRICS)),
        ]
        child = await self.children.start("meshpilot", command)
        await self._until_ready(child, f"http://{_text(HTTP)}/ready")

    async def _program(self, workload: Workload) -> None:
        address = workload.program
        if address is None:
            return
        module = "examples.demo.web" if workload.app == "web" else "examples.demo.greeter"
        command = [
            *(sys.executable, "-m", module, "--listen", _text(address)),
            *("--version", workload.version, "--pod", workload.name),
        ]
        child = await self.children.start(workload.name, command)
        await until_connects(child, address)
        self._programs[workload.name] = workload

    async def _proxy(self, workload: Workload) -> None:
        name = f"envoy-{workload.name}"
        config = self.work.envoy / f"{workload.name}.json"
        admin = self.work.envoy / f"{workload.name}.admin"
        admin.unlink(missing_ok=True)
        config.write_text(json.dumps(bootstrap_of(workload), indent=2), encoding="utf-8")
        command = [
            *(str(self._envoy), "-c", str(config), "--use-dynamic-base-id", "--concurrency", "1"),
            *("--admin-address-path", str(admin), "--log-level", "info"),
            *("--drain-time-s", "45", "--drain-strategy", "immediate"),  # Istio's
        ]
        child = await self.children.start(name, command)
        url = f"http://{await _content(child, admin)}"
        await self._until_ready(child, f"{url}/ready")
        await until_connects(child, workload.entrance)
        self._admins[workload.name] = url

    async def _until_ready(self, child: Child, url: str) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                while True:
                    child.must_live()
                    try:
                        async with self._session.get(url) as response:
                            if response.status == 200:
                                return
                    except aiohttp.ClientError:
                        pass  # not listening yet
                    await asyncio.sleep(STEP_SECONDS)
        except TimeoutError:
            raise DemoError(f"{child.name} is not ready after {START_SECONDS:g} s") from None

    async def _debug(self, page: str) -> Any:
        async with self._session.get(f"http://{_text(HTTP)}/debug/{page}") as response:
            response.raise_for_status()
            return await response.json()

    async def _stats(self, admin: str) -> dict[str, int]:
        query = {"format": "json", "filter": STATISTICS}
        async with self._session.get(f"{admin}/stats", params=query) as response:
            page = json.loads(await response.text())
        return {
            item["name"]: item["value"]
            for item in page["stats"]
            if isinstance(item.get("value"), int)
        }

    async def _tally(self, workload: Workload) -> int:
        address = workload.program
        assert address is not None
        if workload.app == "web":
            async with self._session.get(f"http://{_text(address)}/tally") as response:
                return int((await response.json())["served"])
        async with grpc.aio.insecure_channel(
            _text(address), options=[("grpc.enable_http_proxy", 0)]
        ) as channel:
            ask: grpc.aio.UnaryUnaryMultiCallable[TallyRequest, TallyReply] = channel.unary_unary(
                TALLY,
                request_serializer=TallyRequest.SerializeToString,
                response_deserializer=TallyReply.FromString,
            )
            return (await ask(TallyRequest(), timeout=5.0)).served


def bootstrap_of(workload: Workload) -> Mapping[str, Any]:
    """How the Envoy of `workload` starts: what `meshpilot bootstrap` writes."""
    kind = ProxyType.ROUTER if workload is layout.INGRESS else ProxyType.SIDECAR
    proxy = Proxy(
        id=node_id(kind, ip=workload.ip, name=workload.name, namespace=NAMESPACE),
        type=kind,
        ip=workload.ip,
        name=workload.name,
        namespace=NAMESPACE,
        dns_domain=f"{NAMESPACE}.svc.cluster.local",
        ips=(workload.ip,),
        labels=workload.labels,
        service_account="default",
        interception=Interception.NONE,
    )
    return bootstrap(proxy, Places(discovery=ADS, admin=("127.0.0.1", 0)), workload=workload.app)


def must_be_free() -> None:
    """Raise when one of the demo's addresses cannot be listened on."""
    for owner, address in layout.addresses():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
                probe.listen()
            except OSError as error:
                raise DemoError(
                    f"{owner} cannot listen on {_text(address)}: {error.strerror}. "
                    "Is another demo running? (`ss -ltnp` tells who it is)"
                ) from error


def prepare(work: Work) -> None:
    """An empty work directory with the configuration of the story's start."""
    for directory in (work.config, work.state, work.logs, work.envoy, work.staging):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
    for path in sorted(layout.CONFIG.glob("*.yaml")):
        shutil.copy(path, work.config)


def _proxy_state(item: Mapping[str, Any]) -> ProxyState:
    types = item["types"]
    return ProxyState(
        name=item["proxy"].removesuffix(f".{NAMESPACE}"),
        kind=item["type"],
        generation=item["generation"],
        acked={one["type"]: one["generation"] for one in types},
        nacks=sum(len(one["nacks"]) for one in types),
        held_back=tuple(str(name) for one in types for name in one["held_back"]),
    )


async def _content(child: Child, path: Path) -> str:
    """The text of a file that `child` will write."""
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                child.must_live()
                if text := _text_of(path):
                    return text
                await asyncio.sleep(STEP_SECONDS)
    except TimeoutError:
        raise DemoError(f"{child.name} wrote no {path} in {START_SECONDS:g} s") from None


def _text_of(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _text(address: layout.Address) -> str:
    return f"{address[0]}:{address[1]}"
