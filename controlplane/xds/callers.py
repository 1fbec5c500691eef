"""Who stands behind a stream: what a port proves of its callers, as the ADS server sees it."""

from collections.abc import Iterable
from typing import Any, Protocol

from sds.identity import SpiffeId


class UnauthenticatedError(Exception):
    """The caller proved nothing. What was wrong is for the log: callers learn no details."""


class Callers(Protocol):
    """What a port proves."""

    async def identify(self, peer: str, metadata: Iterable[tuple[str, Any]]) -> SpiffeId | None:
        """The proven identity of the connection `peer` (as gRPC names it) and the metadata of the
        call; None where nobody has to prove anything. Raises UnauthenticatedError."""


class Anybody:
    """On a plaintext port nothing is proven, and no token is looked at."""

    async def identify(self, peer: str, metadata: Iterable[tuple[str, Any]]) -> SpiffeId | None:
        del peer, metadata
        return None
