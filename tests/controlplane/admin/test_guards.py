"""Who may see which page, and who may change something."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from controlplane.admin.guards import NAMESPACE, Guard
from controlplane.telemetry import Telemetry
from tests.features.mesh import Mesh, running

HERE, ELSEWHERE = "127.0.0.1", "10.0.0.1"


@pytest.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with running() as made:
        yield made


def guard(mesh: Mesh) -> Guard:
    return Guard("istio-system", mesh.metrics, mesh.secure.attestors)


async def page(request: web.Request) -> web.Response:
    return web.Response(text=request.get(NAMESPACE, "done"))


async def asked(
    handler: object,
    remote: str | None,
    token: str = "",
    *,
    method: str = "GET",
    confirmed: str = "",
) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if confirmed:
        headers[confirmed] = "1"
    request = make_mocked_request(method, "/debug/x", headers=headers).clone(remote=remote or "")
    try:
        answer = await handler(request)  # type: ignore[operator]
    except web.HTTPForbidden as refused:
        return refused.status, refused.text or ""
    return answer.status, answer.text


@pytest.mark.parametrize("remote", [HERE, "127.0.0.9", "::1"])
async def test_this_machine_sees_everything(mesh: Mesh, remote: str) -> None:
    reads = guard(mesh).reads
    assert await asked(reads(page), remote) == (200, "*")
    assert await asked(reads(page, own=True), remote) == (200, "*")


@pytest.mark.parametrize("remote", [ELSEWHERE, "::ffff:10.0.0.1", "fe80::1", None])
async def test_without_a_token_nobody_else_sees_anything(mesh: Mesh, remote: str | None) -> None:
    for handler in (guard(mesh).reads(page), guard(mesh).reads(page, own=True)):
        status, text = await asked(handler, remote)
        assert status == 403
        assert "those with a token" in text


async def test_garbage_is_no_token(mesh: Mesh) -> None:
    assert (await asked(guard(mesh).reads(page, own=True), ELSEWHERE, "garbage"))[0] == 403


async def test_without_attestors_only_this_machine_is_let_in(mesh: Mesh) -> None:
    alone = Guard("istio-system", Telemetry())
    token = mesh.token("istio-system", "default")
    assert (await asked(alone.reads(page), ELSEWHERE, token))[0] == 403


async def test_the_root_namespace_sees_everything(mesh: Mesh) -> None:
    token = mesh.token("istio-system", "default")
    for handler in (guard(mesh).reads(page), guard(mesh).reads(page, own=True)):
        assert await asked(handler, ELSEWHERE, token) == (200, "*")


async def test_another_namespace_sees_its_own(mesh: Mesh) -> None:
    token = mesh.token("shop", "cart")
    assert await asked(guard(mesh).reads(page, own=True), ELSEWHERE, token) == (200, "shop")
    status, text = await asked(guard(mesh).reads(page), ELSEWHERE, token)
    assert (status, text) == (403, "the debug info is not available for identities of shop\n")


async def test_changes_need_the_header_that_no_link_sends(mesh: Mesh) -> None:
    handler = guard(mesh).changes(page)
    assert await asked(handler, HERE, method="POST") == (403, "the header X-Meshpilot is missing\n")
    assert (await asked(handler, HERE, method="POST", confirmed="X-Meshpilot"))[0] == 200


async def test_changes_are_for_the_root_namespace(mesh: Mesh) -> None:
    handler = guard(mesh).changes(page)
    for namespace, status in (("shop", 403), ("istio-system", 200)):
        found = await asked(
            handler,
            ELSEWHERE,
            mesh.token(namespace, "default"),
            method="POST",
            confirmed="X-Meshpilot",
        )
        assert found[0] == status
    assert (await asked(handler, ELSEWHERE, method="POST", confirmed="X-Meshpilot"))[0] == 403
