"""Rewrites of a request's path and authority."""

from collections.abc import Iterator

from controlplane.kinds.fields import (
    HeaderText,
    Regex,
)
from controlplane.kinds.frames import Checked
from controlplane.kinds.problems import Problem
from controlplane.kinds.regexes import groups
from translators.model import Rewrite


class RegexRewrite(Checked):
    match: Regex
    rewrite: HeaderText

    def problems(self) -> Iterator[Problem]:
        known, at = groups(self.match), 0
        while (at := self.rewrite.find("\\", at)) >= 0:
            sign = self.rewrite[at + 1 : at + 2]
            if sign != "\\" and not (sign.isascii() and sign.isdigit() and int(sign) <= known):
                yield Problem(
                    ("rewrite",),
                    "RewriteGroup",
                    f"\\{sign} names none of the {known} groups of the match",
                    "refer to groups that the match has; write \\\\ for a backslash",
                    self.rewrite,
                )
            at += 2


class HttpRewrite(Checked):
    uri: HeaderText = ""
    authority: HeaderText = ""
    uri_regex_rewrite: RegexRewrite | None = None

    def problems(self) -> Iterator[Problem]:
        if not (self.uri or self.authority or self.uri_regex_rewrite):
            yield Problem(
                (), "Empty", "a rewrite changes something", "set uri, uriRegexRewrite or authority"
            )
        if self.uri and self.uri_regex_rewrite:
            yield Problem(
                (),
                "OneOf",
                "it has uri and uriRegexRewrite, and takes one",
                "keep one of uri and uriRegexRewrite",
            )

    def value(self) -> Rewrite:
        regex = self.uri_regex_rewrite
        return Rewrite(
            uri=self.uri,
            authority=self.authority,
            regex=(regex.match, regex.rewrite) if regex else None,
        )
