"""Pages about certificates: whose was made when, how its renewal stands, and the roots. No key
is shown."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from controlplane.admin.guards import NAMESPACE, Guard
from controlplane.secure.keyring import Keyring
from controlplane.secure.trust import Trust
from controlplane.xds.hub import Hub, Seat
from sds.lifecycle import next_at
from sds.rotation import RotationError


class CertificatePages:
    """Reads the keyring, and moves the rotation of the root on when it is told to."""

    def __init__(self, hub: Hub, keyring: Keyring, trust: Trust) -> None:
        self._hub = hub
        self._keyring = keyring
        self._trust = trust

    def add_to(self, app: web.Application, guard: Guard) -> None:
        app.router.add_get("/debug/certs", guard.reads(self._certs, own=True))
        app.router.add_get("/debug/ca", guard.reads(self._ca))
        app.router.add_get("/debug/ca/roots", guard.reads(self._roots, own=True))
        app.router.add_post("/debug/ca/rotate", guard.changes(self._rotate))
        app.router.add_post("/debug/ca/resume", guard.changes(self._resume))

    async def _certs(self, request: web.Request) -> web.Response:
        namespace, wanted = request[NAMESPACE], request.query.get("proxyID", "")
        found = [
            self.certificate(seat)
            for seat in self._hub
            if namespace in ("*", seat.proxy.namespace) and (not wanted or named(seat, wanted))
        ]
        if wanted and not found:
            return _json({"error": f'no connected proxy is called "{wanted}"'}, status=404)
        return _json(found)

    def certificate(self, seat: Seat) -> Mapping[str, Any]:
        """What is known of the certificate of one proxy."""
        proxy = seat.proxy
        pair, state = self._keyring.certificate(seat), self._keyring.state(seat)
        found: dict[str, Any] = {
            "id": seat.id,
            "proxy": f"{proxy.name}.{proxy.namespace}",
            "identity": proxy.identity,
            "secrets": str(proxy.secrets),
        }
        if state is not None:
            found["state"] = str(state.phase)
            found["renewal"] = next_at(state)
        if pair is not None:
            found["chain"] = pair.chain.decode("ascii")
            found["roots"] = self._trust.roots.decode("ascii")
            found["acknowledged"] = self._keyring.acknowledged(seat)
        return found

    async def _ca(self, _: web.Request) -> web.Response:
        return _json(self._trust.status())

    async def _roots(self, _: web.Request) -> web.Response:
        return _json({"roots": self._trust.roots.decode("ascii")})

    async def _rotate(self, _: web.Request) -> web.Response:
        return await self._moved(self._trust.rotate)

    async def _resume(self, _: web.Request) -> web.Response:
        return await self._moved(self._trust.resume)

    async def _moved(self, move: Any) -> web.Response:
        try:
            move()
        except RotationError as error:
            return _json({"error": str(error)}, status=409)
        return _json(self._trust.status())


def named(seat: Seat, wanted: str) -> bool:
    """`name.namespace` as people say it, the node id, or the connection's whole id."""
    proxy = seat.proxy
    return wanted in (f"{proxy.name}.{proxy.namespace}", proxy.id, seat.id)


def _json(value: object, *, status: int = 200) -> web.Response:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2, default=_plain)
    return web.Response(body=body, status=status, content_type="application/json")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
