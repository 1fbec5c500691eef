"""TLS at the door: ends it, and passes the bytes on to a gRPC server in the same process.

A client may show a certificate; one that does not verify ends the handshake. The server behind
knows a connection by the name of the socket that it comes from. It decides nothing about callers.
"""

import asyncio
import os
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, cast

from cryptography import x509

from controlplane.settings import host_and_port
from sds.secrets import load_revocations

# what waits to be read on one side is bounded by what the other side takes
_HIGH_WATER: Final = 256 * 1024
_BACKLOG: Final = 4096
_HANDSHAKE_SECONDS: Final = 10.0
_LONGEST_TIMER: Final = 3600.0  # so that a clock that jumps is noticed
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class Presented:
    """What the server shows, and whom it believes. PEM.

    `revoked` are lists of revoked certificates: whoever shows one of these is not let in.
    """

    chain: bytes
    key: bytes = field(repr=False)
    roots: bytes
    revoked: bytes = b""


class Front:
    """TLS on one address. `backend()` is where a gRPC server has to listen."""

    def __init__(
        self,
        presented: Callable[[], Presented],
        *,
        now: Callable[[], datetime],
        connections: int = 100_000,
    ) -> None:
        self._presented = presented
        self.now = now
        self._most = connections
        self._name = f"meshpilot-{secrets.token_hex(16)}"
        self._certificates: dict[str, bytes | None] = {}
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._links: set[_Client] = set()
        self._revoked: frozenset[tuple[x509.Name, int]] = frozenset()
        self._gone = asyncio.Event()

    @property
    def backend(self) -> str:
        """The address for grpc.aio: in Linux's abstract namespace, so that no file is needed."""
        return f"unix-abstract:{self._name}"

    def knows(self, peer: str) -> bool:
        """Whether `peer` (as gRPC names it) came through this door."""
        return peer in self._certificates

    def certificate(self, peer: str) -> bytes | None:
        """The verified certificate (DER) of the client behind `peer`; None where it showed none."""
        return self._certificates.get(peer)

    def __len__(self) -> int:
        return len(self._links)

    async def start(self, address: str) -> int:
        """Listen on host:port, port 0 for any free one; the port that was bound. Raises OSError
        when it is taken."""
        host, port = host_and_port(address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            listening.close()
            raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from error
        listening.setblocking(False)
        listening.listen(_BACKLOG)
        self._socket = listening
        await self.renew()
        bound: int = listening.getsockname()[1]
        return bound

    async def renew(self) -> None:
        """Show what `presented()` says now to whoever connects from now on; those who are
        connected stay."""
        if self._socket is None:
            return
        presented = self._presented()
        context, self._revoked = server_context(presented), _serials(presented.revoked)
        before, loop = self._server, asyncio.get_running_loop()
        # a copy of the socket: the kernel's queue of connections stays while servers change
        self._server = await loop.create_server(
            lambda: _Client(self),
            sock=self._socket.dup(),
            ssl=context,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            backlog=_BACKLOG,
        )
        if before is not None:
            before.close()

    def close(self) -> None:
        """Let nobody in any more; those who are connected stay."""
        if self._server is not None:
            self._server.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def stop(self) -> None:
        """End every connection, without waiting for what the other side says to that."""
        self.close()
        for link in tuple(self._links):
            link.abort()
        # transports close in a turn of the loop after the one they are told in
        while self._links:
            self._gone.clear()
            await self._gone.wait()

    # -- for the connections ---------------------------------------------------------------------

    def revokes(self, certificate: bytes) -> bool:
        found = x509.load_der_x509_certificate(certificate)
        return bool(self._revoked) and (found.issuer, found.serial_number) in self._revoked

    def admit(self, link: "_Client") -> bool:
        if len(self._links) >= self._most:
            return False
        self._links.add(link)
        return True

    def forget(self, link: "_Client", name: str) -> None:
        self._links.discard(link)
        self._gone.set()
        self._certificates.pop(name, None)

    async def pass_on(self, link: "_Client", certificate: bytes | None) -> "tuple[str, _Inside]":
        """A connection to the server behind, under a name of its own."""
        # nobody can take the name of a connection that is to come
        own = f"{self._name}-{secrets.token_hex(8)}"
        name = f"unix-abstract:{own}"
        inside = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        inside.setblocking(False)
        try:
            inside.bind(f"\0{own}")
            loop = asyncio.get_running_loop()
            await loop.sock_connect(inside, f"\0{self._name}")
            # known before the first byte goes in
            self._certificates[name] = certificate
            disown = partial(self._certificates.pop, name, None)
            _, protocol = await loop.create_unix_connection(
                lambda: _Inside(link, disown), sock=inside
            )
        except OSError:
            self._certificates.pop(name, None)
            inside.close()
            raise
        return name, protocol


class _Inside(asyncio.Protocol):
    """The plaintext side of one connection."""

    def __init__(self, client: "_Client", disown: Callable[[], object]) -> None:
        self._client = client
        self._disown = disown
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    def pause_writing(self) -> None:
        self._client.pause()

    def resume_writing(self) -> None:
        self._client.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        # anybody on this machine can bind the name from now on, while TLS says goodbye for seconds
        self._disown()
        self._client.end()


class _Client(asyncio.Protocol):
    """The TLS side of one connection."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._name = ""
        self._transport: asyncio.Transport | None = None
        self._inside: _Inside | None = None
        self._early: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one by what it does, not by its class
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        if not self._front.admit(self):
            transport.abort()
            return
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        shown: bytes | None = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if shown is not None and self._front.revokes(shown):
            transport.abort()
            return
        if shown is not None:
            self._end_with(shown)
        # nothing is read before there is a place to put it
        transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(
            self._join(shown), name="front-connection"
        )

    def _end_with(self, shown: bytes) -> None:
        """No connection is kept on a certificate that has ended."""
        end = x509.load_der_x509_certificate(shown).not_valid_after_utc
        seconds = (end - self._front.now()).total_seconds()
        loop = asyncio.get_running_loop()
        if seconds > _LONGEST_TIMER:
            self._timer = loop.call_later(_LONGEST_TIMER, self._end_with, shown)
        else:
            self._timer = loop.call_later(max(0.0, seconds), self.abort)

    async def _join(self, shown: bytes | None) -> None:
        try:
            self._name, self._inside = await self._front.pass_on(self, shown)
        except OSError:
            self.end()
            return
        if self._transport is None or self._transport.is_closing():
            self._close_inside()
            self._front.forget(self, self._name)
            return
        for data in self._early:
            self.data_received(data)
        self._early.clear()
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._inside is None:
            self._early.append(data)
        elif self._inside.transport is not None and not self._inside.transport.is_closing():
            self._inside.transport.write(data)

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def pause(self) -> None:
        """The server behind takes no more for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        inside = self._inside
        if inside is not None and inside.transport is not None:
            inside.transport.pause_reading()

    def resume_writing(self) -> None:
        inside = self._inside
        if inside is not None and inside.transport is not None:
            inside.transport.resume_reading()

    def eof_received(self) -> bool | None:
        return None

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def end(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._close_inside()
        self._front.forget(self, self._name)

    def _close_inside(self) -> None:
        if self._inside is not None and self._inside.transport is not None:
            self._inside.transport.close()


def server_context(presented: Presented) -> ssl.SSLContext:
    """TLS 1.2 and newer; a client's certificate is optional, and verified where there is one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["h2"])
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=presented.roots.decode("ascii"))
    with _in_memory(presented.chain + presented.key) as path:
        context.load_cert_chain(path)
    return context


def _serials(revoked: bytes) -> frozenset[tuple[x509.Name, int]]:
    """(issuer, serial number) of everything that is revoked. OpenSSL's own look-up would refuse
    every certificate of a CA without a list, and all once a list is out of date."""
    return frozenset(
        (found.issuer, entry.serial_number)
        for found in load_revocations(revoked)
        for entry in found
    )


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path under which OpenSSL reads `content`: it takes keys from files only, and a key has no
    business on a disk."""
    file = os.memfd_create("meshpilot", os.MFD_CLOEXEC)
    try:
        os.write(file, content)
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)
