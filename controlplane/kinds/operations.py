"""Changes to the headers of requests and responses."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from controlplane.kinds import headers
from controlplane.kinds.fields import (
    Text,
    header_problems,
)
from controlplane.kinds.frames import Checked, Strict, Through
from controlplane.kinds.objects import Severity
from controlplane.kinds.problems import Path, Problem
from translators.model import NO_HEADERS, HeaderOperations


class HeaderChanges(Checked):
    set: Mapping[Text, Text] = Field(default_factory=dict)
    add: Mapping[Text, Text] = Field(default_factory=dict)
    remove: tuple[Text, ...] = ()

    authority: ClassVar[bool] = False

    def problems(self) -> Iterator[Problem]:
        for block in ("set", "add"):
            changes: Mapping[str, str] = getattr(self, block)
            for name, reason, why, value in header_problems(changes, authority=self.authority):
                yield Problem((block, name), reason, why, "correct the header", value)
        for place, name in enumerate(self.remove):
            if why := headers.wrong_name(name) or (
                "the host cannot be removed" if name.lower() == "host" else ""
            ):
                yield Problem(("remove", place), "HeaderName", why, "write a header name", name)

    def value(self) -> HeaderOperations:
        return HeaderOperations(
            set=tuple(self.set.items()), add=tuple(self.add.items()), remove=self.remove
        )


class RequestHeaders(HeaderChanges):
    """Changes to a request; `:authority` and `host` may be set here only."""

    authority: ClassVar[bool] = True


class Headers(Strict):
    request: Annotated[HeaderOperations, Through(RequestHeaders)] = NO_HEADERS
    response: Annotated[HeaderOperations, Through(HeaderChanges)] = NO_HEADERS


class WithHeaders(Strict):
    headers: Headers = Headers()

    @property
    def request_headers(self) -> HeaderOperations:
        return self.headers.request

    @property
    def response_headers(self) -> HeaderOperations:
        return self.headers.response


def odd_names(path: Path, holder: WithHeaders) -> Iterator[Problem]:
    for direction in ("request", "response"):
        operations: HeaderOperations = getattr(holder.headers, direction)
        for block in ("set", "add"):
            for name, _ in getattr(operations, block):
                if not headers.is_token(name.removeprefix(":")):
                    yield Problem(
                        (*path, "headers", direction, block, name),
                        "HeaderName",
                        "this is no header name by RFC 9110, most peers refuse it",
                        "use letters, digits and dashes",
                        severity=Severity.WARNING,
                    )
