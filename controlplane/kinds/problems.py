"""A fault or remark found in one value, with its path relative to that value.

Field rules raise `refuse`; rules across fields yield Problems, which `together` raises at once, so
that pydantic reports every fault of a document in one go.
"""

from collections.abc import Iterable
from typing import LiteralString, NamedTuple, NoReturn

from pydantic_core import PydanticCustomError

from controlplane.kinds.objects import Severity

Path = tuple[int | str, ...]

TOGETHER = "together"


class _Nothing:
    """Stands for "there is no value to show"."""


NOTHING = _Nothing()


class Problem(NamedTuple):
    """`path` leads from the value that was checked to the one at fault."""

    path: Path
    reason: str
    why: str
    remedy: str
    value: object = NOTHING
    severity: Severity = Severity.ERROR


def refuse(reason: LiteralString, why: str, remedy: str) -> PydanticCustomError:
    """The error that a field rule raises: the value at hand is wrong."""
    return PydanticCustomError(reason, "{why}", {"why": why, "remedy": remedy})


def unserved(what: str, remedy: str) -> PydanticCustomError:
    """The error for what Istio knows and we do not do yet."""
    return refuse("NotSupported", f"{what} is not served yet", remedy)


def together(problems: Iterable[Problem]) -> None:
    """Raise all problems as one error, if there are any."""
    found = tuple(problems)
    if found:
        _raise(found)


def _raise(found: tuple[Problem, ...]) -> NoReturn:
    raise PydanticCustomError(TOGETHER, "{count} problems", {"count": len(found), "found": found})
