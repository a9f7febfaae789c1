"""What the documentation says is what happens."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import click
import pytest
from make_command_reference import TARGET, reference
from make_layers import page as architecture

from ctxuse import SkipReason, UsageEvent, UsageRecordSnapshot, UsageSource, Workspace, __version__
from ctxuse.cli.main import cli

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def blocks(page: str) -> list[tuple[str, str]]:
    return [(m[1], m[2]) for m in _BLOCK.finditer((ROOT / page).read_text(encoding="utf-8"))]


def as_pattern(printed: str) -> str:
    """A pattern for `printed`, in which an ellipsis stands for anything."""
    return ".*?".join(re.escape(part) for part in printed.split("…"))


class Reader:
    """Does what a page says, command by command, in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "80",
        }

    def follow(self, page: str, numbers: slice = slice(None)) -> None:
        for language, text in blocks(page)[numbers]:
            if language == "python":
                self.run([sys.executable, "-c", text])
                continue
            for command, printed in _COMMAND.findall(text):
                if command.startswith("mkdir shop && cd shop"):
                    self.directory /= "shop"
                    self.directory.mkdir()
                    continue
                said = self.run(["bash", "-c", command])
                assert re.fullmatch(as_pattern(printed), said, re.DOTALL), f"{command}\n{said}"

    def run(self, words: list[str]) -> str:
        done = subprocess.run(
            words, cwd=self.directory, env=self.environment, check=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        )  # fmt: skip
        return done.stdout


def test_the_readme_does_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    Reader(tmp_path).follow("README.md")
    (record,) = Workspace(tmp_path).report().records
    assert (record.kind, record.slug) == ("prompt", "system")
    assert (record.use_count, record.resident_exposure_count) == (0, 1)


def test_the_readme_is_read_in_two_minutes_and_shows_nothing_that_a_package_lacks() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert len(prose.split()) < 550
    assert "![" not in text  # a picture beside it is not in the package


def test_the_package_holds_the_documentation_and_says_one_version() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/how-to/*.md"), ROOT / "CHANGELOG.md"]
    pages.remove(ROOT / "docs" / "pictures.md")
    for page in pages:
        name = str(page.relative_to(ROOT))
        assert included[name] == f"ctxuse/docs/{name.removeprefix('docs/')}"
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {__version__}\n" in changes
    plugin = ROOT / "plugins/claude-code/.claude-plugin/plugin.json"
    assert json.loads(plugin.read_text(encoding="utf-8"))["version"] == __version__


def test_the_guide_does_what_it_says(tmp_path: Path) -> None:
    Reader(tmp_path).follow("docs/guide.md")
    report = Workspace(tmp_path / "shop").report()
    assert [record.use_count for record in report.records] == [4]


def test_the_how_to_for_agents_in_python_does_what_it_says(tmp_path: Path) -> None:
    Reader(tmp_path).follow("docs/how-to/python.md")
    events = [event for event in Workspace(tmp_path).events() if isinstance(event, UsageEvent)]
    assert len(events) == 6
    assert {event.agent_type for event in events} == {None, "researcher"}


def test_the_how_to_for_claude_code_leads_to_a_report(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "home" / "shop"
    for path, text in {
        project / "CLAUDE.md": "Be brief, and test what you change.\n"[:20],
        project / ".claude/skills/pdf/SKILL.md": f"---\ndescription: Reads PDFs\n---\n{'x' * 25}\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    reader = Reader(project)
    reader.environment |= {"HOME": str(home), "CLAUDE_PROJECT_DIR": str(project)}
    page = "docs/how-to/claude-code.md"
    reader.follow(page, slice(0, 1))
    settings = json.loads((project / ".claude/settings.json").read_text())["hooks"]
    common = {"sessionId": "5f0c", "cwd": str(project), "timestamp": "2026-11-01T00:00:00Z"}
    listed = {"type": "skill_listing", "content": "- pdf: Reads PDFs"}
    lines: list[dict[str, object]] = [{"type": "attachment", "uuid": "u1", "attachment": listed}]
    transcript = home / ".claude/projects/-shop/5f0c.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text("".join(json.dumps({**common, **line}) + "\n" for line in lines))
    for payload in (
        {"hook_event_name": "SessionStart", "source": "startup"},
        {"hook_event_name": "InstructionsLoaded", "file_path": str(project / "CLAUDE.md")},
        {"hook_event_name": "Stop", "transcript_path": str(transcript)},
        {
            "hook_event_name": "PostToolUse", "tool_name": "Skill", "tool_use_id": "toolu_1",
            "tool_input": {"skill": "pdf"}, "tool_response": {"success": True},
        },
    ):  # fmt: skip
        (handler,) = settings[payload["hook_event_name"]][0]["hooks"]
        done = subprocess.run(
            ["/bin/sh", "-c", handler["command"]],
            input=json.dumps({"session_id": "5f0c", "cwd": str(project), **payload}).encode(),
            env=reader.environment, check=True, capture_output=True,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (b"", b"")
    reader.follow(page, slice(1, 2))
    for call_id in ("toolu_1", "toolu_2"):
        use = {"type": "tool_use", "id": call_id, "name": "Skill", "input": {"skill": "pdf"}}
        done_well = {"type": "tool_result", "tool_use_id": call_id}
        lines += [
            {"type": "assistant", "message": {"content": [use]}},
            {"type": "user", "message": {"content": [done_well]}},
        ]
    transcript.write_text("".join(json.dumps({**common, **line}) + "\n" for line in lines))
    reader.follow(page, slice(2, None))


@pytest.mark.parametrize("page", ["claude-code", "codex", "cursor", "gemini-cli"])
def test_the_configurations_of_the_how_tos_start_the_server(page: str) -> None:
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    configuration = re.compile(r"^```(json|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    read = {"json": json.loads, "toml": tomllib.loads}
    found = [read[language](block) for language, block in configuration.findall(text)]
    servers = [config[key]["ctxuse"] for config in found for key in config if key.startswith("mcp")]
    assert servers
    for server in servers:
        assert server["command"] == "ctxuse"
        assert server["args"][0] == "mcp"


def test_the_command_reference_says_what_the_commands_say() -> None:
    assert TARGET.read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_the_architecture_shows_the_layers_that_a_test_holds() -> None:
    assert (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8") == architecture(), "`make docs`"


def test_the_format_names_every_reason_source_and_field() -> None:
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    names = [*SkipReason, *UsageSource, *UsageRecordSnapshot._fields]
    assert [name for name in names if f"{name}" not in text] == []


PAGES = sorted(str(p.relative_to(ROOT)) for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def check_words(words: list[str]) -> None:
    """Let click read the words of a command, of which some may be missing; nothing is run."""
    command: click.Command | None = cli
    context = click.Context(cli, info_name="ctxuse")
    while isinstance(command, click.Group) and words:
        name, *words = words
        command = command.get_command(context, name)
        assert command is not None, name
    if command is not None and not isinstance(command, click.Group):
        with suppress(click.MissingParameter, click.BadOptionUsage):
            command.make_context("", words, parent=context)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_the_commands_that_a_text_names_can_be_called(page: str) -> None:
    for words in re.findall(r"`ctxuse ([^`]+)`", (ROOT / page).read_text(encoding="utf-8")):
        check_words([word for word in words.split() if not word.isupper()])


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{page}: {target}"
