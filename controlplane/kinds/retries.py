"""The conditions of `retries.retryOn`."""

from http import HTTPStatus
from typing import Final

# Envoy's x-envoy-retry-on and x-envoy-retry-grpc-on, as far as Istio takes them
_CONDITIONS: Final = frozenset(
    {
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "envoy-ratelimited",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    }
)
_BY_CODE: Final = "retriable-status-codes"
# Istio's: tries again where nothing can have been processed
_DEFAULT: Final = f"connect-failure,refused-stream,unavailable,cancelled,{_BY_CODE}"
_STATUS: Final = frozenset(str(status.value) for status in HTTPStatus)


def wrong_retry_on(text: str) -> str:
    """Why a comma-separated list of conditions and status codes is wrong, or ""."""
    if not text:
        return ""
    for condition in text.split(","):
        if condition not in _CONDITIONS and condition not in _STATUS:
            return f'"{condition}" is no retry condition'
    return ""


def conditions(text: str) -> tuple[str, tuple[int, ...]]:
    """`retry_on` and the status codes as Envoy takes them; Istio's default for ""."""
    if not text:
        return _DEFAULT, ()
    written = text.split(",")
    codes = tuple(int(one) for one in written if one in _STATUS)
    named = [one for one in written if one not in _STATUS]
    if codes and _BY_CODE not in named:
        named.append(_BY_CODE)
    return ",".join(named), codes
