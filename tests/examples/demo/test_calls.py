"""The sample programs and their clients, without a mesh between them."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import grpc
import pytest
from aiohttp import web

from examples.demo.calls import CallError, GrpcCaller, HttpCaller, Reply
from examples.demo.greeter import SAY_HELLO, TALLY, Greeter
from examples.demo.layout import CLIENT
from examples.demo.proof import HEADER
from examples.demo.proto.greeter_pb2 import HelloReply, HelloRequest, TallyReply, TallyRequest
from examples.demo.web import Web


@asynccontextmanager
async def greeter() -> AsyncIterator[tuple[str, int]]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Greeter(version="v1", pod="p").handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield "127.0.0.1", port
    finally:
        await server.stop(None)


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[tuple[str, int]]:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "127.0.0.1", runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture
def closed() -> tuple[str, int]:
    """An address that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host, port = free.getsockname()
        return host, port


async def test_the_greeter_answers_and_counts() -> None:
    async with greeter() as address:
        caller = GrpcCaller(address, "greeter:18080")
        assert await caller.call(canary=True) == Reply("v1", "p", "")
        await caller.call(canary=False)
        await caller.close()
        async with grpc.aio.insecure_channel(f"{address[0]}:{address[1]}") as channel:
            tally: grpc.aio.UnaryUnaryMultiCallable[TallyRequest, TallyReply] = channel.unary_unary(
                TALLY,
                request_serializer=TallyRequest.SerializeToString,
                response_deserializer=TallyReply.FromString,
            )
            assert (await tally(TallyRequest())).served == 2


async def test_web_answers_and_counts() -> None:
    async with serving(Web(version="v1", pod="p").application()) as address:
        caller = HttpCaller(address, "web:18080")
        assert await caller.call(canary=False) == Reply("v1", "p", "")
        await caller.close()
        url = f"http://{address[0]}:{address[1]}/tally"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert await response.json() == {"served": 1}


async def test_who_called_is_whom_the_sidecar_has_seen() -> None:
    seen = f"By=spiffe://server;Hash=ab12;URI={CLIENT.identity}"
    async with (
        greeter() as address,
        grpc.aio.insecure_channel(f"{address[0]}:{address[1]}") as channel,
    ):
        hello: grpc.aio.UnaryUnaryMultiCallable[HelloRequest, HelloReply] = channel.unary_unary(
            SAY_HELLO,
            request_serializer=HelloRequest.SerializeToString,
            response_deserializer=HelloReply.FromString,
        )
        reply = await hello(HelloRequest(name="mesh"), metadata=((HEADER, seen),))
        assert (reply.caller, reply.certificate) == (CLIENT.identity, "ab12")
        assert reply.message == f"Hello, {CLIENT.identity}!"
        stranger = await hello(HelloRequest(name="mesh"))
        assert (stranger.caller, stranger.message) == ("", "Hello, mesh!")
    async with serving(Web(version="v1", pod="p").application()) as address:
        url = f"http://{address[0]}:{address[1]}/hello"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, headers={HEADER: seen}) as response,
        ):
            assert response.headers["x-caller"] == CLIENT.identity
            assert response.headers["x-certificate"] == "ab12"
            assert await response.text() == f"Hello, {CLIENT.identity}!\n"


async def test_headers_tell_the_routes_and_ask_for_the_canary() -> None:
    seen: list[tuple[str, str]] = []

    async def hello(request: web.Request) -> web.Response:
        seen.append((request.headers.get("x-canary", ""), request.headers["Host"]))
        told = {"x-route": "split", "x-caller": CLIENT.identity, "x-certificate": "ab12"}
        return web.Response(headers=told)

    app = web.Application()
    app.router.add_post("/hello", hello)
    async with serving(app) as address:
        caller = HttpCaller(address, "web:18080")
        reply = await caller.call(canary=True)
        assert reply == Reply("", "", "split", CLIENT.identity, "ab12")
        await caller.call(canary=False)
        await caller.close()
    assert seen == [("yes", "web:18080"), ("", "web:18080")]


async def test_an_answer_that_is_not_200_is_a_failure_and_not_asked_for_again() -> None:
    calls = 0

    async def hello(_: web.Request) -> web.Response:
        nonlocal calls
        calls += 1
        return web.Response(status=503)

    app = web.Application()
    app.router.add_post("/hello", hello)
    async with serving(app) as address:
        caller = HttpCaller(address, "web:18080")
        with pytest.raises(CallError, match="HTTP 503"):
            await caller.call(canary=False)
        await caller.close()
    assert calls == 1


async def test_a_kept_connection_that_is_cut_is_a_failure_and_not_tried_again() -> None:
    """Clients like to repeat a request whose kept connection was just closed; ours must not."""
    requests = 0

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await reader.readuntil(b"mesh")
        requests += 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await reader.readuntil(b"mesh")
        requests += 1
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        caller = HttpCaller((host, port), "web")
        await caller.call(canary=False)
        with pytest.raises(CallError, match="ServerDisconnectedError"):
            await caller.call(canary=False)
        await caller.close()
    assert requests == 2


async def test_nobody_there_is_a_failure_over_both(closed: tuple[str, int]) -> None:
    for caller in (GrpcCaller(closed, "greeter"), HttpCaller(closed, "web")):
        with pytest.raises(CallError):
            await caller.call(canary=False)
        await caller.close()


async def test_grpc_does_not_repeat_what_failed() -> None:
    calls = 0

    async def refuse(_: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        nonlocal calls
        calls += 1
        await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(refuse)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("demo.Greeter", {"SayHello": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    caller = GrpcCaller(("127.0.0.1", port), "greeter")
    with pytest.raises(CallError, match="UNAVAILABLE: not now"):
        await caller.call(canary=False)
    await caller.close()
    await server.stop(None)
    assert calls == 1


@pytest.mark.parametrize("module", ["greeter", "web"])
async def test_the_programs_end_when_asked(
    module: str, closed: tuple[str, int], tmp_path: Path
) -> None:
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"examples.demo.{module}"),
            *("--listen", f"{closed[0]}:{closed[1]}", "--version", "v7", "--pod", "x"),
            cwd=Path(__file__).parents[3],
            stdout=log,
            stderr=log,
        )
    caller = GrpcCaller(closed, "g") if module == "greeter" else HttpCaller(closed, "w")
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(*closed)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            break
        assert (await caller.call(canary=False)).version == "v7"
        await caller.close()
        process.terminate()
        assert await process.wait() == 0
