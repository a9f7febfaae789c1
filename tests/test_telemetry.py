"""Agents' own telemetry, as a collector has written it: what is claimed of it, and what is not."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ctxuse import UsageEvent, Workspace
from ctxuse.adding import Adding
from ctxuse.cli.main import run
from ctxuse.telemetry import import_telemetry

SESSION = "4f0f7f64-2f5a-4d53-9a8c-0a1f7f9b7c11"
AT = 1_790_000_000_000_000_000


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = tmp_path / "shop"
    (root / ".yoi/memory/decisions").mkdir(parents=True)
    (root / ".yoi/memory/decisions/money.md").write_text("# Money\nCents.\n")
    (root / ".claude/skills/pdf").mkdir(parents=True)
    (root / ".claude/skills/pdf/SKILL.md").write_text("---\nname: pdf\ndescription: d\n---\nHow.\n")
    return Workspace(root)


def record(name: str, **attributes: object) -> dict[str, Any]:
    """A record of an event of Claude Code's."""
    said = {"session.id": SESSION, "event.name": name, **attributes}
    return {
        "timeUnixNano": str(AT),
        "body": {"stringValue": f"claude_code.{name}"},
        "attributes": [{"key": key, "value": {"stringValue": str(v)}} for key, v in said.items()],
    }


def result(
    tool: str, call_id: str, given: Mapping[str, object] | None, size: int = 80
) -> dict[str, Any]:
    tool_input = {} if given is None else {"tool_input": json.dumps(given)}
    return record(
        "tool_result", success="true", tool_name=tool, tool_use_id=call_id,
        tool_result_size_bytes=size, **tool_input,
    )  # fmt: skip


def line(records: Iterable[object], service: str = "claude-code") -> str:
    named = [{"key": "service.name", "value": {"stringValue": service}}]
    logs = {"resource": {"attributes": named}, "scopeLogs": [{"logRecords": [*records]}]}
    return json.dumps({"resourceLogs": [logs]}) + "\n"


def written(workspace: Workspace, *lines: str) -> str:
    path = Path(workspace.layout.root).parent / "collected.jsonl"
    path.write_text("".join(lines))
    return str(path)


def told(workspace: Workspace) -> list[tuple[str, str | None, str | None]]:
    return [
        (f"{one.kind}/{one.slug}", event.call_id, event.actor)
        for event in workspace.events()
        if isinstance(event, UsageEvent)
        for one in event.records
    ]


def money(workspace: Workspace) -> dict[str, object]:
    return {"file_path": os.fspath(Path(workspace.layout.root) / ".yoi/memory/decisions/money.md")}


def test_what_it_tells_counts_once(workspace: Workspace) -> None:
    read = result("Read", "toolu_01", money(workspace))
    skill = result("Skill", "toolu_02", {"skill": "pdf"})
    file = written(workspace, line([read, skill]))
    found = import_telemetry(workspace, [file])
    assert (found.added, found.there, found.untold, found.elsewhere) == (2, 0, 0, 0)
    assert told(workspace) == [
        ("decision/money", "toolu_01", "agent"), ("skill/pdf", "toolu_02", "agent"),
    ]  # fmt: skip
    again = import_telemetry(workspace, [file, file])
    assert (again.added, again.there) == (0, 4)


def test_what_is_masked_is_counted_and_not_claimed(workspace: Workspace) -> None:
    prompt = {"prompt.id": "b7b4", "invocation_trigger": "user-slash"}
    records = [
        result("Read", "toolu_01", money(workspace)),
        result("Read", "toolu_02", None),
        result("Skill", "toolu_03", None),
        record("skill_activated", **{"skill.name": "custom_skill"}, **prompt),
        record("skill_activated", **{"skill.name": "pdf"}, **prompt),
    ]
    found = import_telemetry(workspace, [written(workspace, line(records))])
    assert (found.added, found.untold) == (2, 3)
    assert told(workspace) == [
        ("decision/money", "toolu_01", "agent"), ("skill/pdf", None, "user"),
    ]  # fmt: skip


