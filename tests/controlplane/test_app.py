"""Everything together, from settings to ports, and how it ends."""

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest
import yaml

from controlplane import app
from controlplane.settings import Settings
from controlplane.sources.lastgood import FILE
from tests.fakes import shop


def settings(directory: Path, **changed: object) -> Settings:
    config = directory / "config"
    config.mkdir(exist_ok=True)
    whole: dict[str, object] = {
        "config_dir": config,
        "state_dir": directory / "state",
        "ads_address": "127.0.0.1:0",
        "http_address": "127.0.0.1:0",
        "metrics_address": "127.0.0.1:0",
        "secure_address": "127.0.0.1:0",
        **changed,
    }
    return Settings(**whole)  # type: ignore[arg-type]


async def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    (wanted.config_dir / "a.yaml").write_text(yaml.safe_dump(shop.service("web", {})))
    ports: list[app.Listening] = []

    async def started(listening: app.Listening) -> None:
        ports.append(listening)
        base = f"http://127.0.0.1:{listening.http}"
        async with aiohttp.ClientSession() as client, asyncio.timeout(20):
            while True:
                async with client.get(f"{base}/ready") as answer:
                    if answer.status == 200:
                        break
            async with client.get(f"{base}/debug/world") as answer:
                assert (await answer.json())["accepted"] == {"Service": 1}
            async with client.get(f"http://127.0.0.1:{listening.metrics}/metrics") as answer:
                assert "meshpilot_generation 1.0" in (await answer.text()).splitlines()
        os.kill(os.getpid(), signal.SIGTERM)

    await app.run(wanted, started=started)
    (listening,) = ports
    assert len({listening.ads, listening.http, listening.metrics}) == 3
    # what was in force is kept for the next start, readable by nobody else
    state = tmp_path / "state"
    assert state.stat().st_mode & 0o777 == 0o700
    assert "web" in (state / FILE).read_text()
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.get(f"http://127.0.0.1:{listening.http}/ready")


async def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    wanted = settings(tmp_path, config_dir=tmp_path / "none")
    with pytest.raises(NotADirectoryError, match="none is no directory"):
        await app.run(wanted)


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for name in ("http_address", "metrics_address", "ads_address"):
        with pytest.raises(OSError, match=str(port)):
            await app.run(settings(tmp_path, **{name: f"127.0.0.1:{port}"}))
    server.close()
    await server.wait_closed()
