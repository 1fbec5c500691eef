"""`meshpilot serve` as a process of its own: started, killed and started again."""

import asyncio
import json
import os
import random
import signal
import socket
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import yaml

from sds.tokens import LocalTokens
from translators.bootstrap import Proof

START_SECONDS = 20.0


# below the ports that the kernel gives to clients: nobody takes one while we are being restarted
_PORTS = range(20_000, 32_000)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free now. Envoys are told it before the control plane binds it."""
    for port in random.SystemRandom().sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise AssertionError(f"none of 100 ports of {host} is free")


@dataclass(slots=True)
class ControlPlane:
    """One control plane with a configuration directory; ports stay the same over restarts."""

    directory: Path
    flags: tuple[str, ...] = ()
    ads: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    metrics: int = field(default_factory=free_port)
    secure: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def config(self) -> Path:
        return self.directory / "config"

    @property
    def log(self) -> Path:
        return self.directory / "control.log"

    async def start(self) -> None:
        """Returns when /ready says so. A process that ends before is an error with its log."""
        self.config.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", "import cli; cli.main()", "serve"),
                *("--config-dir", str(self.config)),
                *("--state-dir", str(self.directory / "state")),
                *("--ads-address", f"127.0.0.1:{self.ads}"),
                *("--http-address", f"127.0.0.1:{self.http}"),
                *("--metrics-address", f"127.0.0.1:{self.metrics}"),
                *("--secure-address", f"127.0.0.1:{self.secure}"),
                *self.flags,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONWARNINGS": "default"},
                cwd=Path(__file__).parents[2],
            )
        async with asyncio.timeout(START_SECONDS):
            while not await self._ready():
                if self.process.returncode is not None:
                    raise AssertionError(f"meshpilot serve ended:\n{self.log.read_text()[-4000:]}")
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """As a crash would: nothing can be said or written any more."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(10):
                await self.process.wait()
        except TimeoutError:
            await self.kill()

    async def get(self, path: str) -> object:
        """A debug page."""
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{self.http}{path}") as answer,
        ):
            return json.loads(await answer.text())

    async def text(self, port: int, path: str) -> str:
        """A page as it is."""
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{port}{path}") as answer,
        ):
            return await answer.text()

    async def post(self, path: str) -> object:
        """Tell it to do something."""
        async with (
            aiohttp.ClientSession(headers={"X-Meshpilot": "1"}) as client,
            client.post(f"http://127.0.0.1:{self.http}{path}") as answer,
        ):
            return json.loads(await answer.text())

    async def proof(self, namespace: str, account: str) -> Proof:
        """What a proxy of this workload proves itself with, in files."""
        roots = self.directory / "roots.pem"
        found = await self.get("/debug/ca/roots")
        assert isinstance(found, dict)
        roots.write_text(found["roots"])
        token = self.directory / f"{namespace}.{account}.token"
        now = datetime.now(UTC)
        made = LocalTokens(self.directory / "state").issue(
            namespace, account, seconds=3600, now=now
        )
        token.write_text(made)
        return Proof(str(roots), "istiod.istio-system.svc", str(token))

    async def _ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as client,
                client.get(f"http://127.0.0.1:{self.http}/ready") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    def write(self, name: str, *documents: dict[str, object]) -> None:
        """Put a file in place by a rename, which counts at once."""
        self.config.mkdir(exist_ok=True)
        path = self.config / name
        temporary = self.directory / f".{name}.new"
        temporary.write_text(yaml.safe_dump_all(documents))
        temporary.replace(path)

    def remove(self, name: str) -> None:
        (self.config / name).unlink()
