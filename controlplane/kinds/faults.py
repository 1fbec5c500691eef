"""pydantic's errors as verdicts: a path as users write it, the value, the reason and the remedy."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from reprlib import Repr
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from controlplane.kinds.frames import Frame, Through
from controlplane.kinds.objects import Key, Verdict
from controlplane.kinds.problems import NOTHING, TOGETHER, Path, Problem

_PLAIN: Final = re.compile(r"[A-Za-z0-9_]+\Z")
_LONGEST: Final = 120
_DICT_KEY: Final = "[key]"

# pydantic's error types for values of another type, and what was wanted
_WANTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a map",
    "mapping_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "string_unicode": "valid text",
    "string_sub_type": "plain text",
}

_short = Repr()
_short.maxstring = _short.maxother = _LONGEST
_short.maxlist = _short.maxdict = _short.maxtuple = 6
_short.maxlevel = 3


def show(value: object) -> str:
    """A value as a person who writes YAML would recognise it, cut where it is long."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            text = value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
            return '"' + text.encode("unicode_escape").decode("ascii") + '"'
        case _:
            return _short.repr(value)


def render(path: Path) -> str:
    """("spec", "http", 0, "route") -> "spec.http[0].route"."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.match(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step if step.isprintable() else ascii(step)}]"
    return text


def verdict(key: Key, problem: Problem, root: Path = ()) -> Verdict:
    """A problem of one object, its path seen from `root`."""
    field = render((*root, *problem.path))
    where = field or "the object"
    value = "" if problem.value is NOTHING else f" is {show(problem.value)}"
    return Verdict(
        object=key,
        severity=problem.severity,
        reason=problem.reason,
        field=field,
        message=f"{where}{value}: {problem.why}",
        remedy=problem.remedy,
    )


def problems(model: type[Frame], errors: Sequence[ErrorDetails]) -> Iterator[Problem]:
    """The problems that pydantic found while it built `model`, all of them."""
    seen: set[tuple[Path, str]] = set()
    for error in errors:
        for problem in _explain(model, error):
            if (problem.path, problem.reason) not in seen:
                seen.add((problem.path, problem.reason))
                yield problem


def _explain(model: type[Frame], error: ErrorDetails) -> Iterator[Problem]:
    path: Path = tuple(step for step in error["loc"] if step != _DICT_KEY)
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == TOGETHER:
        for found in context["found"]:
            shown = value if found.value is NOTHING and not found.path else found.value
            nothing = isinstance(shown, BaseModel | tuple | list | dict)
            yield found._replace(path=(*path, *found.path), value=NOTHING if nothing else shown)
    elif kind == "missing":
        yield Problem(path, "Required", "it is required", f"add {path[-1]}")
    elif kind == "extra_forbidden":
        yield _unknown(model, path)
    elif kind in _WANTED:
        wanted = _WANTED[kind]
        why = f"it must be {wanted}, not {_type(value)}"
        yield Problem(path, "WrongType", why, f"write {wanted}", value)
    elif kind in ("literal_error", "enum"):
        yield _unsupported(path, value, str(context.get("expected", "")))
    elif kind == "too_short" and value:
        return  # elements were refused, each with a problem of its own
    elif "why" in context:
        yield Problem(path, kind, str(context["why"]), str(context["remedy"]), value)
    else:
        yield _bounded(path, kind, value, context, error["msg"])


def _bounded(
    path: Path, kind: str, value: object, context: Mapping[str, Any], message: str
) -> Problem:
    match kind:
        case "greater_than_equal":
            why = f"it must be at least {context['ge']}"
        case "less_than_equal":
            why = f"it must be at most {context['le']}"
        case "string_too_short" | "too_short":
            return Problem(path, "Empty", "it may not be empty", "write at least one", value)
        case _:
            return Problem(path, "Invalid", message, "correct the value", value)
    return Problem(path, "OutOfRange", why, "write a number in that range", value)


def _unsupported(path: Path, value: object, expected: str) -> Problem:
    choices = re.findall(r"'([^']*)'", expected)
    near = get_close_matches(value, choices, 1, 0.7) if isinstance(value, str) else []
    remedy = f'did you mean "{near[0]}"?' if near else "write one of " + ", ".join(choices)
    return Problem(path, "UnsupportedValue", "there is no such value", remedy, value)


def _type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case Mapping():
            return "a map"
        case list() | tuple():
            return "a list"
        case _:
            return type(value).__name__


def _unknown(model: type[Frame], path: Path) -> Problem:
    owner = _owner(model, path[:-1])
    name = str(path[-1])
    if name in owner.unserved:
        return Problem(path, "NotSupported", "the field is not served yet", f"remove {name}")
    known = [field.alias or key for key, field in owner.model_fields.items()]
    return unknown_field(path, known=[*known, *owner.unserved])


def unknown_field(path: Path, *, known: Sequence[str]) -> Problem:
    name = str(path[-1])
    near = nearest(name, known)
    remedy = f'did you mean "{near}"?' if near else f"remove {name}"
    return Problem(path, "UnknownField", "there is no such field", remedy)


def nearest(name: str, known: Sequence[str]) -> str:
    """The known name that `name` is probably meant to be, or ""."""
    folded = {one.lower(): one for one in known}
    plain = name.lower().replace("_", "").replace("-", "")
    if plain in folded:
        return folded[plain]
    close = get_close_matches(name.lower()[:_LONGEST], list(folded), 1, 0.7)
    return folded[close[0]] if close else ""


def _owner(model: type[Frame], path: Path) -> type[Frame]:
    """The model of the value at `path`."""
    at: object = model
    for step in path:
        if isinstance(at, type) and issubclass(at, BaseModel):
            fields = at.model_fields.items()
            field = next((one for key, one in fields if step in (one.alias, key)), None)
            at = _read_as(field.metadata, field.annotation) if field else None
        else:
            at = _unwrap(_element(at))
    return at if isinstance(at, type) and issubclass(at, Frame) else Frame


def _unwrap(annotation: object) -> object:
    """Annotated[X | None, ...] -> X."""
    if hasattr(annotation, "__metadata__"):
        return _read_as(annotation.__metadata__, get_args(annotation)[0])
    inner = [part for part in get_args(annotation) if part is not type(None)]
    if len(inner) == 1 and get_origin(annotation) is not tuple:
        return _unwrap(inner[0])
    return annotation


def _read_as(metadata: Iterable[object], annotation: object) -> object:
    """What a value is read as: the frame of Through, where there is one."""
    frames = (mark.frame for mark in metadata if isinstance(mark, Through))
    return _unwrap(next(frames, annotation))


def _element(annotation: object) -> object:
    """The type of the elements of a tuple or of the values of a mapping."""
    arguments = get_args(annotation)
    if not arguments:
        return None
    return arguments[0] if get_origin(annotation) is tuple else arguments[-1]
