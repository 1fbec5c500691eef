"""Texts as documents."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.sources.documents import Contents, Limits, read

LIMITS = Limits()


def parsed(text: str, path: str = "a.yaml") -> Contents:
    return read(text.encode(), path, limits=LIMITS)


def broken(text: str, path: str = "a.yaml", limits: Limits = LIMITS) -> tuple[str, str]:
    verdict = read(text.encode(), path, limits=limits).broken
    assert verdict is not None
    return verdict.reason, verdict.message


def test_documents_have_numbers_and_lines() -> None:
    found = parsed("# first\na: 1\n---\n# nothing\n---\nb: 2\n--- # third\nc: 3\n").documents
    assert [(one.raw, one.location.document, one.location.line) for one in found] == [
        ({"a": 1}, 1, 2),
        ({"b": 2}, 2, 6),
        ({"c": 3}, 3, 8),
    ]
    assert [one.slot for one in found] == ["a.yaml#1.0", "a.yaml#2.0", "a.yaml#3.0"]


def test_lists_are_unpacked() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- kind: A\n- kind: B\n"
    found = parsed(text).documents
    assert [(one.raw["kind"], one.location.line, one.slot) for one in found] == [
        ("A", 4, "a.yaml#1.0"),
        ("B", 5, "a.yaml#1.1"),
    ]
    (item,) = parsed("apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n").documents
    assert item.raw == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}


def test_json() -> None:
    found = parsed('{"a": 1}\n\n{"kind": "List", "items": [{"b": 2}]}', "a.json").documents
    assert [(one.raw, one.location.line) for one in found] == [({"a": 1}, 1), ({"b": 2}, 3)]
    (same,) = parsed('{"a": [1, true, null]}').documents
    assert same.raw == {"a": [1, True, None]}


def test_order_is_kept() -> None:
    (found,) = parsed("z: 1\na: 2\nm: 3\n").documents
    assert list(found.raw) == ["z", "a", "m"]


def test_what_did_not_change_is_the_same_object() -> None:
    first = parsed("a: 1\n---\nb: 2\n")
    second = read(b"x: 0\n---\nb: 2\n", "a.yaml", limits=LIMITS, known=first.pieces)
    assert second.documents[1].raw is first.documents[1].raw
    moved = read(b"y: 1\n\n---\nb: 2\n", "a.yaml", limits=LIMITS, known=first.pieces)
    assert moved.documents[1].raw is first.documents[1].raw
    assert moved.documents[1].location.line == 4


def test_directives_and_ends_are_understood() -> None:
    found = parsed("%YAML 1.1\n---\na: 1\n...\n---\nb: 2\n").documents
    assert [one.raw for one in found] == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_blank(text: str) -> None:
    assert parsed(text).blank


def test_comments_alone_say_that_there_is_nothing() -> None:
    found = parsed("# all gone\n")
    assert not found.blank
    assert found.broken is None
    assert found.documents == ()


@pytest.mark.parametrize(
    ("text", "reason", "where"),
    [
        ("a: 1\n---\nb: [1\n", "Unparsable", "line 4, column 1"),
        ("a: 1\n---\nb: 1\nb: 2\n", "DuplicateKey", "line 4, column 1"),
        ("a: {b: 1, b: 2}\n", "DuplicateKey", "line 1, column 11"),
        ("a: *x\n", "Unparsable", "line 1, column 4"),
        ("a: &a [*a]\n", "Unparsable", "line 1, column 8"),
        ("a: !!python/object:os.x {}\n", "Unparsable", "line 1"),
        ("a: !!binary aGk=\n", "Unparsable", "line 1"),
        ("a: .inf\n", "Unparsable", "line 1"),
        ("a: 1e999\n", "Unparsable", "line 1"),
        ("[a]: 1\n", "Unparsable", "line 1"),
        ("a: \x01\n", "Unparsable", ""),
        ("- " * 5000 + "x", "TooDeep", "line 1"),
        ("[" * 5000, "TooDeep", "line 1"),
    ],
)
def test_bad_yaml(text: str, reason: str, where: str) -> None:
    found, message = broken(text)
    assert found == reason
    assert where in message


@pytest.mark.parametrize(
    ("text", "reason", "where"),
    [
        ('{"a": 1,\n "b": }', "Unparsable", "line 2, column 7"),
        ('{"a": 1, "a": 2}', "Unparsable", '"a"'),
        ('{"a": NaN}', "Unparsable", "NaN"),
        ("[" * 200 + "]" * 200, "TooDeep", "100"),
        ("[" * 100_000, "Unparsable", ""),
    ],
)
def test_bad_json(text: str, reason: str, where: str) -> None:
    found, message = broken(text, "a.json")
    assert found == reason
    assert where in message


def test_text_that_is_no_text() -> None:
    verdict = read(b"a: \xff", "a.yaml", limits=LIMITS).broken
    assert verdict is not None
    assert "byte 4" in verdict.message


def test_limits() -> None:
    assert broken("a: 12345\n", limits=Limits(bytes=5))[0] == "FileTooLarge"
    assert broken("a: 1\n---\nb: 1\n", limits=Limits(documents=1))[0] == "TooManyDocuments"
    assert broken("[1, 2, 3]\n", limits=Limits(values=3))[0] == "TooManyValues"


def test_a_billion_laughs_are_not_laughed() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert broken("\n".join(lines))[0] == "TooManyValues"


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("a:-{}[]\"'&*!|> \n#,%0"), max_size=60))
def test_read_never_raises(text: str) -> None:
    for path in ("a.yaml", "a.json"):
        read(text.encode(), path, limits=LIMITS)
