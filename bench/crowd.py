"""A fleet of clients in a process of its own: `python -m bench.crowd PORT CLIENTS SERVICES`.

It is told what to do in lines of JSON on standard input, and answers each with one line. Times are
CLOCK_MONOTONIC, which all processes of a machine share.
"""

import asyncio
import json
import pickle
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest
from google.protobuf import json_format

from bench.member import Knowledge, Member
from bench.mesh import Mesh
from translators.bootstrap import Places, bootstrap, node_id
from translators.model import Proxy, ProxyType

PATIENCE = 120.0
_STEP = 0.02


@dataclass(slots=True)
class Crowd:
    """All members, and the marker that is waited for."""

    target: str
    members: list[Member]
    recorded: list[tuple[str, bytes]] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _type_url: str = ""
    _marker: bytes = b""
    _found: dict[int, tuple[float, int]] = field(default_factory=dict)
    _all: asyncio.Event = field(default_factory=asyncio.Event)

    def told(self, member: Member, type_url: str, data: bytes, now: float) -> None:
        """A response has come: is it what is waited for?"""
        if member.number == 0 and not member.complete:
            self.recorded.append((type_url, data))
        if type_url == self._type_url and self._marker in data:
            if member.number not in self._found:
                self._found[member.number] = (now, member.received - len(data))
            if len(self._found) == len(self.members):
                self._all.set()

    async def connect(self, *, resume: bool) -> Mapping[str, object]:
        """All at once; done when each is complete (`resume`: has said what it holds)."""
        cpu, begin = time.process_time(), time.monotonic()
        self.recorded.clear()
        for member in self.members:
            run = member.run(self.target, resume=resume)
            member.complete = 0.0
            self._tasks.append(asyncio.create_task(run, name=f"member-{member.number}"))
        async with asyncio.timeout(PATIENCE):
            while not all(member.complete for member in self.members):
                self._failed()
                await asyncio.sleep(_STEP)
        return {
            "seconds": [member.complete - begin for member in self.members],
            "bytes": sum(member.received for member in self.members),
            "responses": sum(member.responses for member in self.members),
            "cpu": time.process_time() - cpu,
        }

    def expect(self, type_url: str, marker: str) -> None:
        self._type_url, self._marker = type_url, marker.encode()
        self._found.clear()
        self._all.clear()

    async def collect(self) -> Mapping[str, object]:
        """When each member received the marker, and how many bytes it had received on its stream
        before."""
        begin, cpu = self._total(), time.process_time()
        async with asyncio.timeout(PATIENCE):
            await self._all.wait()
        self._failed()
        found = [self._found[member.number] for member in self.members]
        return {
            "at": [at for at, _ in found],
            "before": sum(before for _, before in found),
            "bytes": self._total() - begin,
            "cpu": time.process_time() - cpu,
        }

    async def drop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def record(self, path: Path) -> None:
        """Write what the first member was sent until it was complete."""
        path.write_bytes(pickle.dumps(self.recorded))

    def _total(self) -> int:
        return sum(member.received for member in self.members)

    def _failed(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()


def proxy_of(mesh: Mesh, number: int) -> Proxy:
    """Client `number` is a Pod of the mesh."""
    name, namespace, ip = mesh.client(number)
    return Proxy(
        id=node_id(ProxyType.SIDECAR, ip=ip, name=name, namespace=namespace),
        type=ProxyType.SIDECAR,
        ip=ip,
        name=name,
        namespace=namespace,
        dns_domain=f"{namespace}.svc.cluster.local",
        ips=(ip,),
        labels={"app": name.rsplit("-", 1)[0]},
    )


def node_of(proxy: Proxy) -> bytes:
    """A DeltaDiscoveryRequest with nothing but the node, as its bootstrap would say it."""
    request = DeltaDiscoveryRequest()
    boot: dict[str, Any] = bootstrap(proxy, Places(discovery=("127.0.0.1", 15010)))
    json_format.ParseDict(boot["node"], request.node)
    packed: bytes = request.SerializeToString()
    return packed


async def _serve(port: int, clients: int, services: int) -> None:
    mesh, knowledge = Mesh(services), Knowledge()
    crowd = Crowd(f"127.0.0.1:{port}", [])
    crowd.members.extend(
        Member(number, node_of(proxy_of(mesh, number)), knowledge, crowd.told)
        for number in range(clients)
    )
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        answer = await _obey(crowd, json.loads(line))
        print(json.dumps(answer), flush=True)
    await crowd.drop()


async def _obey(crowd: Crowd, order: Mapping[str, Any]) -> Mapping[str, object]:
    match order:
        case {"do": "connect", "resume": resume}:
            return await crowd.connect(resume=resume)
        case {"do": "expect", "type": type_url, "marker": marker}:
            crowd.expect(type_url, marker)
        case {"do": "collect"}:
            return await crowd.collect()
        case {"do": "drop"}:
            await crowd.drop()
        case {"do": "record", "path": path}:
            crowd.record(Path(path))
    return {}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as _runner:
        _runner.run(_serve(*(int(text) for text in sys.argv[1:4])))
