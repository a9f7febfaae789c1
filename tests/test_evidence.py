"""What a shell's output shows: commands that are really run, and what stood in their output."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctxuse import UsageEvent, Workspace
from ctxuse.hosts.claude_code.loaded import body_bytes
from ctxuse.hosts.lines import forms
from ctxuse.hosts.mentions import Said
from ctxuse.hosts.shell import started_in

RECORDS = {
    ".yoi/memory/summary.md": "# Summary\nThe shop sells bikes.\n",
    ".yoi/memory/decisions/money.md": "# Money\nAmounts are integers of cents.\nline 3\nline 4\n",
    ".yoi/memory/decisions/postgres.md": "# Postgres\nNot SQLite, for the locks.\n",
    ".yoi/knowledge/glossary.md": "---\ndescription: Words\n---\n# Words\nA hub is what turns.\n",
    ".yoi/knowledge/test-data.md": "---\ndescription: Tests\n---\n# Data\nOrders have ids.\n",
    ".claude/skills/pdf/SKILL.md": "---\nname: pdf\ndescription: Reads forms\n---\nUse the tool.\n",
    ".claude/skills/pdf/references/forms.md": "# Forms\nA field has a name of its own.\n",
    "CLAUDE.md": "# Shop\nBe brief and say what you did.\n",
}
GLOSSARY, MONEY, POSTGRES = "knowledge/glossary", "decision/money", "decision/postgres"
DIR = ".yoi/memory/decisions"
BASH = shutil.which("bash") or "/bin/bash"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "home" / "shop"
    for path, text in RECORDS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def hooked(project: Path, payload: dict[str, object]) -> list[UsageEvent]:
    """Hand a payload to the real hook, and return what it has recorded."""
    fields = {"session_id": "s", "cwd": str(project), "tool_use_id": "t1", "tool_name": "Bash"}
    hook = "import sys; from ctxuse.hook import main; sys.argv[1:] = ['claude-code']; main()"
    done = subprocess.run(
        [sys.executable, "-c", hook],
        input=json.dumps(fields | payload).encode(),
        env={"HOME": str(project.parent), "CLAUDE_PROJECT_DIR": str(project)},
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    return [found for found in Workspace(project).events() if isinstance(found, UsageEvent)]


def ran(project: Path, command: str) -> list[UsageEvent]:
    """Run a command as an agent does, and tell the hook, with the directory where it ended."""
    began, ended = project.parent / "began", project.parent / "ended"
    began.write_text(f"trap 'pwd > {ended}' EXIT\n")
    environ = {"HOME": str(project.parent), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [BASH, "-c", command],
        cwd=project,
        env={**environ, "BASH_ENV": str(began)},
        capture_output=True,
        text=True,
        check=False,
    )
    cwd = ended.read_text().strip()
    asked: dict[str, object] = {"tool_input": {"command": command}, "cwd": cwd}
    if done.returncode:
        said = f"Exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return hooked(project, asked | {"hook_event_name": "PostToolUseFailure", "error": said})
    response = {"stdout": done.stdout.rstrip("\n"), "stderr": done.stderr}
    return hooked(project, asked | {"hook_event_name": "PostToolUse", "tool_response": response})


SHOWING = [
    (f"cat {DIR}/postgres.md", [POSTGRES]),
    (f"cat {DIR}/*.md", [MONEY, POSTGRES]),
    (f'for f in {DIR}/*.md; do cat "$f"; done', [MONEY, POSTGRES]),
    (f"F={DIR}/postgres.md; cat $F", [POSTGRES]),
    (f"echo {DIR}/postgres.md | xargs cat", [POSTGRES]),
    (f"find {DIR} -name 'post*' -exec cat {{}} +", [POSTGRES]),
    (f"cat < {DIR}/postgres.md", [POSTGRES]),
    (f"cat {DIR}/{{postgres,money}}.md", [POSTGRES, MONEY]),
    (f"cat {DIR}/money.md | head -1", [MONEY]),
    (f"cat {DIR}/money.md | grep integers", [MONEY]),
    (f"sort -r {DIR}/money.md", [MONEY]),
    (f"tac {DIR}/postgres.md", [POSTGRES]),
    (f"nl {DIR}/postgres.md", [POSTGRES]),
    (f"cat -n {DIR}/postgres.md", [POSTGRES]),
    (f"tail -n 1 {DIR}/money.md", [MONEY]),
    (f"head -c 20 {DIR}/postgres.md", [POSTGRES]),
    (f"tail -c 12 {DIR}/postgres.md", [POSTGRES]),
    (f"cd {DIR} && cat money.md", [MONEY]),
    (f"cat {DIR}/money.md && cd {DIR}", [MONEY]),
    (f"diff {DIR}/postgres.md /dev/null || true", [POSTGRES]),
    (f"cat {DIR}/postgres.md nothing.md", [POSTGRES]),
    (f"cat {DIR}/postgres.md; false", [POSTGRES]),
    (f"false || cat {DIR}/postgres.md", [POSTGRES]),
    (f"bash <<'X'\ncat {DIR}/postgres.md\nX", [POSTGRES]),
    (f"show() {{ cat {DIR}/postgres.md; }}; show", [POSTGRES]),
    (f"timeout 5 cat {DIR}/postgres.md", [POSTGRES]),
    (f"paste {DIR}/postgres.md", [POSTGRES]),
    (f'while read -r l; do echo "$l"; done < {DIR}/postgres.md', [POSTGRES]),
    ("sed -n 2p .yoi/knowledge/glossary.md", [GLOSSARY]),
    ("cat .yoi/knowledge/none.md 2>/dev/null || cat .yoi/knowledge/glossary.md", [GLOSSARY]),
    ("grep -rl SQLite .yoi | xargs cat", [POSTGRES]),
    ("grep -rl SQLite .yoi | xargs -I{} sh -c 'cat {}'", [POSTGRES]),
    ('grep -rl SQLite .yoi | while read -r f; do cat "$f"; done', [POSTGRES]),
    (f'grep -q SQLite {DIR}/postgres.md && echo "$(cat {DIR}/postgres.md)"', [POSTGRES]),
    ("grep -rl SQLite .yoi | xargs -n 1 grep -L nothing | xargs cat", [POSTGRES]),
    (f"find {DIR} -name 'post*' -exec grep -q SQL {{}} \\; -exec cat {{}} \\;", [POSTGRES]),
    (f'grep -q a CLAUDE.md; x="$(cat {DIR}/postgres.md)"; echo "$x"', [POSTGRES]),
    (
        f'grep -q a CLAUDE.md; while IFS= read -r l; do echo "$l"; done < {DIR}/postgres.md',
        [POSTGRES],
    ),
    (
        f"if grep -q SQL {DIR}/postgres.md; then timeout -k 2 5 cat {DIR}/postgres.md; fi",
        [POSTGRES],
    ),
    (f"grep -rn bikes . ; cat -n {DIR}/postgres.md; cat {DIR}/mon*.md", [POSTGRES, MONEY]),
    (
        f"env A=1 git -C . show HEAD:{DIR}/x 2>/dev/null || tac {DIR}/postgres.md; grep -c x *",
        [POSTGRES],
    ),
    (f"find {DIR} -name 'p*' " + "-exec test -f {} \\; " * 20 + "-exec cat {} \\;", [POSTGRES]),
    (f"nice -n 5 cat {DIR}/postgres.md", [POSTGRES]),
    ("head -5 .claude/skills/pdf/SKILL.md", ["skill/pdf"]),
    ("cat .claude/skills/pdf/references/forms.md", ["skill/pdf"]),
    ("cat CLAUDE.md", ["instructions/CLAUDE.md"]),
]

SAME = "Be brief.\nAmounts are integers.\nUse the newest version.\n"
"""What stands in the instructions of the root and of a directory below it, alike."""

BELOW = [
    ("cat CLAUDE.md && cd api", ["CLAUDE.md"]),
    ("cd api && cat CLAUDE.md", ["api/CLAUDE.md"]),
    ("cd api; head -2 CLAUDE.md; cd ..", ["api/CLAUDE.md"]),
    ("cd api && cd .. && cat CLAUDE.md", ["CLAUDE.md"]),
    ("(cd api && head -1 CLAUDE.md) && cat CLAUDE.md", ["api/CLAUDE.md", "CLAUDE.md"]),
    ("cd api/v2 && cat ../CLAUDE.md", ["api/CLAUDE.md"]),
    ("pushd api >/dev/null; cat CLAUDE.md", ["api/CLAUDE.md"]),
    ("cd ./api/../api && cat CLAUDE.md", ["api/CLAUDE.md"]),
    ("cat CLAUDE.md | head -2; cd ~", ["CLAUDE.md"]),
]


@pytest.mark.parametrize(("command", "expected"), BELOW)
def test_what_a_command_named_is_where_it_was_then(
    project: Path, command: str, expected: list[str]
) -> None:
    for path in ("CLAUDE.md", "api/CLAUDE.md"):
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(SAME)
    (project / "api/v2").mkdir()
    assert sorted(event.records[0].slug for event in ran(project, command)) == sorted(expected)


def test_a_command_began_where_its_changes_of_directory_lead_from(project: Path) -> None:
    (project / "api/v2").mkdir(parents=True)

    def absolute(path: str, directory: str | None) -> str:
        return os.path.normpath(os.path.join(directory or "/", path))

    def began(command: str, end: str) -> str:
        return started_in(command, end, ["/app", "/app/api", end], absolute)

    assert began("cat x", "/app/api") == "/app/api"
    assert began("cd v2 && cat x", "/app/api/v2") == "/app/api"
    assert began("cd api", "/app/api") == "/app"
    assert began("cd api", "/elsewhere/api") == "/elsewhere/api"
    assert began("cd ..", "/app") == "/app/api"
    assert began("cd -; cat x", "/app/api") == "/app/api"
    assert began("cd 'api", "/app/api") == "/app/api"
    assert began("cd " * 10_000, "/app/api") == "/app/api"


SHOWING_NOTHING = [
    f"if false; then cat {DIR}/postgres.md; fi; echo hi",
    f"echo hi; exit 0; cat {DIR}/postgres.md",
    f"false && cat {DIR}/postgres.md; echo hi",
    f"true || cat {DIR}/postgres.md; echo hi",
    f"sed -n 100,200p {DIR}/postgres.md; echo end",
    f"head -n 0 {DIR}/postgres.md; echo hi",
    f"awk 'END{{print NR}}' {DIR}/postgres.md",
    f"cat {DIR}/money.md | wc -l",
    f"cat {DIR}/postgres.md > /dev/null; echo done",
    f"cp {DIR}/postgres.md copy.md; ls",
    f"md5sum {DIR}/postgres.md",
    f"ls {DIR}",
    f"echo 'cat {DIR}/postgres.md'",
    f"grep -n '' {DIR}/postgres.md",
    "grep -rn cents .yoi || true",
    "cd .yoi && grep -rn cents . | head",
    "bash -lc 'grep -rn cents .yoi'",
    "grep -rn cents .yoi; echo ---; ls .yoi",
    "grep -rn cents .yoi && echo found || echo none; pwd",
    "grep -rl cents .yoi | xargs grep -n cents",
    'grep -rn cents .yoi; echo "exit $?"',
    "find .yoi -name '*.md' | xargs grep -n cents",
    "find .yoi -name '*.md' -print0 | xargs -0 -n 1 grep -hn cents",
    "find .yoi -name '*.md' -exec grep -n cents {} +",
    "find .yoi -name '*.md' -exec grep -q cents {} \\; -exec sh -c 'grep -h cents {}' \\;",
    f'for f in {DIR}/*.md; do echo "== $f"; grep -n cents "$f"; done',
    'for f in $(ls -d .yoi/*/*/*.md); do grep -h cents "$f"; done',
    'find .yoi -name "*.md" | while read -r f; do grep -H cents "$f"; done',
    "if grep -rn cents .yoi; then echo yes; else echo no; fi",
    "timeout 10 grep -rn cents .yoi",
    "nice -n 5 env LC_ALL=C grep -rn cents .yoi",
    "git init -q . && git add -A && git -C . --no-pager grep -n cents; git status --short",
    "grep -rn cents .yoi; head -1 pyproject.toml; python3 -c 'print(1)'",
    f"python3 -c 'print(1)'; grep decided {DIR}/money.md; grep integers {DIR}/money.md",
    f"cat {DIR}/../summary.md >/dev/null; ls {DIR}/*.md | xargs grep -h integers",
    f"printf '%s' x > f; xargs -a f grep -h integers {DIR}/money.md",
    f"env -u A /usr/bin/env LC_ALL=C grep integers {DIR}/money.md",
    f"jobs; wait; let x=1; grep integers {DIR}/money.md",
    "tee /dev/null <<'X'\nAmounts are integers of cents.\nNot SQLite, for the locks.\nX",
    f"cat <<'X' > {DIR}/money.md\nAmounts are integers of cents.\nX\necho done",
    "cat <<'X'\n# Postgres\nNot SQLite, for the locks.\nX",
    "echo 'Amounts are integers of cents.'; ls",
    "! grep -rn cents .yoi; (cd .yoi && grep -rn cents .)",
    f"nothing-like-this {DIR}/postgres.md || true",
    "cat .yoi/knowledge/none.md",
]


@pytest.mark.parametrize(("command", "expected"), SHOWING)
def test_what_stands_in_the_output_was_read(
    project: Path, command: str, expected: list[str]
) -> None:
    found = [event.records[0] for event in ran(project, command)]
    assert [f"{record.kind}/{record.slug}" for record in found] == expected


@pytest.mark.parametrize("command", SHOWING_NOTHING)
def test_what_does_not_stand_there_was_not_and_a_search_is_no_use(
    project: Path, command: str
) -> None:
    assert ran(project, command) == []


OF_MANY = "Run the tests until all is done\n## Style\nnone\n## Next\nIt's short\n"


@pytest.mark.parametrize(
    "command",
    [
        "sed -n '500,600p' CLAUDE.md; echo done",
        "tail -n +500 CLAUDE.md; echo 'all is done'",
        "tail -n +500 CLAUDE.md; echo all is d'on'e",
        "tail -n +500 CLAUDE.md; echo Run the tests",
        "awk '/zzz/' CLAUDE.md; echo '## Style'",
        "cat CLAUDE.md | head -c 0; echo '## Style'",
        "cat CLAUDE.md | head -c 0; echo 'It'\\''s short'",
        "sed -n '/zzz/p' CLAUDE.md || echo none; echo none",
        "sed -n '/zzz/p' CLAUDE.md; printf '1:none\\n## Next\\n'",
        "sed -n '/zzz/p' CLAUDE.md; cat <<'X'\n## Style\nnone\n## Next\nX",
        "sed -n '/zzz/p' small.md CLAUDE.md; echo none",
        "cat .yoi/knowledge/small.md >/dev/null; echo none",
    ],
)
def test_what_the_command_itself_says_is_no_use_of_what_it_names(
    project: Path, command: str
) -> None:
    (project / "CLAUDE.md").write_text(OF_MANY)
    (project / ".yoi/knowledge/small.md").write_text("none\n")
    assert ran(project, command) == []


@pytest.mark.parametrize(
    ("command", "size"),
    [
        ("cat CLAUDE.md; echo done", len(OF_MANY)),
        ("sed -n '/## Style/,/## Next/p' CLAUDE.md", len("## Style\nnone\n## Next\n")),
        ("sed -n 1p CLAUDE.md; echo done", len("Run the tests until all is done\n")),
        ("tail -c 6 CLAUDE.md; echo none", len("short\n")),
        ("echo 'Use tabs, never more than four' > CLAUDE.md; cat CLAUDE.md", 31),
    ],
)
def test_what_stands_there_beside_what_the_command_says_was_read(
    project: Path, command: str, size: int
) -> None:
    (project / "CLAUDE.md").write_text(OF_MANY)
    (event,) = ran(project, command)
    assert (event.records[0].slug, event.records[0].context_bytes) == ("CLAUDE.md", size)


@given(
    said=st.text("ab \"'\\\n", max_size=300),
    at=st.integers(0, 300),
    size=st.integers(0, 200),
    other=st.text('ab "', max_size=64),
)
def test_what_stands_in_a_command_is_told_as_by_a_search(
    said: str, at: int, size: int, other: str
) -> None:
    command = Said(said)
    assert command.has(said[at : at + size])
    bare, without = (re.sub(r"[\"'\\]", "", text) for text in (other, said))
    assert command.has(other) == (bare in without)


def test_the_bytes_are_those_of_the_lines_that_entered(project: Path) -> None:
    (event,) = ran(project, f"echo begin; sed -n 2,3p {DIR}/money.md; echo end")
    assert event.records[0].context_bytes == len("Amounts are integers of cents.\nline 3\n")
    assert event.records[0].file_bytes == len(RECORDS[f"{DIR}/money.md"])


def test_what_is_not_named_must_be_shown_by_enough_that_is_its_own(project: Path) -> None:
    assert ran(project, "echo '# Money'; echo 'line 3'; echo '# Words'") == []
    (event,) = ran(project, "cat $(git ls-files 2>/dev/null || ls -d .yoi/*/*/mon*)")
    assert event.records[0].slug == "money"


def test_the_name_of_the_project_or_a_part_of_another_word_names_no_record(project: Path) -> None:
    (project / "CLAUDE.md").write_text("# Shop\n    for x in *; do\n    done\n")
    skill = project / ".claude/skills/go/SKILL.md"
    skill.parent.mkdir()
    skill.write_text("---\nname: go\n---\nPASS\n")
    assert ran(project, f"cd {project} && echo done") == []
    assert ran(project, "cargo 2>/dev/null || echo PASS") == []
    (project / "show").write_text("echo '# Shop'\n")
    (event,) = ran(project, "sh ./show HEAD:CLAUDE.md")
    assert event.records[0].slug == "CLAUDE.md"


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("README.md", "cat README.md"),
        ("../other/CLAUDE.md", "head -2 ../other/CLAUDE.md"),
        ("../other/CLAUDE.md", "cd ../other && cat CLAUDE.md"),
        ("LICENSE", "sed -n 1,9p LICENSE; date"),
        ("LICENSE", "tail -1 LI*"),
    ],
)
def test_what_a_file_that_is_no_record_has_in_common_with_one_is_no_use_of_that(
    project: Path, path: str, command: str
) -> None:
    text = "# Ours\nBe brief and say what you did.\nPermission is granted, free of charge\n"
    (project / path).parent.mkdir(exist_ok=True)
    (project / path).write_text(text)
    (project / ".claude/skills/pdf/LICENSE.txt").write_text(text.splitlines()[-1])
    assert ran(project, command) == []


def test_a_file_that_is_named_by_another_name_of_it_was_read(project: Path) -> None:
    (project / "RULES.md").symlink_to("CLAUDE.md")
    (event,) = ran(project, "cat RULES.md")
    assert event.records[0].slug == "CLAUDE.md"


def test_of_two_equal_files_the_one_that_is_named_was_read(project: Path) -> None:
    twin = project / DIR / "twin.md"
    twin.write_text(RECORDS[f"{DIR}/postgres.md"])
    (event,) = ran(project, f"cat {DIR}/twin.md")
    assert event.records[0].slug == "twin"


def test_equal_files_that_were_both_read_share_the_bytes(project: Path) -> None:
    text = RECORDS[f"{DIR}/postgres.md"]
    for name in ("twin", "third"):
        (project / DIR / f"{name}.md").write_text(text)
    found = ran(project, f"cat {DIR}/twin.md {DIR}/money.md {DIR}/postgres.md {DIR}/third.md")
    sizes = {event.records[0].slug: event.records[0].context_bytes for event in found}
    money = len(RECORDS[f"{DIR}/money.md"])
    assert sizes == {"twin": len(text), "third": len(text), "postgres": len(text), "money": money}


def test_the_lines_of_a_small_file_that_stand_in_a_large_one_are_both_their_own(
    project: Path,
) -> None:
    small = "# Small\nwhat stands in both of these files\n"
    large = "first\n" + small + "a line of the large one, with words\n" * 50
    for name, text in (("small", small), ("large", large)):
        (project / DIR / f"{name}.md").write_text(text)
    for command in (f"cat {DIR}/small.md {DIR}/large.md", f"cat {DIR}/large.md {DIR}/small.md"):
        found = {
            e.records[0].slug: e.records[0].context_bytes
            for e in ran(project, command)
            if e.records[0].slug in {"small", "large"}
        }
        assert found == {"small": len(small), "large": len(large)}
        (project / ".yoi/memory/_usage/events.jsonl").unlink()


def test_of_a_large_file_that_is_no_record_the_beginning_is_known(project: Path) -> None:
    (project / "build.log").write_text("Amounts are integers of cents.\n" + "x\n" * 200_000)
    assert ran(project, "head -3 build.log") == []
    assert ran(project, "python3 -c \"print(open('build.log').readline())\" build.log") == []


def test_of_an_output_that_was_too_long_only_its_beginning_entered(project: Path) -> None:
    first, last = RECORDS[f"{DIR}/postgres.md"], RECORDS[f"{DIR}/money.md"]
    response = {"stdout": f"{first}{'x' * 40_000}\n{last}", "stderr": ""}
    command: dict[str, object] = {
        "tool_input": {"command": f"cat {DIR}/*.md"},
        "hook_event_name": "PostToolUse",
    }
    saved = response | {
        "persistedOutputPath": "/tool-results/t1.txt",
        "persistedOutputSize": 40_100,
    }
    (event,) = hooked(project, command | {"tool_response": saved})
    assert event.records[0].slug == "postgres"
    found = hooked(project, command | {"tool_response": response, "tool_use_id": "t2"})
    assert [one.records[0].slug for one in found[1:]] == ["postgres", "money"]


def test_an_output_that_was_cut_within_a_character_is_looked_at(project: Path) -> None:
    command = {"command": f"cat {DIR}/postgres.md"}
    response = {"stdout": "# Postgres\nNot SQLite, for the locks.\n# Post\ud83d", "stderr": ""}
    payload = {"hook_event_name": "PostToolUse", "tool_response": response}
    (event,) = hooked(project, {**payload, "tool_input": command})
    assert event.records[0].context_bytes == len(RECORDS[f"{DIR}/postgres.md"])
    part = {"stdout": "for the locks.\n\ud83d", "stderr": ""}
    _, found = hooked(
        project, {**payload, "tool_input": command, "tool_response": part, "tool_use_id": "t2"}
    )
    assert found.records[0].slug == "postgres"


@pytest.mark.parametrize("part", [slice(-299, None), slice(0, 299)])
@pytest.mark.parametrize("output", ["{}\n", "{}\n\n", "\n{}\n", "{}"])
def test_of_a_line_that_was_cut_all_that_stood_there_entered(
    project: Path, part: slice, output: str
) -> None:
    line = "".join(f"word {number} " for number in range(500)).strip()
    (project / f"{DIR}/long.md").write_text(f"{line}\n")
    asked = {"tool_input": {"command": f"head -c 299 {DIR}/long.md"}}
    (event,) = hooked(
        project,
        {
            "hook_event_name": "PostToolUse",
            "tool_response": {"stdout": output.format(line[part]), "stderr": ""},
            **asked,
        },
    )
    assert event.records[0].context_bytes == len(line[part].strip()) + 1


def test_nothing_of_an_output_is_kept(project: Path) -> None:
    ran(project, f"cat {DIR}/postgres.md; echo SECRET")
    for path in (project / ".yoi/memory/_usage").iterdir():
        assert b"SECRET" not in path.read_bytes()
        assert b"SQLite" not in path.read_bytes()


CLAUDE_MD = "# Shop\nAmounts are cents.\n<!-- for maintainers -->\nSee @docs/x.md\n\n"


@pytest.mark.parametrize(
    ("path", "text", "entered"),
    [
        ("CLAUDE.md", CLAUDE_MD, "# Shop\nAmounts are cents.\nSee @docs/x.md"),
        ("CLAUDE.md", "---\na: b\n---\nRule\n", "---\na: b\n---\nRule"),
        (".claude/rules/sql.md", "---\npaths: db\n---\nUse SQL.\n", "Use SQL."),
        ("CLAUDE.md", "a <!-- b --> c\n<!-- d\ne -->\nf\n", "a <!-- b --> c\nf"),
    ],
)
def test_the_bytes_of_instructions_are_those_that_the_host_loads(
    project: Path, path: str, text: str, entered: str
) -> None:
    (project / path).parent.mkdir(parents=True, exist_ok=True)
    (project / path).write_text(text)
    loaded: dict[str, object] = {"hook_event_name": "InstructionsLoaded"}
    (event,) = hooked(project, loaded | {"file_path": str(project / path)})
    assert event.records[0].context_bytes == len(entered)
    assert event.records[0].file_bytes == len(text)


@pytest.mark.parametrize(
    ("body", "words", "entered"),
    [
        ("Use the tool.\n", None, "Use the tool.\n"),
        ("Read $ARGUMENTS first.\n", "form.pdf", "Read form.pdf first.\n"),
        ("Use it.\n", "form.pdf", "Use it.\n\n\nARGUMENTS: form.pdf"),
        ("Now: !`date`\n", None, None),
        ("Take $0.\n", "a", None),
    ],
)
def test_the_bytes_of_a_skill_are_those_of_its_body(
    project: Path, body: str, words: str | None, entered: str | None
) -> None:
    directory = project / ".claude/skills/pdf"
    (directory / "SKILL.md").write_text(f"---\nname: pdf\n---\n\n{body}")
    given: dict[str, object] = {"skill": "pdf"}
    given |= {} if words is None else {"args": words}
    (event,) = hooked(
        project,
        {
            "hook_event_name": "PostToolUse",
            "tool_name": "Skill",
            "tool_input": given,
            "tool_response": {"success": True},
        },
    )
    said = f"Base directory for this skill: {directory}\n\n{entered}"
    assert event.records[0].context_bytes == (None if entered is None else len(said))


@given(
    parts=st.lists(st.sampled_from(["$ARGUMENTS", "$ARG", "UMENTS", "$", "é", "\n", " x"])),
    words=st.none() | st.text(max_size=9),
    directory=st.none() | st.just("/é/pdf"),
)
def test_the_bytes_of_a_body_are_those_of_its_text_with_the_words(
    parts: list[str], words: str | None, directory: str | None
) -> None:
    body = "x" + "".join(parts)
    text = body.replace("$ARGUMENTS", words or "")
    if words and "$ARGUMENTS" not in body:
        text += f"\n\nARGUMENTS: {words}"
    if directory is not None:
        text = f"Base directory for this skill: {directory}\n\n{text}"
    with tempfile.NamedTemporaryFile() as file:
        file.write(body.encode())
        file.flush()
        assert body_bytes(file.name, words, directory) == len(text.encode())


_BEFORE = (
    re.compile(r"\s*[0-9]{1,9}[\t:|│-] ?"),
    re.compile(r"[^\s:]{1,255}:(?:[0-9]{1,9}:)?"),
    re.compile(r"[<>+-] ?"),
)
_SIGNS = st.text("aé 0123456789\t:|│-<>+\"'\u2003\n", max_size=20)
_NUMBERS = st.integers(0, 10**11).map(str)


@given(st.lists(st.one_of(_SIGNS, _NUMBERS, st.just("x" * 255), st.just(":"))).map("".join))
def test_what_programs_put_before_a_line_is_taken_off(line: str) -> None:
    line = line.strip()
    found = [match.end() for before in _BEFORE if (match := before.match(line))]
    quoted = [line[1:-1]] if line.startswith('"') and line.endswith('"') else []
    assert [*forms(line)] == [line, *(line[end:].strip() for end in found), *quoted]
