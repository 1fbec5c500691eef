"""The open names of one type on one stream: each by itself, or in lots.

A client that starts asks for thousands of names at once, is sent all of them and acknowledges all
of them. As long as nothing else is known of such a name it has no Entry, only its place in a lot;
whoever looks at it gets an Entry, and it is treated by itself from then on.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from controlplane.xds.entries import Entry
from controlplane.xds.resources import Resource

# the number of the lot that was asked for and not sent yet; others have that of their response
UNSENT: Final = 0
_NOTHING: Final[Mapping[str, Resource]] = {}


@dataclass(slots=True, eq=False)
class Entries:
    """Open names and their entries; a lot is unfolded by looking at its names.

    pending  where a name is put that is unfolded before it was sent
    owed     whether names of the unsent lot are owed, so that even their end is told
    """

    pending: dict[str, None]
    owed: bool = False
    lots: dict[int, dict[str, Resource]] = field(default_factory=dict)
    _single: dict[str, Entry] = field(default_factory=dict)

    def get(self, name: str) -> Entry | None:
        found = self._single.get(name)
        if found is None and self.lots:
            return self._unfold(name)
        return found

    def __getitem__(self, name: str) -> Entry:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __setitem__(self, name: str, entry: Entry) -> None:
        self._leave_lot(name)
        self._single[name] = entry

    def __delitem__(self, name: str) -> None:
        self._leave_lot(name)
        self._single.pop(name, None)

    def __contains__(self, name: str) -> bool:
        return name in self._single or any(name in lot for lot in self.lots.values())

    def __len__(self) -> int:
        return len(self._single) + sum(len(lot) for lot in self.lots.values())

    def __iter__(self) -> Iterator[str]:
        yield from self._single
        for lot in self.lots.values():
            yield from lot

    def items(self) -> Iterable[tuple[str, Entry]]:
        """Every name by itself: what is in lots is unfolded first."""
        self.unfold()
        return self._single.items()

    def values(self) -> Iterable[Entry]:
        self.unfold()
        return self._single.values()

    def pop(self, name: str, default: None = None) -> Entry | None:
        self._leave_lot(name)
        return self._single.pop(name, default)

    def ask(self, lot: Mapping[str, Resource]) -> None:
        """Add names that are not open, to be sent at the value given."""
        if lot:
            self.lots.setdefault(UNSENT, {}).update(lot)

    @property
    def waiting(self) -> bool:
        """Whether a lot was not sent yet."""
        return UNSENT in self.lots

    def unsent(self) -> Mapping[str, Resource]:
        """What was asked for and waits; who takes it sends it."""
        return self.lots.pop(UNSENT, _NOTHING)

    def sent(self, sequence: int, lot: Iterable[Resource]) -> None:
        self.lots[sequence] = {one.name: one for one in lot}

    def landed(self, sequence: int) -> Iterable[Resource]:
        """The lot is acknowledged: its names are not open any more."""
        return self.lots.pop(sequence, _NOTHING).values()

    def unfold(self) -> None:
        """Every name by itself."""
        for name in [name for lot in self.lots.values() for name in lot]:
            self._unfold(name)

    def _unfold(self, name: str) -> Entry | None:
        for sequence, lot in self.lots.items():
            value = lot.pop(name, None)
            if value is None:
                continue
            if sequence == UNSENT:
                entry = Entry(owed=self.owed)
                self.pending[name] = None
            else:
                entry = Entry(sent=((sequence, value),))
            self._single[name] = entry
            if not lot:
                del self.lots[sequence]
            return entry
        return None

    def _leave_lot(self, name: str) -> None:
        for sequence, lot in self.lots.items():
            if lot.pop(name, None) is not None:
                if not lot:
                    del self.lots[sequence]
                return
