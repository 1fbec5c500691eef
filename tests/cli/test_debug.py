"""How commands ask a control plane. What they say when it does not answer: test_proxies.py."""

import asyncio

import pytest

from cli.debug import get
from tests.features.mesh import running


async def test_a_page_is_read_whatever_proxies_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with running() as mesh:
        found = await asyncio.to_thread(get, f"{mesh.http}/", "/debug/world")
    assert found["generation"] == 1
