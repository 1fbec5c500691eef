"""What a NACK means: whom it convicts, who is searched by halves, and what is owed again.

A refusal that names nobody splits what came with it into cohorts, which are sent apart from each
other until a culprit is alone. It sends nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from controlplane.xds.culprits import named
from controlplane.xds.entries import Flight, Item
from controlplane.xds.ledger import Ledger
from controlplane.xds.reports import Nack, Nacked
from controlplane.xds.rollout import Rollout

# a removal has no version; this one stands for a removal that was refused
GONE: Final = ""


@dataclass(slots=True, eq=False)
class Refusals:
    """The refusals of one stream. `cohort` is the number of the last cohort made."""

    rollout: Rollout
    cohort: int = 0

    def refused(self, ledger: Ledger, flight: Flight, text: str) -> Nacked:
        """The client refused `flight`, because of `text`."""
        flight = ledger.spread(flight)
        items = ledger.crash(flight)
        suspects = [item for item in items if item.value is not None] or items
        names = set(named(text, (item.name for item in suspects)))
        told = bool(names)
        # the culprit may have been given up meanwhile: only what was alone is convicted
        alone = sum(item.value is not None for item in flight.items) <= 1
        if not names and not alone:
            self._halve(ledger, suspects)
        elif not names:
            names = {item.name for item in suspects}
        culprits: list[tuple[str, str]] = []
        for item in items:
            culprit = item.name in names
            if culprit:
                version = GONE if item.value is None else item.value.version
                culprits.append((item.name, version))
                ledger.refuse(Nack(item.name, version, text))
            elif told:
                ledger.open[item.name].applied = (item.value,)
            self.rollout.refused(ledger.type_url, item, culprit=culprit)
        return Nacked(ledger.type_url, tuple(culprits), text)

    def _halve(self, ledger: Ledger, suspects: Sequence[Item]) -> None:
        half = (len(suspects) + 1) // 2
        for part in (suspects[:half], suspects[half:]):
            self.cohort += 1
            for item in part:
                ledger.open[item.name].cohort = self.cohort
