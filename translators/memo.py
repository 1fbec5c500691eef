"""What has been translated: each object once, for as long as somebody holds the result."""

from collections import Counter
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from translators.wire import Packed

Unit = TypeVar("Unit")
Result = TypeVar("Result", bound=Packed)


class Memo:
    """Packed resources by the identity of the value that they were translated from.

    A Packed holds its unit, so an id is not given to another object while its entry lives.
    `translated` counts, by the unit's type, what was really translated.
    """

    def __init__(self) -> None:
        self._known: WeakValueDictionary[int, Packed] = WeakValueDictionary()
        self.translated: Counter[type] = Counter()

    def __len__(self) -> int:
        return len(self._known)

    def packed(self, unit: Unit, translate: Callable[[Unit], Result]) -> Result:
        """The result of `translate(unit)`, which must keep `unit` in its field of that name.

        A unit is always asked for with the same function.
        """
        found = self._known.get(id(unit))
        if found is not None:
            return found  # type: ignore[return-value]  # by the same function
        made = translate(unit)
        self._known[id(unit)] = made
        self.translated[type(unit)] += 1
        return made
