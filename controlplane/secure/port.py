"""The secure port: TLS in front, gRPC behind it, and a Unix socket for proxies of this machine."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import grpc

from controlplane.secure.front import Front
from controlplane.xds.grpcserver import GrpcServer, Limits

# owner and group: who may open the socket still has to prove who it is
_SOCKET_MODE: Final = 0o660


class SecurePort:
    """Serves `handlers` to callers who come through `front`, or over the socket at `path`."""

    def __init__(
        self,
        front: Front,
        *,
        limits: Limits,
        handlers: Sequence[grpc.GenericRpcHandler],
        services: Sequence[str],
        path: Path | None,
    ) -> None:
        self._front = front
        self._server = GrpcServer(limits, handlers, services)
        self._path = path

    async def start(self, address: str) -> int:
        """Listen on `address` (host:port); the port that was bound. Raises OSError."""
        inner = [self._front.backend]
        if self._path is not None:
            # what a process that crashed left behind; nobody else can be meant by the path
            self._path.unlink(missing_ok=True)
            inner.append(f"unix:{self._path}")
        before = os.umask(0o777 ^ _SOCKET_MODE)
        try:
            await self._server.start(*inner)
        finally:
            os.umask(before)
        return await self._front.start(address)

    async def stop(self) -> None:
        # what is said while streams end still has a way out
        self._front.close()
        await self._server.stop()
        await self._front.stop()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
