"""Certificates of 20 seconds under traffic for 10 minutes. `make soak` runs it."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.mutual import scene

SECONDS = 600


@pytest.mark.e2e
@pytest.mark.soak
async def test_ten_minutes_of_short_certificates(tmp_path: Path) -> None:
    async with scene(tmp_path, flags=("--workload-cert-ttl", "20")) as running:
        await asyncio.sleep(SECONDS)
    running.renewed_without_loss(seconds=SECONDS, ttl=20)
    made, calls = len(running.certificates("caller.shop")), len(running.calls)
    print(f"{calls} calls, none failed; {made} certificates of the caller")
