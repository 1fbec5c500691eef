"""Steady HTTP/1.1 traffic that never retries: what fails is counted, not tried again."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

TIMEOUT = 10.0


@dataclass(slots=True)
class Failure:
    """One request that was not answered with 200. `at` is seconds since the traffic began."""

    at: float
    what: str


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str
    closing: bool


class Connection:
    """One client connection; requests on it go one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int) -> "Connection":
        return cls(*await asyncio.open_connection(host, port))

    async def get(self, authority: str, path: str, headers: dict[str, str]) -> Answer:
        lines = [f"GET {path} HTTP/1.1", f"Host: {authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ", 2)[1])
        found = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await self._body(found)
        closing = found.get("connection", "").lower() == "close"
        return Answer(status, found, body.decode(), closing)

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int((await self._reader.readline()).strip(), 16):
                parts.append(await self._reader.readexactly(size))
                await self._reader.readline()
            await self._reader.readline()
            return b"".join(parts)
        return await self._reader.readexactly(int(headers.get("content-length", "0")))

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@dataclass(slots=True)
class Traffic:
    """Requests to one address at a steady rate, over kept connections and over new ones.

    `served` counts answers by the header x-backend; `forgiven` are statuses that do not count as
    failures (a router's 404 while there truly is no route).
    """

    host: str
    port: int
    authority: str
    kept: int = 4
    fresh: int = 2
    rate: float = 280.0  # requests a second that are aimed at, all connections together
    forgiven: frozenset[int] = frozenset()
    sent: int = 0
    pardoned: int = 0
    served: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _started: float = 0.0
    seconds: float = 0.0  # how long it ran, once it is stopped
    _stopping: bool = False
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def next_answer(self) -> None:
        self._answered.clear()
        await self._answered.wait()

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._started = loop.time()
        workers = self.kept + self.fresh
        for number in range(workers):
            offset = number / self.rate
            work = self._work(number < self.kept, workers / self.rate, offset)
            self._tasks.append(loop.create_task(work, name=f"traffic-{number}"))

    async def stop(self) -> None:
        """Let what is under way end, then stop."""
        self._stopping = True
        self.seconds = asyncio.get_running_loop().time() - self._started
        async with asyncio.timeout(TIMEOUT * 2):
            await asyncio.gather(*self._tasks)

    async def _work(self, keep: bool, interval: float, offset: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + offset
        connection: Connection | None = None
        while not self._stopping:
            # what a busy machine delays is made up for, up to a second's worth
            due = max(due + interval, loop.time() - 1.0)
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.sent += 1
            try:
                async with asyncio.timeout(TIMEOUT):
                    if connection is None:
                        connection = await Connection.open(self.host, self.port)
                    answer = await connection.get(self.authority, "/", {})
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self._fail(repr(error))
                if connection is not None:
                    await connection.close()
                connection = None
                continue
            if answer.status == 200:
                self.served[answer.headers.get("x-backend", "?")] += 1
                self._answered.set()
            elif answer.status in self.forgiven:
                self.pardoned += 1
            else:
                flags = answer.headers.get("x-envoy-response-flags", "")
                self._fail(f"{answer.status} {answer.body[:80]!r} {flags}")
            if answer.closing or not keep:
                await connection.close()
                connection = None
        if connection is not None:
            await connection.close()

    def _fail(self, what: str) -> None:
        at = asyncio.get_running_loop().time() - self._started
        self.failures.append(Failure(round(at, 4), what))


async def served_by(traffic: Traffic, backend: str, *, seconds: float = 10.0) -> None:
    """Until one more answer came from `backend`."""
    before = traffic.served[backend]
    async with asyncio.timeout(seconds):
        while traffic.served[backend] == before:
            await traffic.next_answer()


async def until(traffic: Traffic, header: str, value: str, *, seconds: float = 10.0) -> float:
    """Ask back to back until an answer carries `header: value`; how long it took (seconds)."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    connection = await Connection.open(traffic.host, traffic.port)
    try:
        async with asyncio.timeout(seconds):
            while True:
                answer = await connection.get(traffic.authority, "/", {})
                if answer.headers.get(header) == value:
                    return loop.time() - begin
                if answer.closing:
                    await connection.close()
                    connection = await Connection.open(traffic.host, traffic.port)
    finally:
        await connection.close()
