"""What `meshpilot ads` does once its flags are read: leads the conversation, prints what comes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import typer
from envoy.config.core.v3.base_pb2 import Node
from google.protobuf import json_format

from cli.printing import ABBREVIATIONS, Format, emit, many, size
from controlplane.tasks import Clock, SystemClock, backoff
from controlplane.xds.client import Access, Stream, StreamEndedError, dial
from controlplane.xds.contents import REFERENCES, plain
from controlplane.xds.conversation import (
    NAMED,
    SHORT,
    Conversation,
    Held,
    Received,
    Wish,
)
from controlplane.xds.reports import kind as message_name
from translators.bootstrap import Places, bootstrap
from translators.bootstrap import node_id as node_id_of
from translators.model import Proxy, ProxyType
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE

# servers may answer a type in several responses; silence for so long means that this is all
_QUIET: Final = 0.1
_REFUSED: Final = "refused on demand"
# statuses after which the same question may be answered
_PASSING: Final = frozenset(("OK", "UNAVAILABLE", "CANCELLED", "RESOURCE_EXHAUSTED", "INTERNAL"))


@dataclass(frozen=True, slots=True)
class Asked:
    """A whole question: to whom, as whom, for what, and how long to wait.

    `shown` are the types that somebody wants to see; none means all that come.
    """

    access: Access
    node: Node
    wish: Wish
    shown: frozenset[str]
    delta: bool
    timeout: float
    clock: Clock = field(default_factory=SystemClock)


def node(
    *,
    proxy: str,
    ip: str,
    kind: str,
    labels: Mapping[str, str],
    node_id: str,
    metadata: Mapping[str, Any],
) -> Node:
    """Who asks, with Istio's node id and metadata. Raises ValueError for what cannot be."""
    name, _, namespace = proxy.rpartition(".")
    if not name:
        raise ValueError(f"--proxy {proxy} is not of the form NAME.NAMESPACE")
    if kind not in frozenset(ProxyType):
        raise ValueError(f"--kind {kind} is none of {', '.join(ProxyType)}")
    whom = Proxy(
        id=node_id or node_id_of(ProxyType(kind), ip=ip, name=name, namespace=namespace),
        type=ProxyType(kind),
        ip=ip,
        name=name,
        namespace=namespace,
        dns_domain=f"{namespace}.svc.cluster.local",
        ips=(ip,),
        labels=labels,
        service_account="default",
    )
    described: Any = bootstrap(whom, Places(discovery=(ip, 0)))["node"]
    if node_id:
        # whoever gives the id means no other workload than that
        for key in ("NAME", "NAMESPACE", "WORKLOAD_NAME", "INSTANCE_IPS"):
            described["metadata"].pop(key)
    described["metadata"].update(metadata)
    made = Node(user_agent_name="meshpilot-ads")
    json_format.ParseDict(described, made)
    return made


def wish(types: list[str], names: list[str], nack: list[str]) -> Wish:
    """What is asked for. Raises ValueError for what cannot be asked."""
    refuse: dict[str, str] = {}
    for text in nack:
        short, _, why = text.partition("=")
        refuse[type_url(short)] = why or _REFUSED
    if not types:
        if names:
            raise ValueError("--name needs the --type that it is a name of")
        everything = {CLUSTER: (), LISTENER: ()}
        return Wish(everything, follow=frozenset((ASSIGNMENT, ROUTE)), refuse=refuse)
    asked: dict[str, tuple[str, ...]] = {}
    follow = set()
    for url in map(type_url, types):
        if names or url not in NAMED:
            asked[url] = tuple(names)
            continue
        parent = next((one for one, below in REFERENCES.items() if below == url), None)
        if parent is None:
            raise ValueError(f"{message_name(url)} is asked for by name: give --name")
        # names are learned from what refers to them
        asked.setdefault(parent, ())
        follow.add(url)
    return Wish(asked, follow=frozenset(follow), refuse=refuse)


def type_url(written: str) -> str:
    """The type URL that is meant: an abbreviation, or a URL. Raises ValueError."""
    found = SHORT.get(written.lower())
    if found is not None:
        return found
    if "/" in written or "." in written:
        return written if "/" in written else f"type.googleapis.com/{written}"
    raise ValueError(f"{written} is no type: write one of {', '.join(SHORT)} or a type URL")


async def run(asked: Asked, form: Format, *, watch: bool) -> int:
    """Ask and print; the exit code."""
    if watch:
        return await _watch(asked, form)
    return await _once(asked, form)


