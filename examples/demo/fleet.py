"""Everything that runs: the control plane, the sample programs and the Envoys."""

import asyncio
import json
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
from examples.demo.ground import bootstrap_of, must_be_free, prepare, proof_of
from examples.demo.layout import (
    ADS,
    CERT_SECONDS,
    HTTP,
    METRICS,
    NAMESPACE,
    SECURE,
    DemoError,
    Work,
    Workload,
    text,
)
from examples.demo.processes import STEP_SECONDS, Child, Children, until_connects
from examples.demo.proto.greeter_pb2 import TallyReply, TallyRequest
from examples.demo.trust import Certificate, Rotation, certificate, made, rotation

START_SECONDS = 20.0
MESHPILOT = str(Path(sys.executable).with_name("meshpilot"))
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
        self._proxies = 0

    async def start(self) -> None:
        must_be_free()
        prepare(self.work)
        await asyncio.gather(
            self._control_plane(), *(self._program(w) for w in layout.RESIDENTS if w.version)
        )
        self.work.roots.write_text((await self._debug("ca/roots"))["roots"], encoding="ascii")
        await asyncio.gather(*(self._proxy(w) for w in layout.RESIDENTS))

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

    async def switching(self) -> bool:
        """Whether a change of mTLS modes is under way."""
        return (await self._debug("world"))["switching"] is not None

    async def certificates(self) -> list[Certificate]:
        """Of the connected proxies, what was made for each last."""
        return sorted(map(certificate, await self._debug("certs")), key=lambda one: one.name)

    async def rotation(self) -> Rotation:
        return rotation(await self._debug("ca"))

    async def rotate(self) -> Rotation:
        """As an operator does: `meshpilot ca rotate`."""
        process = await asyncio.create_subprocess_exec(
            *(MESHPILOT, "ca", "rotate", "--address", f"http://{text(HTTP)}", "-o", "json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise DemoError(f"meshpilot ca rotate: {output.decode(errors='replace').strip()}")
        return rotation(json.loads(output))

    async def renewals(self) -> int:
        """Certificates that were made in the place of others."""
        async with self._session.get(f"http://{text(METRICS)}/metrics") as response:
            return made(await response.text()) - self._proxies

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
            *(MESHPILOT, "serve"),
            *("--config-dir", str(self.work.config), "--state-dir", str(self.work.state)),
            *("--ads-address", text(ADS), "--http-address", text(HTTP)),
            *("--metrics-address", text(METRICS), "--secure-address", text(SECURE)),
            *("--workload-cert-ttl", str(CERT_SECONDS)),
        ]
        child = await self.children.start("meshpilot", command)
        await self._until_ready(child, f"http://{text(HTTP)}/ready")

    async def _program(self, workload: Workload) -> None:
        address = workload.program
        if address is None:
            return
        module = "examples.demo.web" if workload.app == "web" else "examples.demo.greeter"
        command = [
            *(sys.executable, "-m", module, "--listen", text(address)),
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
        boot = bootstrap_of(workload, proof_of(self.work, workload))
        config.write_text(json.dumps(boot, indent=2), encoding="utf-8")
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
        self._proxies += 1

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
        async with self._session.get(f"http://{text(HTTP)}/debug/{page}") as response:
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
            async with self._session.get(f"http://{text(address)}/tally") as response:
                return int((await response.json())["served"])
        async with grpc.aio.insecure_channel(
            text(address), options=[("grpc.enable_http_proxy", 0)]
        ) as channel:
            ask: grpc.aio.UnaryUnaryMultiCallable[TallyRequest, TallyReply] = channel.unary_unary(
                TALLY,
                request_serializer=TallyRequest.SerializeToString,
                response_deserializer=TallyReply.FromString,
            )
            return (await ask(TallyRequest(), timeout=5.0)).served


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
                if found := _text_of(path):
                    return found
                await asyncio.sleep(STEP_SECONDS)
    except TimeoutError:
        raise DemoError(f"{child.name} wrote no {path} in {START_SECONDS:g} s") from None


def _text_of(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""
