"""A View -> packed resources, where only what is a new object is translated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from translators import cds, eds, lds, rds
from translators.memo import Memo
from translators.model import View
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE, Packed

Unit = TypeVar("Unit")
Unit_contra = TypeVar("Unit_contra", contravariant=True)
Units = Mapping[str, Packed]
Translated = Mapping[str, Units]  # type URL -> name -> resource

_NONE: Final[Units] = {}


class Translation(Protocol[Unit_contra]):
    def __call__(self, unit: Unit_contra, /, *, memo: Memo, before: Packed | None) -> Packed: ...


@dataclass(frozen=True, slots=True)
class Translator(Generic[Unit]):
    """What makes the resources of one type: `units` of a view, each by `translate`.

    `translate` takes the packed resource that had the unit's name before, if any, and may use
    what that holds; the result does not depend on it.
    """

    type_url: str
    units: Callable[[View], Mapping[str, Unit]]
    translate: Translation[Unit]

    def packed(self, units: Mapping[str, Unit], memo: Memo, before: Units) -> Units:
        made: dict[str, Packed] = {}
        for name, unit in units.items():
            held = before.get(name)
            if held is None or held.unit is not unit:
                held = memo.packed(unit, partial(self.translate, memo=memo, before=held))
            made[name] = held
        return made


def _alone(translate: Callable[[Unit], Packed]) -> Translation[Unit]:
    """A translation that needs nothing but its unit."""

    def translation(unit: Unit, /, *, memo: Memo, before: Packed | None) -> Packed:
        return translate(unit)

    return translation


TRANSLATORS: Final[tuple[Translator[Any], ...]] = (
    Translator(CLUSTER, lambda view: view.clusters, _alone(cds.translate)),
    Translator(ASSIGNMENT, lambda view: view.assignments, _alone(eds.translate)),
    Translator(LISTENER, lambda view: view.listeners, _alone(lds.translate)),
    Translator(ROUTE, lambda view: view.tables, rds.translate),
)


def translate(view: View, memo: Memo, before: tuple[View, Translated] | None = None) -> Translated:
    """Every resource of `view`, by type URL and name; types in push order.

    A mapping of the view that is the object it was in `before` gives the mapping of `before`; in
    another one, each object that `memo` knows is looked up and no more. `before` must have been
    made with the same memo.
    """
    old_view, old = before if before is not None else (None, {})
    made: dict[str, Units] = {}
    for translator in TRANSLATORS:
        units, held = translator.units(view), old.get(translator.type_url, _NONE)
        if old_view is not None and translator.units(old_view) is units:
            made[translator.type_url] = held
        else:
            made[translator.type_url] = translator.packed(units, memo, held)
    return made
