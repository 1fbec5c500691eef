"""No request is lost, whatever changes and in whatever order: real Envoys under real traffic."""

from pathlib import Path

import pytest

from tests.e2e.hitless import CYCLES, scene
from translators.model import ProxyType

REPEATS = 3
RATE = 200.0  # requests a second, at the least


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.parametrize("kind", [ProxyType.SIDECAR, ProxyType.ROUTER], ids=lambda kind: kind.value)
async def test_no_request_is_lost(kind: ProxyType, tmp_path: Path) -> None:
    async with scene(kind, tmp_path) as running:
        for name, cycle in CYCLES.items():
            for repeat in range(REPEATS):
                before = len(running.traffic.failures)
                await cycle(running)
                lost = running.traffic.failures[before:]
                assert not lost, f"{name}, cycle {repeat + 1}: {lost[:5]}\n{running.proxy.tail()}"
        stats = await running.proxy.stats()
    traffic = running.traffic
    assert not traffic.failures
    assert traffic.sent / traffic.seconds >= RATE
    assert traffic.sent == sum(traffic.served.values()) + traffic.pardoned
    assert (traffic.pardoned > 0) is (kind is ProxyType.ROUTER)
    assert {"v1", "v2", "v1b", "v2b", "next"} <= traffic.served.keys()
    rejected = {name: n for name, n in stats.items() if name.endswith("update_rejected") and n}
    assert not rejected
