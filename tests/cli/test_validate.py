"""`meshpilot validate`: exit codes, the table, and the JSON that other programs read."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli.validate import Output, run, validate
from controlplane.kinds import Key, Severity, Verdict
from controlplane.sources import Config

app = typer.Typer()
app.command()(validate)

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec:
  ports: [{name: http, port: 80}]
"""
BAD = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: shop}
spec:
  hosts: [a]
  http:
  - route:
    - destination: {host: a, subset: v1}
      weight: 60
    - destination: {host: a, subset: v2}
      weight: 60
"""
UNNAMED = SERVICE.replace("name: http, ", "")
SHADOWED = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: s}
spec:
  hosts: [a]
  http:
  - route: [{destination: {host: a}}]
  - route: [{destination: {host: b}}]
"""


def invoke(*arguments: str, stdin: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def as_json(*arguments: str, stdin: str = "") -> list[dict[str, Any]]:
    _, output = invoke("-o", "json", *arguments, stdin=stdin)
    found: list[dict[str, Any]] = json.loads(output)
    return found


def test_good_files_pass(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SERVICE)
    code, output = invoke(str(tmp_path))
    assert code == 0
    assert "1 documents, 0 refused" in output


def test_a_refused_object_fails_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(SERVICE + "---\n" + BAD)
    code, output = invoke(str(path))
    assert code == 1
    assert "WeightSum" in output.replace("\n", "")
    good, bad = as_json(str(path))
    assert good["accepted"] is True
    assert bad == {
        "file": str(path),
        "document": 2,
        "kind": "VirtualService",
        "namespace": "shop",
        "name": "a",
        "accepted": False,
        "verdicts": [
            {
                "severity": "error",
                "reason": "WeightSum",
                "field": "spec.http[0].route",
                "message": "spec.http[0].route: the weights 60 + 60 = 120 must sum to exactly 100",
                "remedy": "give every destination its share of 100",
            }
        ],
    }


def test_relative_weights_are_taken_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BAD)
    assert invoke("--weights", "relative", str(tmp_path))[0] == 0


def test_strict_fails_on_warnings_but_not_on_hints(tmp_path: Path) -> None:
    (tmp_path / "hint.yaml").write_text(UNNAMED)
    assert invoke("--strict", str(tmp_path))[0] == 0
    (tmp_path / "warning.yaml").write_text(SHADOWED)
    assert invoke(str(tmp_path))[0] == 0
    assert invoke("--strict", str(tmp_path))[0] == 1


def test_standard_input_is_read() -> None:
    (found,) = as_json("-", stdin=SERVICE)
    assert (found["file"], found["document"], found["name"]) == ("-", 1, "a")


@pytest.mark.parametrize(
    ("text", "reason"), [("a: [\n", "Unparsable"), ("a: 1\na: 2\n", "DuplicateKey")]
)
def test_a_broken_file_fails(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert invoke(str(tmp_path))[0] == 1
    (found,) = as_json(str(tmp_path))
    assert found["verdicts"][0]["reason"] == reason


def test_a_missing_file_fails(tmp_path: Path) -> None:
    (found,) = as_json(str(tmp_path / "no.yaml"))
    assert found["verdicts"][0]["reason"] == "Unreadable"


def test_the_same_object_in_two_files_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SERVICE)
    (tmp_path / "b.yaml").write_text(SERVICE)
    found = as_json(str(tmp_path))
    assert [one["verdicts"][0]["reason"] for one in found] == ["DuplicateObject"] * 2


def test_a_kind_that_is_not_used_is_a_hint(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n")
    (found,) = as_json(str(tmp_path))
    assert found["accepted"] is True
    assert found["verdicts"][0]["reason"] == "KindIgnored"


def test_verdicts_between_objects_are_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text(SERVICE)

    def judge(config: Config) -> list[Verdict]:
        assert config.synced
        (key,) = config.objects
        assert key == Key("Service", "shop", "a")
        return [Verdict(key, Severity.ERROR, "Between", "spec", "why", "remedy")]

    assert run([str(tmp_path)], output=Output.JSON, judge=judge) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert found["verdicts"][0]["reason"] == "Between"
    assert not found["accepted"]


def test_objects_are_judged_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A destination that no file has is a warning at the object that names it."""
    path = tmp_path / "a.yaml"
    good = BAD.replace("weight: 60", "weight: 50").replace("subset: v2", "port: {number: 81}")
    path.write_text(SERVICE + "---\n" + good)
    assert invoke(str(path))[0] == 0
    assert invoke("--strict", str(path))[0] == 1
    service, routes = as_json(str(path))
    assert service["verdicts"] == []
    (verdict,) = routes["verdicts"]
    assert verdict["reason"] == "DestinationNotFound"
    assert "port 81 of service a.shop.svc.cluster.local" in verdict["message"]
    assert "subset v1 of service a.shop.svc.cluster.local" in verdict["message"]
    monkeypatch.setenv("COLUMNS", "400")  # so that no cell is folded
    _, table = invoke(str(path))
    assert f"{path}:7" in table


def test_two_rules_for_one_host_are_told_of_each_other(tmp_path: Path) -> None:
    rules = BAD.replace("subset: v1", "port: {number: 80}").replace("weight: 60", "weight: 50")
    rules = rules.replace("subset: v2", "port: {number: 80}")
    (tmp_path / "a.yaml").write_text(SERVICE + "---\n" + rules)
    (tmp_path / "b.yaml").write_text(rules.replace("{name: a,", "{name: b,"))
    assert invoke("--strict", str(tmp_path))[0] == 1
    found = {one["name"]: one["verdicts"] for one in as_json(str(tmp_path)) if one["verdicts"]}
    assert len(found["b"]) == 1
    assert "VirtualService shop/a" in found["b"][0]["message"]
