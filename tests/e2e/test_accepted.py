"""Accepted means it works: a real Envoy takes everything that the golden cases yield."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.control import ControlPlane
from tests.fakes.envoy import envoy
from tests.fakes.pipeline import proxy
from tests.golden.golden import cases
from translators.bootstrap import Places, bootstrap
from translators.model import Interception, Proxy, ProxyType


def viewer(entry: dict[str, Any]) -> Proxy:
    return proxy(
        entry["name"],
        namespace=entry.get("namespace", "shop"),
        ip=entry.get("ip", "127.0.70.99"),
        kind=ProxyType(entry.get("type", "sidecar")),
        labels=entry.get("labels"),
        interception=Interception(entry.get("interception", "REDIRECT")),
    )


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
async def test_envoy_takes_what_we_accept(case: Path, tmp_path: Path) -> None:
    head, *documents = yaml.safe_load_all((case / "in.yaml").read_text())
    control = ControlPlane(tmp_path)
    control.write("in.yaml", *documents)
    await control.start()
    try:
        for entry in head["proxies"]:
            if entry.get("generator"):
                continue  # a gRPC client, no Envoy
            boot = bootstrap(viewer(entry), Places(discovery=("127.0.0.1", control.ads)))
            async with envoy(boot, tmp_path, name=entry["name"]) as running:
                await running.wait_ready()
                stats = await running.stats()
            counted = ("update_rejected", "listener_create_failure")
            bad = {name: n for name, n in stats.items() if name.endswith(counted) and n}
            assert not bad, running.tail()
            assert stats["cluster_manager.active_clusters"] > 1
        assert '"nack"' not in control.log.read_text()
    finally:
        await control.stop()
