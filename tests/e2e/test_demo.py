"""The demo plays its whole story, with mutual TLS, without losing a request."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SECONDS = 180.0
CLIENT = "spiffe://cluster.local/ns/demo/sa/client"
INGRESS = "spiffe://cluster.local/ns/demo/sa/ingress"
SECRETS = re.compile(rb"PRIVATE KEY|eyJ[\w-]+\.[\w-]+\.[\w-]+")


@pytest.mark.e2e
@pytest.mark.alone
async def test_the_story_runs_through() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.demo", "--once"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=REPOSITORY,
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
    [(sent, failed, served)] = re.findall(r"sent (\d+), failed (\d+), served (\d+)", text)
    assert failed == "0"
    assert sent == served
    assert f"sidecar: {CLIENT}; ingress: {INGRESS}" in text
    [refused] = re.findall(r"(\d+) calls in plaintext refused", text)
    assert int(refused) > 10
    assert re.search("TRUSTING at .* s, SIGNING at .* s, STABLE at .* s; root", text)
    [(proxies, renewed)] = re.findall(r"certificates: (\d+) proxies, (\d+) renewed", text)
    # each lives for 20 s, and the story is longer than that
    assert int(renewed) >= 2 * int(proxies) == 10
    secret(output)


def secret(output: bytes) -> None:
    """No key and no token was printed or logged, and what holds one is private."""
    assert not SECRETS.search(output)
    work = REPOSITORY / ".demo"
    for path in (*work.glob("logs/*"), *work.glob("envoy/*"), *work.glob("config/*")):
        assert not SECRETS.search(path.read_bytes()), path
    tokens = list(work.glob("identity/*.token"))
    assert len(tokens) == 6
    for path in tokens:
        assert SECRETS.search(path.read_bytes())
        assert path.stat().st_mode & 0o777 == 0o600
    for directory in (work / "identity", work / "state"):
        assert directory.stat().st_mode & 0o777 == 0o700