async def _once(asked: Asked, form: Format) -> int:
    """Until everything is answered and no more comes; then what is held."""
    conversation = Conversation(asked.node, asked.wish, delta=asked.delta)
    problem = ""
    refused: dict[str, str] = {}
    try:
        async with asyncio.timeout(asked.timeout), dial(asked.access, conversation) as stream:
            async for received in _answers(stream, conversation):
                if received.refused:
                    refused[received.type_url] = received.refused
    except TimeoutError:
        pass
    except StreamEndedError as error:
        problem = f"{asked.access.address}: {error}"
    shown = {
        url: held
        for url, held in conversation.held.items()
        if not asked.shown or url in asked.shown
    }
    _print_held(shown, form)
    if problem:
        typer.echo(f"meshpilot: {problem}", err=True)
        return 1
    for url, why in refused.items():
        typer.echo(f"refused: {message_name(url)}: {why}", err=True)
    for url in conversation.unanswered():
        typer.echo(f"no answer for {message_name(url)} within {asked.timeout:g} s", err=True)
    for url, names in conversation.missing().items():
        typer.echo(f"not there: {message_name(url)} {', '.join(names)}", err=True)
    return int(bool(conversation.unanswered()))


async def _answers(stream: Stream, conversation: Conversation) -> AsyncIterator[Received]:
    """Responses until all that was asked for is answered, and what still comes right after."""
    yield await stream.receive()
    while conversation.unanswered():
        yield await stream.receive()
    while True:
        try:
            async with asyncio.timeout(_QUIET):
                received = await stream.receive()
        except TimeoutError:
            return
        yield received


async def _watch(asked: Asked, form: Format) -> int:
    """Until interrupted. A stream that ends is opened again, with what is held, as proxies do."""
    held: Mapping[str, Mapping[str, Held]] = {}
    attempt = 0
    while True:
        conversation = Conversation(asked.node, asked.wish, delta=asked.delta, held=held)
        try:
            async with dial(asked.access, conversation) as stream:
                while True:
                    received = await stream.receive()
                    attempt = 0
                    if asked.shown and received.type_url not in asked.shown:
                        continue
                    _print_received(
                        received, form, asked.clock.now().isoformat("T", "milliseconds")
                    )
        except StreamEndedError as error:
            if error.status not in _PASSING:
                typer.echo(f"meshpilot: {asked.access.address}: {error}", err=True)
                return 1
            held = conversation.held
            pause = backoff(attempt)
            attempt += 1
            typer.echo(f"{asked.access.address}: {error}; again in {pause:.1f} s", err=True)
            await asyncio.sleep(pause)


def _print_held(shown: Mapping[str, Mapping[str, Held]], form: Format) -> None:
    if form is not Format.SUMMARY:
        emit(
            {
                message_name(url): [_resource(name, item) for name, item in sorted(held.items())]
                for url, held in shown.items()
            },
            form,
        )
        return
    for url, held in shown.items():
        total = sum(item.content.ByteSize() for item in held.values())
        typer.echo(f"{_short(url)}  {many(len(held), 'resource')}  {size(total)}")
        for name, item in sorted(held.items()):
            typer.echo(f"  {name}  {item.version or '-'}  {size(item.content.ByteSize())}")


def _print_received(received: Received, form: Format, at: str) -> None:
    if form is not Format.SUMMARY:
        emit(
            {
                "time": at,
                "type": message_name(received.type_url),
                "version": received.version,
                "nonce": received.nonce,
                "size": received.size,
                "refused": received.refused,
                "removed": list(received.removed),
                "resources": [_resource(*item) for item in received.resources.items()],
            },
            form,
            line=True,
        )
        return
    parts = [
        at,
        _short(received.type_url),
        many(len(received.resources), "resource"),
        f"{len(received.removed)} removed",
        size(received.size),
        f"version {received.version or '-'}",
    ]
    if received.refused:
        parts.append(f"refused: {received.refused}")
    typer.echo("  ".join(parts))
    for name, item in received.resources.items():
        typer.echo(f"  + {name}  {item.version or '-'}  {size(item.content.ByteSize())}")
    for name in received.removed:
        typer.echo(f"  - {name}")


def _resource(name: str, item: Held) -> dict[str, Any]:
    return {"name": name, "version": item.version, "resource": plain(item.content)}


def _short(url: str) -> str:
    name = message_name(url)
    return ABBREVIATIONS.get(name, name)
