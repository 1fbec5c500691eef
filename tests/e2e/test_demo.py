"""The demo plays its whole story without losing a request."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

SECONDS = 180.0


@pytest.mark.e2e
@pytest.mark.alone
async def test_the_story_runs_through() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.demo", "--once"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "ONCE": "1"},
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    text = output.decode()
    assert process.returncode == 0, text
    assert "failed 0" in text
