"""Rules of a VirtualService that no request reaches, because earlier rules take all of theirs."""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from controlplane.kinds.matches import HttpMatch
from controlplane.kinds.objects import Severity
from controlplane.kinds.problems import Problem
from translators.model import MatchKind, StringMatch

Conditions = frozenset[tuple[object, ...]]


class Rule(Protocol):
    """What is looked at of an http entry."""

    @property
    def match(self) -> tuple[HttpMatch, ...]: ...


# rules with more different conditions than this are compared with equal and empty ones only
_MOST: Final = 64
_EVERY_PATH: Final = (
    StringMatch(MatchKind.PREFIX, ""),
    StringMatch(MatchKind.PREFIX, "/"),
    StringMatch(MatchKind.REGEX, ".*"),
)


class _Taken:
    """What earlier matches with the same conditions besides the path take, and by which rule."""

    def __init__(self) -> None:
        self.everything: int | None = None
        self.prefixes: dict[str, int] = {}
        self.others: dict[tuple[str, str, bool], int] = {}
        self.lengths: set[int] = set()

    def add(self, match: HttpMatch, rule: int) -> None:
        path = _path(match)
        if path is None:
            self.everything = rule if self.everything is None else self.everything
            return
        kind, text, folded = path
        self.others.setdefault(path, rule)
        if kind == "prefix" and not folded:
            self.prefixes.setdefault(text, rule)
            self.lengths.add(len(text))

    def covers(self, match: HttpMatch) -> int | None:
        if self.everything is not None:
            return self.everything
        path = _path(match)
        if path is None:
            return None
        if path in self.others:
            return self.others[path]
        kind, text, folded = path
        if kind == "regex" or folded:
            return None
        for length in self.lengths:
            if length <= len(text) and (rule := self.prefixes.get(text[:length])) is not None:
                return rule
        return None


def _path(match: HttpMatch) -> tuple[str, str, bool] | None:
    """(kind, text, case ignored) of the condition on the path; None where every path matches."""
    uri = match.uri
    if uri is None or uri.kind is MatchKind.PRESENT or uri in _EVERY_PATH:
        return None
    folded = match.ignore_uri_case and uri.kind is not MatchKind.REGEX
    return uri.kind.value, uri.value.lower() if folded else uri.value, folded


def _conditions(match: HttpMatch) -> Conditions:
    """All conditions but the one on the path."""
    found: set[tuple[object, ...]] = set()
    for name in ("scheme", "method", "authority"):
        part = getattr(match, name)
        if part is not None:
            found.add((name, part))
    for name in ("headers", "without_headers", "query_params"):
        for key, value in getattr(match, name).items():
            found.add((name, key.lower() if name != "query_params" else key, value))
    if match.port:
        found.add(("port", match.port))
    if match.gateways:
        found.add(("gateways", frozenset(match.gateways)))
    found.update(("source", *pair) for pair in match.source_labels.items())
    if match.source_namespace:
        found.add(("namespace", match.source_namespace))
    return frozenset(found)


def shadowed(rules: Sequence[Rule]) -> Iterator[Problem]:
    """Warnings for matches and rules that earlier ones leave nothing for (IST0130, IST0131)."""
    taken: dict[Conditions, _Taken] = {}
    catch_all: int | None = None
    for number, rule in enumerate(rules):
        if catch_all is not None:
            yield _unreachable(number, f"rule {catch_all} before it takes every request")
            continue
        if not rule.match:
            catch_all = number
            continue
        lost = 0
        for place, match in enumerate(rule.match):
            conditions = _conditions(match)
            by = _covering(taken, conditions, match)
            if by is not None and by != number:
                lost += 1
                yield Problem(
                    ("http", number, "match", place),
                    "DuplicateMatch",
                    f"rule {by} before it takes every request that it would match",
                    "remove it, or move it before that rule",
                    severity=Severity.WARNING,
                )
            taken.setdefault(conditions, _Taken()).add(match, number)
        if lost == len(rule.match):
            yield _unreachable(number, "the rules before it take every request of its matches")
        everything = taken.get(frozenset())
        if everything is not None and everything.everything is not None:
            catch_all = everything.everything


def _covering(
    taken: dict[Conditions, _Taken], conditions: Conditions, match: HttpMatch
) -> int | None:
    if len(taken) > _MOST:
        candidates = [taken[part] for part in (frozenset(), conditions) if part in taken]
    else:
        candidates = [one for part, one in taken.items() if part <= conditions]
    found = [by for one in candidates if (by := one.covers(match)) is not None]
    return min(found, default=None)


def _unreachable(number: int, why: str) -> Problem:
    return Problem(
        ("http", number),
        "UnreachableRule",
        f"no request reaches it: {why}",
        "move it before that rule, or remove it",
        severity=Severity.WARNING,
    )