def test_what_a_sub_agent_may_have_called_is_not_claimed(workspace: Workspace) -> None:
    records = [
        result("Read", "toolu_01", money(workspace)),
        record("tool_decision", tool_name="Agent", decision="accept", tool_use_id="toolu_02"),
        record("tool_decision", tool_name="Agent", decision="reject", tool_use_id="toolu_03"),
        result("Read", "toolu_04", money(workspace)),
        record("subagent_completed"),
        result("Read", "toolu_05", money(workspace)),
        record("api_request", query_source="agent:custom"),
        result("Read", "toolu_06", money(workspace)),
    ]
    found = import_telemetry(workspace, [written(workspace, line(records))])
    assert [call_id for _, call_id, _ in told(workspace)] == ["toolu_01", "toolu_05"]
    assert found.untold == 2


def test_a_file_that_is_not_shown_again_is_not_claimed(workspace: Workspace) -> None:
    path = money(workspace)
    records = [
        result("Read", "toolu_01", path, 80),
        result("Read", "toolu_02", path, 93),  # the sentence that it is as it was
        result("Read", "toolu_03", path, 80),  # shown again, behind a compaction
        result("Read", "toolu_04", path, 4000),
        result("Read", "toolu_05", {**path, "offset": 1}, 60),
        result("Read", "toolu_06", {**path, "offset": 1}, 93),
    ]
    import_telemetry(workspace, [written(workspace, line(records))])
    ids = [call_id for _, call_id, _ in told(workspace)]
    assert ids == ["toolu_01", "toolu_03", "toolu_04", "toolu_05"]


def test_a_session_that_nothing_shows_to_be_of_the_workspace_is_passed_over(
    workspace: Workspace, tmp_path: Path
) -> None:
    other = tmp_path / "other/.yoi/memory/decisions"
    other.mkdir(parents=True)
    (other / "money.md").write_text("# Money\n")
    elsewhere = {"file_path": str(other / "money.md")}
    records = [result("Read", "toolu_01", elsewhere), result("Skill", "toolu_02", {"skill": "pdf"})]
    file = written(workspace, line(records))
    found = import_telemetry(workspace, [file])
    assert (found.added, found.elsewhere) == (0, 1)
    # once the log knows it, for whatever reason, it counts
    import_telemetry(
        workspace, [written(workspace, line([result("Read", "t_9", money(workspace))]))]
    )
    found = import_telemetry(workspace, [written(workspace, line(records))])
    assert (found.added, found.elsewhere) == (1, 0)


def codex(name: str, **attributes: object) -> dict[str, Any]:
    """A record of an event of Codex's."""
    said = {"conversation.id": SESSION, "event.name": f"codex.{name}", **attributes}
    values = {
        key: {"boolValue": value} if isinstance(value, bool) else {"stringValue": value}
        for key, value in said.items()
    }
    attributes_ = [{"key": key, "value": value} for key, value in values.items()]
    return {"observedTimeUnixNano": str(AT), "attributes": attributes_}


def test_of_codex_counts_what_a_command_has_printed(workspace: Workspace) -> None:
    shown = "Chunk ID: 3b\nWall time: 0.0\nProcess exited with code 0\nOutput:\n# Money\nCents.\n"
    command = f"cat {money(workspace)['file_path']}"
    call = {
        "tool_name": "exec_command", "success": "true", "agent_name": "/root", "output": shown,
        "arguments": json.dumps({"cmd": command}), "output_truncated": False,
    }  # fmt: skip
    known = line([result("Read", "toolu_01", money(workspace))])
    import_telemetry(workspace, [written(workspace, known)])
    workspace.segment(SESSION, host="codex").use("knowledge/glossary")
    records = [
        codex("tool_result", call_id="call_1", **call),
        codex("tool_result", call_id="exec-2", **call),
        codex("tool_result", call_id="call_3", **{**call, "agent_name": "Lorentz"}),
        codex("tool_result", call_id="call_4", **{**call, "output_truncated": True}),
        codex("tool_result", call_id="call_5", **{**call, "output": "Output:\nnothing\n"}),
    ]
    found = import_telemetry(workspace, [written(workspace, line(records, "codex_cli_rs"))])
    assert (found.added, found.untold) == (1, 3)
    assert told(workspace)[-1] == ("decision/money", "call_1", "agent")


