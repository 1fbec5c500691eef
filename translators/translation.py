"""A View -> packed resources, where only what is a new object is translated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from translators import cds, eds, lds, rds
from translators.memo import Memo
from translators.model import Changes, View
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
    changed: Callable[[Changes], frozenset[str]]
    translate: Translation[Unit]

    def packed(
        self,
        units: Mapping[str, Unit],
        memo: Memo,
        before: Units,
        *,
        changed: frozenset[str] | None = None,
    ) -> Units:
        """`changed` names are looked at, or all; an order of names that changed is made anew."""
        if changed is not None and len(units) == len(before) and changed <= before.keys():
            made = dict(before)
            for name in changed:
                made[name] = self._packed(units[name], memo, before.get(name))
            return made
        return {name: self._packed(unit, memo, before.get(name)) for name, unit in units.items()}

    def _packed(self, unit: Unit, memo: Memo, held: Packed | None) -> Packed:
        if held is not None and held.unit is unit:
            return held
        return memo.packed(unit, partial(self.translate, memo=memo, before=held))


def _alone(translate: Callable[[Unit], Packed]) -> Translation[Unit]:
    """A translation that needs nothing but its unit."""

    def translation(unit: Unit, /, *, memo: Memo, before: Packed | None) -> Packed:
        return translate(unit)

    return translation


TRANSLATORS: Final[tuple[Translator[Any], ...]] = (
    Translator(CLUSTER, lambda v: v.clusters, lambda c: c.clusters, _alone(cds.translate)),
    Translator(ASSIGNMENT, lambda v: v.assignments, lambda c: c.assignments, _alone(eds.translate)),
    Translator(LISTENER, lambda v: v.listeners, lambda c: c.listeners, _alone(lds.translate)),
    Translator(ROUTE, lambda v: v.tables, lambda c: c.tables, rds.translate),
)


def translate(view: View, memo: Memo, before: tuple[View, Translated] | None = None) -> Translated:
    """Every resource of `view`, by type URL and name; types in push order.

    A mapping of the view that is the object it was in `before` gives the mapping of `before`; in
    another one, each object that `memo` knows is looked up and no more. `before` must have been
    made with the same memo.
    """
    old_view, old = before if before is not None else (None, {})
    changes = view.changes
    if changes is None or old_view is None or changes.since is not old_view.mark:
        changes = None
    made: dict[str, Units] = {}
    for translator in TRANSLATORS:
        units, held = translator.units(view), old.get(translator.type_url, _NONE)
        if old_view is not None and translator.units(old_view) is units:
            made[translator.type_url] = held
        else:
            made[translator.type_url] = translator.packed(
                units, memo, held, changed=translator.changed(changes) if changes else None
            )
    return made
