"""review: a Finding for every document."""

from pathlib import Path

from controlplane.sources.review import review

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n"


def test_directories_are_walked_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.yaml").write_text("[")
    (tmp_path / "z.yaml").write_text(NAMESPACE.format("z"))
    (tmp_path / "b" / "b.yml").write_text(NAMESPACE.format("b"))
    (tmp_path / "a.txt").write_text("[")
    found = review([str(tmp_path), "-"], stdin=lambda: NAMESPACE.format("s").encode())
    assert [one.key.name for one in found] == ["z", "b", "s"]
    assert all(one.accepted for one in found)


def test_files_that_say_nothing_are_findings_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[")
    found = review([str(tmp_path), str(tmp_path / "none")], stdin=bytes)
    assert [(one.document, one.key.kind, one.accepted) for one in found] == [
        (0, "File", False),
        (0, "File", False),
    ]
