"""The certificate of the secure port itself: made at the start, renewed in time, shown to whoever
connects from then on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from controlplane import telemetry
from controlplane.secure.front import Presented
from controlplane.tasks import Clock
from sds.ca.authority import Authority
from sds.issuer import Issuer, Refused, SigningFailed
from sds.lifecycle import State, begin, due, failed, issued, next_at
from sds.secrets import KeyPair

_LONGEST_SLEEP: Final = 30.0


def server_names(namespace: str, more: Sequence[str] = ()) -> tuple[str, ...]:
    """The names under which proxies look for a control plane in `namespace` (Istio's, and ours)."""
    services = ("istiod", "istiod-remote", "istio-pilot", "meshpilot")
    return tuple(dict.fromkeys((*(f"{name}.{namespace}.svc" for name in services), *more)))


class ServerCertificate:
    """Keeps one certificate in force. `changed` is awaited when another one is to be shown."""

    def __init__(
        self,
        issuer: Issuer,
        authority: Authority,
        *,
        names: Sequence[str],
        addresses: Sequence[str],
        clock: Clock,
        roll: Callable[[], float],
        metrics: telemetry.Telemetry,
    ) -> None:
        self._issuer = issuer
        self._authority = authority
        self._names = tuple(names)
        self._addresses = tuple(addresses)
        self._clock = clock
        self._roll = roll
        self._metrics = metrics
        self._state: State = begin(clock.now())
        self._pair: KeyPair | None = None
        self._wake = asyncio.Event()
        self._again = False
        self.changed: Callable[[], Awaitable[None]] | None = None
        self._log = telemetry.log("serving")
        authority.on_change(self._authority_changed)

    def presented(self) -> Presented:
        """What the port shows now. start() must have returned."""
        assert self._pair is not None
        return Presented(
            chain=self._pair.chain,
            key=self._pair.key,
            roots=self._authority.bundle.pem,
            revoked=self._authority.revoked,
        )

    async def start(self) -> None:
        """Make the first one. Raises Refused or SigningFailed where that cannot be."""
        await self._make()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            if due(self._state, self._clock.now()) or self._again:
                try:
                    await self._make()
                except (Refused, SigningFailed) as error:
                    self._state = failed(self._state, now=self._clock.now(), roll=self._roll())
                    self._log.error(
                        "server_certificate_not_renewed",
                        error=str(error),
                        why=str(error.__cause__ or ""),
                    )
                if self.changed is not None:
                    await self.changed()
            seconds = (next_at(self._state) - self._clock.now()).total_seconds()
            try:
                async with asyncio.timeout(max(0.05, min(seconds, _LONGEST_SLEEP))):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _authority_changed(self) -> None:
        # another root signs, or others are trusted: shown and checked from now on
        self._again = True
        self._wake.set()

    async def _make(self) -> None:
        self._again = False
        self._pair = pair = await self._issuer.server(self._names, self._addresses)
        self._state = issued(
            self._state,
            pair.leaf.not_valid_before_utc,
            pair.leaf.not_valid_after_utc,
            now=self._clock.now(),
            roll=self._roll(),
        )
        self._metrics.server_expiry.set(pair.not_after.timestamp())
        self._metrics.root_expiry.set(
            max(
                root.not_valid_after_utc for root in self._authority.bundle.certificates
            ).timestamp()
        )
        self._metrics.chain_expiry.set(self._authority.signer_end.timestamp())
