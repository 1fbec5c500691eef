"""Files looked at once, document by document, for people who want to know before they apply.

Reads files; decides nothing that the store and `decode` have not decided.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from controlplane.kinds import Ignored, Key, Object, Refusal, Severity, Verdict, Weights, decode
from controlplane.sources.changes import Config, Listed, Put, file_key
from controlplane.sources.documents import Document, Limits, read
from controlplane.sources.store import Store

STDIN: Final = "-"
_ENDINGS: Final = (".yaml", ".yml", ".json")
_SOURCE: Final = "review"

# verdicts that take more than one object to see
Judge = Callable[[Config], Iterable[Verdict]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said of one document; `document` 0 stands for the whole file."""

    file: str
    document: int
    line: int
    key: Key
    accepted: bool
    verdicts: tuple[Verdict, ...]


def nothing(config: Config) -> Iterable[Verdict]:
    """The Judge that sees nothing between objects."""
    return ()


def review(
    paths: Sequence[str],
    *,
    stdin: Callable[[], bytes],
    weights: Weights = "exact",
    judge: Judge = nothing,
    limits: Limits | None = None,
) -> list[Finding]:
    """A Finding for every document in files and directories, and for every file that has none."""
    store = Store([_SOURCE], weights=weights)
    findings: list[Finding] = []
    documents: list[Document] = []
    for path in _files(paths):
        try:
            data = stdin() if path == STDIN else _bytes(path)
        except OSError as error:
            findings.append(_of_file(path, _unreadable(path, error)))
            continue
        contents = read(data, path, limits=limits or Limits())
        if contents.broken is not None:
            findings.append(_of_file(path, contents.broken))
        documents += contents.documents
    store.apply(Put(_SOURCE, item.slot, item.raw, item.location) for item in documents)
    store.apply([Listed(_SOURCE)])
    config = store.take()
    between = [*_duplicates(config), *judge(config)]
    findings += (_of_document(item, weights, between) for item in documents)
    return findings


def _files(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for directory, below, names in os.walk(path):
            below[:] = sorted(name for name in below if not name.startswith("."))
            for name in sorted(names):
                if name.endswith(_ENDINGS) and not name.startswith("."):
                    yield os.path.join(directory, name)


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _duplicates(config: Config) -> Iterator[Verdict]:
    for verdicts in config.verdicts.values():
        yield from (one for one in verdicts if one.reason == "DuplicateObject")


def _of_document(item: Document, weights: Weights, between: list[Verdict]) -> Finding:
    match decode(item.raw, weights=weights):
        case Object(key=key, warnings=verdicts):
            pass
        case Refusal(key, verdicts):
            pass
        case Ignored(kind, api_version):
            key, verdicts = Key(kind, "", ""), (_unused(kind, api_version),)
    known = set(verdicts)
    verdicts += tuple(one for one in between if one.object == key and one not in known)
    return Finding(
        file=item.location.file,
        document=item.location.document,
        line=item.location.line,
        key=key,
        accepted=all(one.severity is not Severity.ERROR for one in verdicts),
        verdicts=verdicts,
    )


def _of_file(path: str, verdict: Verdict) -> Finding:
    return Finding(path, 0, 0, file_key(path), accepted=False, verdicts=(verdict,))


def _unused(kind: str, api_version: str) -> Verdict:
    return Verdict(
        object=Key(kind, "", ""),
        severity=Severity.INFO,
        reason="KindIgnored",
        field="kind",
        message=f"objects of kind {kind} ({api_version}) are not used",
        remedy="nothing needs to be done",
    )


def _unreadable(path: str, error: OSError) -> Verdict:
    return Verdict(
        object=file_key(path),
        severity=Severity.ERROR,
        reason="Unreadable",
        field="",
        message=f"{path}: {error.strerror}",
        remedy="name a file or a directory that can be read",
    )
