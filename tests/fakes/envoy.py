"""A real Envoy beside a test: started from a bootstrap, asked over its admin, stopped by pid."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 20.0
STOP_SECONDS = 10.0
STEP_SECONDS = 0.01


class EnvoyError(AssertionError):
    """Envoy is missing, did not start or went away; the text has the end of its log."""


def envoy_binary() -> Path:
    """MESHPILOT_ENVOY, else what `make envoy` installed: the program itself, not its launcher."""
    if configured := os.environ.get("MESHPILOT_ENVOY"):
        path = Path(configured)
        if path.is_file():
            return path
        raise EnvoyError(f"MESHPILOT_ENVOY is {configured}, which is not a file")
    home = REPOSITORY / ".envoy"
    for path in sorted(home.glob("lib/python*/site-packages/envoy/_bin/envoy")):
        return path
    path = home / "bin" / "envoy"
    if path.is_file():
        return path
    raise EnvoyError(f"no Envoy in {home}: run make envoy")


async def validate(bootstrap: Mapping[str, Any], directory: Path) -> None:
    """Let Envoy read the bootstrap as it would at its start; raise what it complains of."""
    path = directory / "validate.json"
    path.write_text(json.dumps(bootstrap), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        envoy_binary(),
        *("--mode", "validate", "-c", str(path), "--log-level", "warning"),
        *("--use-dynamic-base-id", "--concurrency", "1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise EnvoyError(f"validation took longer than {START_SECONDS} s") from None
    if process.returncode != 0:
        raise EnvoyError(output.decode(errors="replace"))


@dataclass(frozen=True)
class Envoy:
    """One running Envoy. `admin` is the base URL of its admin port."""

    process: asyncio.subprocess.Process
    admin: str
    log: Path
    session: aiohttp.ClientSession

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def get(self, path: str, **query: str) -> str:
        """The text of an admin page."""
        async with self.session.get(self.admin + path, params=query) as response:
            response.raise_for_status()
            return await response.text()

    async def post(self, path: str, **query: str) -> str:
        async with self.session.post(self.admin + path, params=query) as response:
            response.raise_for_status()
            return await response.text()

    async def stats(self, name: str = "") -> dict[str, int]:
        """Counters and gauges whose names match the regular expression `name`."""
        query = {"format": "json"} | ({"filter": name} if name else {})
        page = json.loads(await self.get("/stats", **query))
        # histograms have no value, and that of a text readout is no number
        return {
            item["name"]: item["value"]
            for item in page["stats"]
            if isinstance(item.get("value"), int)
        }

    async def stat(self, name: str) -> int:
        """One counter or gauge; 0 while Envoy has not made it."""
        pattern = "^" + "".join(f"\\{c}" if c in r".|()[]*+?^$\{}" else c for c in name) + "$"
        return (await self.stats(pattern)).get(name, 0)

    async def config_dump(self, **query: str) -> dict[str, Any]:
        """The whole dump, or what `resource=` or `mask=` ask for."""
        page: dict[str, Any] = json.loads(await self.get("/config_dump", **query))
        return page

    async def listener_ports(self) -> dict[str, int]:
        """The bound port of each listener that binds one."""
        page = json.loads(await self.get("/listeners", format="json"))
        return {
            item["name"]: item["local_address"]["socket_address"]["port_value"]
            for item in page.get("listener_statuses", [])
        }

    async def ready(self) -> bool:
        try:
            async with self.session.get(self.admin + "/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Until Envoy is LIVE: it has its first clusters and listeners."""
        try:
            async with asyncio.timeout(seconds):
                while not await self.ready():
                    self.must_live()
                    await asyncio.sleep(STEP_SECONDS)
        except TimeoutError:
            raise EnvoyError(f"not ready after {seconds} s\n{self.tail()}") from None

    async def wait_stat(self, name: str, least: int, seconds: float = START_SECONDS) -> int:
        """Until the counter or gauge has reached `least`."""
        value = -1
        try:
            async with asyncio.timeout(seconds):
                while (value := await self.stat(name)) < least:
                    self.must_live()
                    await asyncio.sleep(STEP_SECONDS)
        except TimeoutError:
            raise EnvoyError(f"{name} is {value}, not {least}\n{self.tail()}") from None
        return value

    def must_live(self) -> None:
        if not self.alive:
            raise EnvoyError(f"Envoy ended with {self.process.returncode}\n{self.tail()}")

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def stop(self) -> None:
        """End it: politely, then not. Does nothing when it is gone."""
        if not self.alive:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def envoy(
    bootstrap: Mapping[str, Any],
    directory: Path,
    *,
    name: str = "envoy",
    drain_seconds: int = 1,
    log_level: str = "info",
    concurrency: int = 1,
) -> AsyncIterator[Envoy]:
    """A running Envoy whose admin port, a free one of 127.0.0.1, answers.

    Files are written to `directory` under `name`. It is not yet ready in the sense of `ready()`:
    that may need a control plane.
    """
    config, admin = directory / f"{name}.json", directory / f"{name}.admin"
    log = directory / f"{name}.log"
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    whole = {**bootstrap, "admin": {**bootstrap.get("admin", {}), "address": address}}
    config.write_text(json.dumps(whole), encoding="utf-8")
    admin.unlink(missing_ok=True)
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            envoy_binary(),
            *("-c", str(config), "--use-dynamic-base-id", "--concurrency", str(concurrency)),
            *("--admin-address-path", str(admin), "--log-level", log_level),
            *("--drain-time-s", str(drain_seconds), "--drain-strategy", "immediate"),
            stdout=sink,
            stderr=sink,
        )
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        running = Envoy(process=process, admin="", log=log, session=session)
        try:
            yield Envoy(process, await _admin_url(running, admin), log, session)
        finally:
            await running.stop()


async def _admin_url(running: Envoy, path: Path) -> str:
    try:
        async with asyncio.timeout(START_SECONDS):
            while not (text := _content(path)):
                running.must_live()
                await asyncio.sleep(STEP_SECONDS)
    except TimeoutError:
        raise EnvoyError(f"no admin address after {START_SECONDS} s\n{running.tail()}") from None
    return f"http://{text.strip()}"


def _content(path: Path) -> str:
    """The text of a file that may not be there yet, or be empty still."""
    return path.read_text() if path.exists() else ""
