"""Regular expressions as Envoy takes them: RE2, bounded in text and program size."""

from functools import lru_cache
from typing import Final

import re2

# Istio's bound on the text, and the re2.max_program_size.error_level of the bootstrap
LONGEST: Final = 1024
LARGEST: Final = 32768
_MEMORY: Final = 5 * 256 * 1024


def _options() -> "re2.Options":
    options = re2.Options()
    options.log_errors = False
    # without it RE2 spends seconds on programs far above what Envoy takes
    options.max_mem = _MEMORY
    # with its default encoding the binding counts a larger program than Envoy does
    options.encoding = re2.Options.Encoding.LATIN1
    return options


_OPTIONS: Final = _options()


@lru_cache(maxsize=4096)
def wrong_regex(pattern: str) -> str:
    """Why Envoy would refuse `pattern`, or ""."""
    text = pattern.encode("utf-8", "surrogatepass")
    if not text:
        return "a regular expression may not be empty"
    if len(text) > LONGEST:
        return f"a regular expression has at most {LONGEST} bytes, this one has {len(text)}"
    try:
        compiled = re2.compile(text, _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else "syntax error"
        shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        return f"RE2 does not compile it: {shown}"
    if compiled.programsize > LARGEST:
        return f"its program has size {compiled.programsize}, Envoy takes {LARGEST}"
    return ""


@lru_cache(maxsize=1024)
def groups(pattern: str) -> int:
    """The number of groups of a pattern that `wrong_regex` took."""
    return int(re2.compile(pattern.encode("utf-8", "surrogatepass"), _OPTIONS).groups)
