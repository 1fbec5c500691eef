"""Which of the resources sent are named in the text of a NACK."""

import re
from collections.abc import Iterable
from typing import Final

# what may be part of a name; a dot or colon ends one when nothing of a name follows
_BEFORE: Final = r"(?<![\w|~/@*:.\-])"
_AFTER: Final = r"(?![\w|~/@*\-]|[.:][\w|~/@*\-])"
# a number is more often a port or a line than a name: it counts when it is introduced as a name
_INTRODUCED: Final = (
    r"(?:['\"]|(?:clusters?|listeners?|routes?|tables?|configurations?|names?|\(s\)) )"
)


def named(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that occur in `text` as whole names; a longer name hides one within it."""
    found: list[str] = []
    for name in sorted(names, key=len, reverse=True):
        if not name or name not in text:
            continue
        before = _INTRODUCED if name.isdigit() else _BEFORE
        pattern = re.compile(before + re.escape(name) + _AFTER)
        if pattern.search(text):
            found.append(name)
            text = pattern.sub("\0", text)
    return tuple(found)
