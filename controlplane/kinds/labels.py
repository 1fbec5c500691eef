"""Kubernetes' rules for labels and object names."""

import re
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\Z")
_PREFIX: Final = re.compile(
    r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\Z"
)
_LONGEST_PREFIX: Final = 253

name_rule: Final = (
    "a name is lower-case letters, digits, dashes and dots, with a letter or digit at both ends"
)


def wrong_key(key: str) -> str:
    """Why `key` is no label key, or ""."""
    prefix, slash, name = key.rpartition("/")
    if slash and not is_object_name(prefix):
        return f'the prefix "{prefix}" of a label key must be a domain name'
    if _NAME.match(name) is None:
        return (
            "a label key is at most 63 letters, digits, dashes, underscores and dots, "
            "with a letter or digit at both ends"
        )
    return ""


def wrong_value(value: str) -> str:
    """Why `value` is no label value, or ""."""
    if not value or _NAME.match(value) is not None:
        return ""
    return (
        "a label value is at most 63 letters, digits, dashes, underscores and dots, "
        "with a letter or digit at both ends"
    )


def is_object_name(name: str) -> bool:
    """Whether `name` is a DNS-1123 subdomain, as names of objects are."""
    return len(name) <= _LONGEST_PREFIX and _PREFIX.match(name) is not None