HOSTILE = [
    "{", "[]", "null", '"x"', "1e999", "[" * 100_000, '{"resourceLogs":' * 300,
    '{"resourceLogs":{}}', '{"resourceLogs":[1,null,{}]}', '{"resourceLogs":[{"scopeLogs":7}]}',
    '{"resourceLogs":[{"resource":[],"scopeLogs":[{"logRecords":"x"}]}]}',
    line([{"timeUnixNano": "9" * 5000, "body": {"stringValue": "claude_code.tool_result"}}]),
    line([{"timeUnixNano": True, "attributes": [{"key": [], "value": {}}, 7, {"value": 1}]}]),
    line([record("tool_result", success="true", tool_name="Read", tool_input="{" * 5000)]),
    line([record("tool_result", success="true", tool_name="Read", tool_input="\x1b[2J\udcff")]),
    line([result("Read", "x" * 9000, {"file_path": "/" * 9000}, 10**30)]),
    line([result("Skill", "toolu_7", {"skill": "../../etc"})]),
    line([record("skill_activated", **{"skill.name": "../x", "prompt.id": "p",
                                       "invocation_trigger": "user-slash"})]),
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_strange_lines_are_passed_over(workspace: Workspace, hostile: str) -> None:
    good = line([result("Read", "toolu_01", money(workspace))])
    found = import_telemetry(workspace, [written(workspace, hostile.strip() + "\n", good)])
    assert found.added == 1
    assert told(workspace) == [("decision/money", "toolu_01", "agent")]


def test_the_command_says_what_it_passed_over(
    workspace: Workspace, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> tuple[int, str]:
        status = run(["import", "otlp", "-w", str(workspace.layout.root), *words])
        return status, "".join(capfd.readouterr())

    masked = result("Skill", "toolu_03", None)
    records = [result("Read", "toolu_01", money(workspace)), masked]
    elsewhere = result("Skill", "toolu_02", {"skill": "pdf"})
    elsewhere["attributes"][0]["value"]["stringValue"] = "another"
    file = written(workspace, line([*records, elsewhere]), "{\n")
    status, output = said(file, "--dry-run")
    assert status == 0
    assert "1 file: 1 event would be added, 0 already there\n" in output
    assert not workspace.layout.events_path.exists()
    status, output = said(file)
    assert status == 0
    assert "1 call of which it is not said what was called (names may be masked)" in output
    assert "passed over: 1 session of which nothing shows that it was in this workspace" in output
    assert "lines not understood, by type: " in output
    status, output = said(file, "--format", "json")
    (imported,) = json.loads(output)["imports"]
    assert (imported["added"], imported["already_there"]) == (0, 1)
    assert (imported["calls_untold"], imported["sessions_elsewhere"]) == (1, 1)
    assert said()[0] == 2
    assert said(str(tmp_path / "gone.jsonl"))[0] == 2
    status, output = said(str(tmp_path))
    assert status == 3
    assert "it is no regular file" in output


def test_a_file_that_is_gone_meanwhile_ends_no_import(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(Path(workspace.layout.root) / ".yoi/memory/decisions/money.md")
    read = result("Read", "toolu_1", {"file_path": path})
    kept = written(workspace, line([read]))
    gone = Path(kept).with_name("gone.jsonl")
    gone.write_text(line([read]))

    def adding(*words: Any, **more: Any) -> Adding:  # noqa: ANN401 - passed on
        gone.unlink()
        return Adding(*words, **more)

    monkeypatch.setattr("ctxuse.telemetry.Adding", adding)
    found = import_telemetry(workspace, [str(gone), kept])
    assert [where for where, _ in found.unreadable] == [str(gone)]
    assert found.added == 1
