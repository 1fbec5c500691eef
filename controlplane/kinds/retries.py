"""Retries: their policy, and the conditions of `retryOn`."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from controlplane.kinds.fields import (
    Flag,
    Int32,
    Milliseconds,
    Text,
)
from controlplane.kinds.frames import Checked
from controlplane.kinds.problems import Problem
from translators.model import Retry

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


class HttpRetry(Checked):
    """`attempts` 0 switches retries off."""

    attempts: Int32 = 0
    per_try_timeout: Milliseconds | None = None
    backoff: Milliseconds | None = None
    retry_on: Text = ""
    retry_remote_localities: Flag | None = None
    retry_ignore_previous_hosts: Flag | None = None

    @property
    def policy(self) -> Retry | None:
        """As Envoy takes it, Istio's conditions where none are written; None: no retries."""
        if not self.attempts:
            return None
        retry_on, codes = conditions(self.retry_on)
        return Retry(
            attempts=self.attempts,
            retry_on=retry_on,
            codes=codes,
            per_try_timeout_ms=self.per_try_timeout,
            backoff_ms=self.backoff,
            previous_hosts=self.retry_ignore_previous_hosts is not False,
            remote_localities=self.retry_remote_localities is True,
        )

    def problems(self) -> Iterator[Problem]:
        if self.attempts < 0:
            yield Problem(
                ("attempts",),
                "OutOfRange",
                "attempts may not be negative",
                "write 0 to switch retries off",
                self.attempts,
            )
        elif self.attempts == 0 and (
            self.per_try_timeout
            or self.retry_on
            or self.backoff
            or self.retry_remote_localities is not None
            or self.retry_ignore_previous_hosts is not None
        ):
            yield Problem(
                ("attempts",),
                "RetriesOff",
                "0 switches retries off, and the other fields would do nothing",
                "set attempts, or remove the other fields",
                0,
            )
        if why := wrong_retry_on(self.retry_on):
            yield Problem(
                ("retryOn",),
                "RetryOn",
                why,
                'list conditions with commas and no spaces, as in "5xx,reset"',
                self.retry_on,
            )
