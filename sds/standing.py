"""Where a rotation stands, for people."""

from dataclasses import dataclass
from datetime import datetime

from sds.stages import Stage


@dataclass(frozen=True, slots=True)
class Root:
    """An anchor of the bundle, for people. signs: leaves that are issued now lead to it."""

    fingerprint: str
    subject: str
    not_after: datetime
    signs: bool


@dataclass(frozen=True, slots=True)
class Status:
    """Where a rotation stands, for people.

    waiting   for whom and what, a sentence each
    notes     how it came here, where that is not the usual way
    problems  what is wrong and stays as it is until somebody does something
    """

    stage: Stage
    since: datetime
    signer: str
    roots: tuple[Root, ...]
    waiting: tuple[str, ...]
    next_step: str
    notes: tuple[str, ...]
    problems: tuple[str, ...]
