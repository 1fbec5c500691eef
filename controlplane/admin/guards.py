"""Who may see which debug page: callers on this machine everything; from elsewhere an identity of
the root namespace everything, any other one the proxies of its own namespace."""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from controlplane import telemetry
from controlplane.secure.callers import prove
from controlplane.xds.callers import UnauthenticatedError
from sds.attest import Attestor, Evidence

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# a page in a browser on this machine cannot set it without asking first
_CONFIRMED: Final = "X-Meshpilot"
_EVERYTHING: Final = "*"
NAMESPACE: Final = web.RequestKey("namespace", str)


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets in whom it may. `attestors` know tokens; without any, only this machine is let in."""

    root_namespace: str
    metrics: telemetry.Telemetry
    attestors: Sequence[Attestor] = ()

    def reads(self, handler: Handler, *, own: bool = False) -> Handler:
        """`own`: the page can be narrowed to the namespace of the caller, in request[NAMESPACE]
        ("*" for all)."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            namespace = await self._namespace(request)
            if namespace != _EVERYTHING and not own:
                raise web.HTTPForbidden(
                    text=f"the debug info is not available for identities of {namespace}\n"
                )
            request[NAMESPACE] = namespace
            return await handler(request)

        return guarded

    def changes(self, handler: Handler) -> Handler:
        """For what changes something: never by a mere link."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if _CONFIRMED not in request.headers:
                raise web.HTTPForbidden(text=f"the header {_CONFIRMED} is missing\n")
            if await self._namespace(request) != _EVERYTHING:
                raise web.HTTPForbidden(text="only the root namespace may do that\n")
            return await handler(request)

        return guarded

    async def _namespace(self, request: web.Request) -> str:
        if _local(request.remote) and _by_address(request.host):
            return _EVERYTHING
        token = request.headers.get("Authorization", "")
        try:
            caller = await prove(
                Evidence({"authorization": token} if token else {}, None),
                attestors=self.attestors,
                metrics=self.metrics,
            )
        except UnauthenticatedError:
            raise web.HTTPForbidden(
                text="debug pages answer callers on this machine, and those with a token\n"
            ) from None
        if caller.namespace == self.root_namespace:
            return _EVERYTHING
        return caller.namespace


def _by_address(host: str) -> bool:
    """Whether the caller went to this machine by its address or as localhost: a page in a browser
    could be led here under a name of somebody else's."""
    name = host.rpartition(":")[0] if host.count(":") == 1 or "]" in host else host
    return name in ("localhost", "") or _is_address(name.strip("[]"))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _local(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
