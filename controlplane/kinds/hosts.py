"""Istio's rules for host names, wildcards and references to hosts and gateways.

Every function returns why the text is wrong, or "" where it is right.
"""

import re
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

_LABEL: Final = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?\Z")
_WILDCARD_LABEL: Final = re.compile(r"\*(?:-?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)?\Z")
_LONGEST_NAME: Final = 255
_LONGEST_LABEL: Final = 63

label_rule: Final = (
    "a name is at most 63 letters, digits and dashes, with a letter or digit at both ends"
)


def is_label(text: str) -> bool:
    return _LABEL.match(text) is not None


def is_address(text: str) -> bool:
    """Whether `text` is an IP address (no zone, no prefix length)."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_network(text: str) -> bool:
    """Whether `text` is an address with a prefix length; host bits may be set."""
    address, slash, bits = text.partition("/")
    if not slash or not bits.isascii() or not bits.isdigit():
        return False
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return is_address(address)


def wrong_label(text: str) -> str:
    return "" if is_label(text) else label_rule


@lru_cache(maxsize=4096)
def wrong_domain(text: str, *, wildcard: bool) -> str:
    """A domain name; with `wildcard` its first label may be or begin with `*`."""
    if not text:
        return "a host may not be empty"
    if len(text) > _LONGEST_NAME:
        return f"a host has at most {_LONGEST_NAME} characters"
    if text == "*":
        return "" if wildcard else "a wildcard names no single host"
    labels = text.removesuffix(".").split(".")
    for place, label in enumerate(labels):
        if place == 0 and label.startswith("*"):
            if not wildcard:
                return "a wildcard names no single host"
            if _WILDCARD_LABEL.match(label) is None or len(label) > _LONGEST_LABEL:
                return f'the label "{label}" is wrong: {label_rule}'
        elif not is_label(label):
            if "*" in label:
                return "a wildcard may stand only at the beginning of the first label"
            return f'the label "{label}" is wrong: {label_rule}'
    if labels[-1].isdigit():
        return "the last label of a host may not be all digits"
    return ""


def wrong_scoped_host(text: str) -> str:
    """The host part of `namespace/host` in Gateway and Sidecar: `*` or a full name."""
    if text == "*":
        return ""
    if "." not in text and text != "localhost":
        return "short names are not allowed here, because their namespace would be a guess"
    first = text.partition(".")[0]
    if first.startswith("*") and first != "*":
        return 'a partial wildcard is not allowed here, only "*" as the whole first label'
    return wrong_domain(text, wildcard=True)


def overlap(one: str, other: str) -> bool:
    """Whether some host matches both (Istio's host.Name.Matches)."""
    one_open, other_open = one.startswith("*"), other.startswith("*")
    if one_open and other_open:
        longer, shorter = sorted((one[1:], other[1:]), key=len, reverse=True)
        return longer.endswith(shorter)
    if one_open:
        return other.endswith(one[1:])
    if other_open:
        return one.endswith(other[1:])
    return one == other
