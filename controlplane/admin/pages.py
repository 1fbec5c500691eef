"""What the pages say: readiness, proxies, what a proxy holds, verdicts, metrics."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

import orjson
from aiohttp import web
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from controlplane import telemetry
from controlplane.admin.certificates import CertificatePages, named
from controlplane.admin.guards import NAMESPACE, Guard
from controlplane.admin.servers import application
from controlplane.kinds import Verdict
from controlplane.loop import Loop
from controlplane.xds.hub import Hub, Seat
from controlplane.xds.reports import TypeStatus, kind
from controlplane.xds.resources import PUSH_ORDER, Resource
from translators.wire import SECRET

_INDEX: Final = {
    "/debug/proxies": "connected proxies: generation, refusals, what is held back and why",
    "/debug/config_dump?proxyID=ID": "what a proxy should hold, what it has acknowledged",
    "/debug/verdicts": "what is to be said of each object",
    "/debug/world": "numbers of the newest World",
    "/debug/certs?proxyID=ID": "the certificate that was made for a proxy, and its renewal",
    "/debug/ca": "roots and the stage of their rotation; POST /debug/ca/rotate, /debug/ca/resume",
    "/debug/ca/roots": "the certificates to trust, PEM",
}


class Pages:
    """Reads the loop and the hub; changes nothing."""

    def __init__(
        self,
        loop: Loop,
        hub: Hub,
        metrics: telemetry.Telemetry,
        *,
        guard: Guard | None = None,
        certificates: CertificatePages | None = None,
    ) -> None:
        self._loop = loop
        self._hub = hub
        self._metrics = metrics
        self._guard = guard or Guard("istio-system", metrics)
        self._certificates = certificates

    def http(self) -> web.Application:
        """The application of port 8080."""
        app = application()
        app.router.add_get("/ready", self._ready)
        reads = self._guard.reads
        app.router.add_get("/debug", reads(self._index))
        app.router.add_get("/debug/proxies", reads(self._proxies, own=True))
        app.router.add_get("/debug/config_dump", reads(self._config_dump, own=True))
        app.router.add_get("/debug/verdicts", reads(self._verdicts))
        app.router.add_get("/debug/world", reads(self._world))
        if self._certificates is not None:
            self._certificates.add_to(app, self._guard)
        return app

    def metrics(self) -> web.Application:
        """The application of port 15014."""
        app = application()
        app.router.add_get("/metrics", self._scrape)
        app.router.add_get("/version", self._version)
        return app

    async def _ready(self, _: web.Request) -> web.Response:
        if self._loop.ready:
            return web.Response(text="ready\n")
        return web.Response(status=503, text="not every source has been read yet\n")

    async def _index(self, _: web.Request) -> web.Response:
        return _json(_INDEX)

    async def _proxies(self, request: web.Request) -> web.Response:
        return _json(
            [
                {**proxy_status(seat, self._hub), "left_out": list(self._loop.left_out(seat))}
                for seat in self._seen(request)
            ]
        )

    def _seen(self, request: web.Request) -> Iterator[Seat]:
        """The proxies that the caller may know of."""
        namespace = request[NAMESPACE]
        return (s for s in self._hub if namespace in ("*", s.proxy.namespace))

    async def _config_dump(self, request: web.Request) -> web.Response:
        wanted = request.query.get("proxyID", "")
        seats = [seat for seat in self._seen(request) if named(seat, wanted)]
        if not seats:
            return _json({"error": f'no connected proxy is called "{wanted}"'}, status=404)
        if len(seats) > 1:
            names = [seat.id for seat in seats]
            return _json(
                {"error": f'"{wanted}" is ambiguous, give the connection', "connections": names},
                status=409,
            )
        return _json(config_dump(seats[0], self._hub))

    async def _verdicts(self, _: web.Request) -> web.Response:
        locations = self._loop.config.locations
        listed = [
            {**verdict_json(verdict), "at": str(locations.get(key, ""))}
            for key, verdicts in sorted(self._loop.verdicts().items())
            for verdict in verdicts
        ]
        return _json(listed)

    async def _world(self, _: web.Request) -> web.Response:
        world = self._loop.world
        kinds: dict[str, int] = {}
        for key in world.accepted:
            kinds[key.kind] = kinds.get(key.kind, 0) + 1
        return _json(
            {
                "generation": world.generation,
                "accepted": dict(sorted(kinds.items())),
                "refused": [str(key) for key in sorted(self._loop.config.refused)],
                "held": {str(key): list(held.missing) for key, held in world.held.items()},
                "switching": None if world.transition is None else str(world.transition.phase),
                "services": len(world.mesh.services),
                "proxies": len(self._hub),
            }
        )

    async def _scrape(self, _: web.Request) -> web.Response:
        body = generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _version(self, _: web.Request) -> web.Response:
        return web.Response(text=version("meshpilot") + "\n")


def proxy_status(seat: Seat, hub: Hub) -> dict[str, Any]:
    """One connection: who it is, and how far each type is."""
    proxy = seat.proxy
    return {
        "id": seat.id,
        "proxy": f"{proxy.name}.{proxy.namespace}",
        "type": proxy.type.value,
        "version": proxy.version,
        "identity": proxy.identity,
        "secrets": str(proxy.secrets),
        "address": seat.address,
        "since": seat.since.isoformat(),
        "generation": hub.generation_of(seat, seat.snapshot.generation),
        "types": [_type_status(status, seat, hub) for status in seat.session.status().types],
    }


def _type_status(status: TypeStatus, seat: Seat, hub: Hub) -> dict[str, Any]:
    return {
        "type": kind(status.type_url),
        "subscribed": "*" if status.wildcard else status.names,
        "resources": status.names,
        "generation": hub.generation_of(seat, status.generation),
        "nacks": [
            {"name": nack.name, "version": nack.version, "error": nack.text}
            for nack in status.nacks
        ],
        "held_back": list(status.held_back),
    }


def config_dump(seat: Seat, hub: Hub) -> dict[str, Any]:
    """What one proxy should hold, what it has acknowledged, and where the two differ."""
    held: dict[str, Mapping[str, str]] = {
        status.type_url: status.held for status in seat.session.status().types
    }
    types = {}
    for type_url in PUSH_ORDER:
        acked = held.get(type_url)
        wanted = {
            name: seat.snapshot.get(type_url, name)
            for name in seat.snapshot.names(type_url)
            if acked is None or seat.session.subscribed(type_url, name)
        }
        resources = []
        for name in sorted(wanted.keys() | (acked or {}).keys()):
            item = wanted.get(name)
            version_acked = (acked or {}).get(name)
            resources.append(
                {
                    "name": name,
                    "version": item.version if item else None,
                    "acked": version_acked,
                    "in_sync": item is not None and item.version == version_acked,
                    "resource": _shown(item) if item else None,
                }
            )
        types[kind(type_url)] = {"subscribed": acked is not None, "resources": resources}
    return {**proxy_status(seat, hub), "config": types}


def _shown(item: Resource) -> Any:
    """A resource decoded; of a secret nothing but that it is there."""
    return {"name": item.name} if item.type_url == SECRET else _decoded(item.any)


def _decoded(packed: bytes) -> Any:
    return json_format.MessageToDict(
        AnyMessage.FromString(packed), preserving_proto_field_name=True
    )


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": verdict.object.kind,
        "namespace": verdict.object.namespace,
        "name": verdict.object.name,
        "severity": verdict.severity.value,
        "reason": verdict.reason,
        "field": verdict.field,
        "message": verdict.message,
        "remedy": verdict.remedy,
        "others": [str(key) for key in verdict.others],
    }


def _json(value: object, *, status: int = 200) -> web.Response:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    return web.Response(body=body, status=status, content_type="application/json")
