"""Which record a path is: the workspace's, skills, instruction files, the agents' memories."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctxuse import RecordRef, Workspace, WorkspaceLayout
from ctxuse.context.frontmatter import take_apart
from ctxuse.errors import BrokenRecordError
from ctxuse.hosts.claude_code.standing import memory_dir, resident_in_agent
from ctxuse.hosts.evidence import KnownLines
from ctxuse.hosts.ondisk import files_called, on_disk, size_now
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.past import PastPlaces
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import RecordFile
from ctxuse.hosts.recordlines import LinesOfRecords
from ctxuse.hosts.skillnames import skill_otherwise_named
from ctxuse.ids import derived_id


class Ground:
    """A home directory with a project in it."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home" / "kim"
        self.root = self.home / "work" / "app"
        (self.root / ".yoi" / "memory").mkdir(parents=True)
        self.places = Places(WorkspaceLayout(self.root), {"HOME": str(self.home)})

    def write(self, path: str, text: str = "x") -> str:
        """Write a file, its path from ``~`` or from the root, and return its absolute path."""
        full = self.home / path[2:] if path.startswith("~/") else self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text, encoding="utf-8")
        return str(full)

    def record(self, path: str) -> tuple[str, str] | None:
        """Kind and slug of a path, from ``~``, from the root, or absolute."""
        found = self.places.record_at(path)
        return None if found is None else (found.kind, found.slug)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".yoi/memory/summary.md", ("summary", "summary")),
        (".yoi/memory/decisions/alpha.md", ("decision", "alpha")),
        (".yoi/memory/requests/alpha.md", ("request", "alpha")),
        (".yoi/knowledge/alpha.md", ("knowledge", "alpha")),
        (".yoi/workflow/alpha.md", ("workflow", "alpha")),
        (".yoi/workflow/Alpha.md", None),
        (".yoi/workflow/sub/alpha.md", None),
        (".yoi/memory/decisions/a--b.md", None),
        (".yoi/memory/_usage/events.jsonl", None),
        (".yoi/memory/decisions/../summary.md", ("summary", "summary")),
        (".claude/skills/pdf/SKILL.md", ("skill", "pdf")),
        (".agents/skills/pdf/SKILL.md", ("skill", "pdf")),
        ("apps/web/.claude/skills/deploy/SKILL.md", ("skill", "apps/web:deploy")),
        ("~/.claude/skills/pdf/SKILL.md", ("skill", "pdf")),
        ("~/.agents/skills/pdf/SKILL.md", ("skill", "pdf")),
        ("~/.codex/skills/pdf/SKILL.md", ("skill", "pdf")),
        ("~/.codex/skills/.system/plan/SKILL.md", ("skill", "plan")),
        ("~/work/.claude/skills/team/SKILL.md", ("skill", "team")),
        ("~/other/.claude/skills/pdf/SKILL.md", None),
        ("~/.claude/plugins/cache/m/acme/1.2/skills/triage/SKILL.md", ("skill", "acme:triage")),
        ("~/.claude/plugins/cache/acme/1.2/skills/triage/SKILL.md", ("skill", "acme:triage")),
        ("~/.claude/plugins/marketplaces/m/plugins/acme/skills/t/SKILL.md", ("skill", "acme:t")),
        (".claude/skills/pdf", None),
        (".claude/skills/README.md", None),
        ("CLAUDE.md", ("instructions", "CLAUDE.md")),
        ("AGENTS.md", ("instructions", "AGENTS.md")),
        ("sub/dir/CLAUDE.md", ("instructions", "sub/dir/CLAUDE.md")),
        (".claude/CLAUDE.md", ("instructions", ".claude/CLAUDE.md")),
        (".claude/rules/sql.md", ("instructions", ".claude/rules/sql.md")),
        (".claude/rules/db/sql.md", ("instructions", ".claude/rules/db/sql.md")),
        (".claude/rules/sql.txt", None),
        ("rules/sql.md", None),
        ("~/work/CLAUDE.md", ("instructions", "~/work/CLAUDE.md")),
        ("~/.claude/CLAUDE.md", ("instructions", "~/.claude/CLAUDE.md")),
        ("~/.claude/rules/mine.md", ("instructions", "~/.claude/rules/mine.md")),
        ("~/.codex/AGENTS.md", ("instructions", "~/.codex/AGENTS.md")),
        ("~/other/CLAUDE.md", None),
        ("rules/.claude/rules/sql.md", ("instructions", "rules/.claude/rules/sql.md")),
        (".claude/rulesx/sql.md", None),
        (
            "~/.claude/projects/-home-kim-work-app/memory/MEMORY.md",
            ("memory", "~/.claude/projects/-home-kim-work-app/memory/MEMORY.md"),
        ),
        ("~/.claude/projects/p/memory/x/y.md", ("memory", "~/.claude/projects/p/memory/x/y.md")),
        ("~/.claude/projects/p/5f0c.jsonl", None),
        (".claude/agent-memory/t/MEMORY.md", ("memory", ".claude/agent-memory/t/MEMORY.md")),
        ("~/.codex/memories/memory_summary.md", ("memory", "~/.codex/memories/memory_summary.md")),
        (".cursor/rules/db/sql.mdc", ("instructions", ".cursor/rules/db/sql.mdc")),
        (".cursorrules", ("instructions", ".cursorrules")),
        (".cursor/skills/pdf/SKILL.md", ("skill", "pdf")),
        (".clinerules/style.md", ("instructions", ".clinerules/style.md")),
        ("~/.cline/skills/pdf/SKILL.md", ("skill", "pdf")),
        ("QWEN.md", ("instructions", "QWEN.md")),
        ("~/.qwen/QWEN.md", ("instructions", "~/.qwen/QWEN.md")),
        (".qwen/skills/pdf/SKILL.md", ("skill", "pdf")),
        (".qwen/agents/keeper.md", ("agent", "keeper")),
        ("README.md", None),
        ("src/main.py", None),
        ("/etc/passwd", None),
        ("", None),
        ("bad\0name/CLAUDE.md", None),
        ("\ud800/CLAUDE.md", None),
    ],
)  # fmt: skip
def test_a_path_is_the_record_it_names(
    ground: Ground, path: str, expected: tuple[str, str] | None
) -> None:
    assert ground.record(path) == expected


def test_a_file_of_a_skill_belongs_to_it(ground: Ground) -> None:
    path = ground.write(".claude/skills/pdf/references/forms.md", "12345")
    assert ground.record(path) is None  # no SKILL.md: that is no skill
    skill = ground.write(".claude/skills/pdf/SKILL.md", "1234567")
    found = ground.places.record_at(path)
    assert found is not None
    assert (found.kind, found.slug, found.file, found.named) == ("skill", "pdf", skill, path)
    snapshot = found.snapshot(5)
    assert (snapshot.file_bytes, snapshot.context_bytes) == (7, 5)


def test_slugs_of_paths_say_nothing_of_the_machine(tmp_path: Path) -> None:
    root = tmp_path / "srv" / "team" / "app"
    places = Places(WorkspaceLayout(root), {"HOME": str(tmp_path / "home")})
    for path, slug in (
        (tmp_path / "srv" / "CLAUDE.md", "../../CLAUDE.md"),
        (tmp_path / "srv" / "team" / ".claude" / "CLAUDE.md", "../.claude/CLAUDE.md"),
        (tmp_path / "etc" / "claude-code" / "CLAUDE.md", "external:CLAUDE.md"),
        (tmp_path / "srv" / "team" / "other" / "notes.md", "external:notes.md"),
        (tmp_path / "home" / "notes.md", "~/notes.md"),
        (root / "docs" / "git.md", "docs/git.md"),
    ):
        found = places.instructions_at(str(path))
        assert found is not None
        assert (found.kind, found.slug) == ("instructions", slug)


def test_links_are_resolved_when_the_name_says_nothing(ground: Ground, tmp_path: Path) -> None:
    ground.write(".yoi/knowledge/policy.md")
    (tmp_path / "elsewhere").symlink_to(ground.root)
    assert ground.record(str(tmp_path / "elsewhere/.yoi/knowledge/policy.md")) == (
        "knowledge",
        "policy",
    )
    linked = Places(WorkspaceLayout(tmp_path / "elsewhere"), {"HOME": str(ground.home)})
    found = linked.record_at(str(ground.root / ".yoi/knowledge/policy.md"))
    assert found is not None
    assert found.slug == "policy"
    loop = ground.root / "loop"
    loop.symlink_to(loop)
    assert ground.record("loop/CLAUDE.md") in {None, ("instructions", "loop/CLAUDE.md")}


def test_a_skill_that_agents_share_by_links_is_one_record(ground: Ground, tmp_path: Path) -> None:
    shared = ground.root / ".agents/skills/forms"
    shared.mkdir(parents=True)
    (shared / "SKILL.md").write_text("body")
    skills = ground.root / ".claude/skills"
    skills.mkdir(parents=True, exist_ok=True)
    for name in ("forms", "fill"):
        (skills / name).symlink_to(shared)
    apart = tmp_path / "checkout"
    apart.mkdir()
    (apart / "SKILL.md").write_text("body")
    (skills / "apart").symlink_to(apart)
    (skills / "broken").symlink_to(tmp_path / "nothing")
    places = ground.places
    names = {"forms": "forms", "fill": "forms", "apart": "apart"}
    for name, slug in names.items():
        found = places.record_at(str(skills / name / "SKILL.md"))
        assert found is not None
        assert (found.kind, found.slug) == ("skill", slug)
        called = places.skill_named(name)
        assert called is not None
        assert called.slug == slug
    assert ground.record(str(skills / "broken/SKILL.md")) == ("skill", "broken")
    (ground.home / ".claude/skills/forms").mkdir(parents=True)
    (ground.home / ".claude/skills/forms/SKILL.md").write_text("body")
    (ground.root / ".codex/skills/forms").mkdir(parents=True)
    (ground.root / ".codex/skills/forms/SKILL.md").write_text("another")
    assert sorted(files_called(places, "skill", "forms")) == [
        (".agents/skills/forms/SKILL.md", None),
        (".claude/skills/fill/SKILL.md", "link"),
        (".claude/skills/forms/SKILL.md", "link"),
        (".codex/skills/forms/SKILL.md", "other"),
        ("~/.claude/skills/forms/SKILL.md", "copy"),
    ]
    for kind, slug in (("skill", "nothing"), ("instructions", "CLAUDE.md"), ("skill", "../x")):
        assert files_called(places, kind, slug) == []


def test_a_link_beside_another_skill_of_that_name_has_its_own(
    ground: Ground, tmp_path: Path
) -> None:
    skills, team = ground.root / ".claude/skills", tmp_path / "team/skills/deploy"
    for folder in (skills / "deploy", team):
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text(f"of {folder}")
    (skills / "team-deploy").symlink_to(team)
    assert ground.record(str(skills / "deploy/SKILL.md")) == ("skill", "deploy")
    assert ground.record(str(skills / "team-deploy/SKILL.md")) == ("skill", "team-deploy")


def test_a_folder_of_records_may_be_a_link(ground: Ground, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    for path in ("sql.md", "db/b.md", "db/a.md", "db/no.txt", "deep/er/x.md"):
        (shared / path).parent.mkdir(parents=True, exist_ok=True)
        (shared / path).write_text("x")
    (shared / "up").symlink_to(shared)
    (ground.root / ".claude").mkdir()
    (ground.root / ".claude/rules").symlink_to(shared)
    slugs = [f".claude/rules/{name}.md" for name in ("sql", "db/a", "db/b", "deep/er/x")]
    found = [ref.slug for ref in on_disk(ground.places, outside=False)]
    assert found == sorted(slugs)
    resident = resident_in_agent(ground.places, "general-purpose", None)
    assert [snapshot.slug for snapshot in resident] == slugs


def test_links_in_the_home_directory_change_nothing(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    dot = tmp_path / "dot"
    dot.mkdir()
    (ground.home / ".claude").symlink_to(dot)
    ground.write("~/.claude/skills/pdf/SKILL.md")
    for path in ("~/.claude/skills/pdf/SKILL.md", str(dot / "skills/pdf/SKILL.md")):
        assert ground.record(path) == ("skill", "pdf")
    (tmp_path / "kim").symlink_to(ground.home)
    linked = Places(WorkspaceLayout(ground.root), {"HOME": str(tmp_path / "kim")})
    for home in (ground.home, tmp_path / "kim"):
        found = linked.record_at(str(home / ".claude/CLAUDE.md"))
        assert found is not None
        assert found.slug == "~/.claude/CLAUDE.md"


def test_skills_of_a_plugin_installed_elsewhere_are_its_own(ground: Ground, tmp_path: Path) -> None:
    where = tmp_path / "elsewhere"
    skill = where / "skills" / "triage"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("x")
    listed = {"plugins": {"acme@m": {"installPath": str(where)}, "bad@m": {"installPath": "/a\0b"}}}
    ground.write("~/.claude/plugins/installed_plugins.json", json.dumps(listed))
    assert ground.record(str(skill / "SKILL.md")) == ("skill", "acme:triage")
    assert ("skill", "acme:triage") in on_disk(ground.places, outside=True)


def test_a_skill_is_found_by_the_name_the_host_gives_it(ground: Ground, tmp_path: Path) -> None:
    own = ground.write(".claude/skills/pdf/SKILL.md")
    user = ground.write("~/.claude/skills/mail/SKILL.md")
    ground.write("~/.claude/skills/pdf/SKILL.md")
    nested = ground.write("apps/web/.claude/skills/deploy/SKILL.md")
    flow = ground.write(".yoi/workflow/release.md")
    plugin = tmp_path / "plugins" / "acme"
    (plugin / "skills" / "triage").mkdir(parents=True)
    (plugin / "skills" / "triage" / "SKILL.md").write_text("x")
    ground.write(
        "~/.claude/plugins/installed_plugins.json",
        json.dumps({"plugins": {"acme@market": [{"installPath": str(plugin)}], "bad": 7}}),
    )
    for name, file in {
        "pdf": own,
        "mail": user,
        "apps/web:deploy": nested,
        "release": flow,
        "acme:triage": str(plugin / "skills/triage/SKILL.md"),
    }.items():
        found = ground.places.skill_named(name)
        assert found is not None, name
        assert (found.slug, found.file) == (name, file)
        assert found.kind == ("workflow" if name == "release" else "skill")
    for name in ("gone", "", ":", "a:", "../pdf", "..:pdf", "pdf/..", ".", "gone:pdf", "/etc:pdf"):
        assert ground.places.skill_named(name) is None, name


@pytest.mark.parametrize(
    "said",
    [
        "name: a-b", "name:   A b.c:d  # why", "name: 'yes'", 'name: "x y"', '"name": x',
        "'name': x", "{name: x, k: [v]}", "? name\n: x", "description: of a name\nname: x",
        "  name: x\n  k: v",
        "k: {a: b,\n  name: c}\nname: x", "name: x\r\nk: v\r", "name: x\n  y", "name: x\nname: y",
        "name: yes", "name: Null", "name: 7", "name: 1:30", "name: .nan", "name:", "name: [x]",
        "name: >\n  x y", "name: é", 'name: "\\x41"', "name: x: y", "names: x", "no: name", "",
        "description: |\n  name: z\nname: x", "name : x", "name: x #y", "name: x#y",
    ],
)  # fmt: skip
def test_the_name_that_a_skill_says_is_the_one_that_yaml_gives(ground: Ground, said: str) -> None:
    file = ground.write(".claude/skills/folder/SKILL.md", f"---\n{said}\n---\nbody\n")
    try:
        name = take_apart("skill", "folder", Path(file).read_bytes()).fields.get("name")
    except BrokenRecordError:
        name = None
    for asked in ("x", "x y", "yes", "Null", "z", str(name)):
        found = skill_otherwise_named(ground.places, asked)
        assert (found is not None) == (asked == name), asked
        ground.places.kept.clear()


@pytest.mark.parametrize(
    "listed", ["", "[]", "{}", '{"plugins": 7}', '{"plugins": {"a": {"installPath": 1}}}', "\xff"]
)
def test_a_list_of_plugins_that_is_none_does_no_harm(ground: Ground, listed: str) -> None:
    ground.write("~/.claude/plugins/installed_plugins.json", listed)
    assert ground.places.plugins() == {}


def test_what_is_on_the_disk_is_listed(ground: Ground) -> None:
    for path in (
        ".yoi/knowledge/policy.md", ".claude/skills/pdf/SKILL.md", ".claude/skills/not/x.md",
        "CLAUDE.md", ".claude/rules/db/sql.md", "~/.claude/CLAUDE.md",
        "~/.claude/skills/mail/SKILL.md", "~/.codex/memories/MEMORY.md",
        ".claude/agent-memory/a/MEMORY.md", "sub/CLAUDE.md",
    ):  # fmt: skip
        ground.write(path)
    memory = memory_dir(ground.places, str(ground.root))
    name = os.path.relpath(os.path.join(memory, "MEMORY.md"), ground.home)
    ground.write(f"~/{name}")
    inside = {
        ("instructions", ".claude/rules/db/sql.md"),
        ("instructions", "CLAUDE.md"),
        ("knowledge", "policy"),
        ("memory", ".claude/agent-memory/a/MEMORY.md"),
        ("skill", "pdf"),
    }
    outside = {
        ("instructions", "~/.claude/CLAUDE.md"),
        ("memory", "~/.codex/memories/MEMORY.md"),
        ("memory", f"~/{name}"),
        ("skill", "mail"),
    }
    assert {tuple(ref) for ref in on_disk(ground.places, outside=False)} == inside
    found = on_disk(ground.places, outside=True)
    assert {tuple(ref) for ref in found} == inside | outside
    assert found == sorted(found, key=lambda ref: (ref.kind, ref.slug or ""))


def test_a_report_lists_what_is_the_users_once_such_records_are_counted(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ctxuse.cli.main import run  # noqa: PLC0415 - beside its only use
    from ctxuse.events import UsageRecordSnapshot  # noqa: PLC0415 - likewise

    home = tmp_path.parent / f"{tmp_path.name}-home"
    for path in (home / ".claude/skills/mail", tmp_path / ".claude/skills/pdf"):
        path.mkdir(parents=True)
        (path / "SKILL.md").write_text("x")
    monkeypatch.setenv("HOME", str(home))
    said: list[str] = []
    monkeypatch.setattr("ctxuse.cli.common.show_json", said.append)
    words = ["report", "--all", "--format", "json", "-w", str(tmp_path)]
    assert run(words) == 0
    assert '"pdf"' in said[0]
    assert '"mail"' not in said[0]
    workspace.append_resident_exposure("s", [UsageRecordSnapshot.from_size("skill", "x", 1)])
    assert run(words) == 0
    assert '"mail"' in said[1]
    assert isinstance(workspace.layout.records_on_disk(), list)
    assert RecordRef("skill", "x") not in workspace.layout.records_on_disk()


def test_ids_are_those_of_the_format() -> None:
    expected = "c442794f-d5ec-5d48-891f-1a4034dfe770"
    assert derived_id("claude-code", "toolu_01Qx", "skill", "pdf") == expected


@given(st.lists(st.text(), min_size=4, max_size=4))
def test_ids_are_uuid5_of_compact_ascii_json(texts: list[str]) -> None:
    import uuid  # noqa: PLC0415 - beside its only use

    namespace = uuid.UUID("b0c1f1de-52a5-4b1c-9d0e-6c1f3c7a9e42")
    name = json.dumps(texts, separators=(",", ":"))
    assert derived_id(*texts) == str(uuid.uuid5(namespace, name))


@given(
    st.lists(
        st.sampled_from(["..", ".", "~", "skills", ".claude", "a", "CLAUDE.md", "\0", "rules"])
    )
)
def test_no_path_is_an_error(parts: list[str]) -> None:
    places = Places(WorkspaceLayout("/home/kim/app"), {"HOME": "/home/kim"})
    found = places.record_at("/".join(parts))
    assert found is None or not found.slug.startswith("/")


@pytest.mark.parametrize(
    ("kind", "slug"),
    [
        ("instructions", "/etc/passwd"),
        ("memory", "../../../../../../../../../../etc/hostname"),
        ("memory", "~/../etc/group"),
        ("instructions", "a/../CLAUDE.md"),
        ("instructions", "external:CLAUDE.md"),
        ("memory", "a\0b"),
    ],
)
def test_a_slug_from_a_log_does_not_make_us_look_anywhere(
    workspace: Workspace, kind: str, slug: str
) -> None:
    from ctxuse.hosts.places import Places  # noqa: PLC0415 - beside its only use

    assert size_now(Places(workspace.layout), kind, slug) == (None, None)
    (workspace.layout.root / "CLAUDE.md").write_text("12345")
    assert size_now(Places(workspace.layout), "instructions", "CLAUDE.md") == (5, False)
    assert size_now(Places(workspace.layout), "instructions", "AGENTS.md") == (None, True)


def test_the_size_of_a_file_is_only_told_where_a_host_could_have_found_it(ground: Ground) -> None:
    """Whoever writes a log could otherwise ask for the size of any file of its reader."""
    for path in (
        "~/.ssh/id_test", "~/notes.md", "notes.txt", "~/.claude/settings.json", "~/work/notes.md",
        "~/.claude/memory.md",
    ):  # fmt: skip
        ground.write(path)
        for kind in ("memory", "instructions"):
            if (kind, path) != ("instructions", "notes.txt"):
                assert size_now(ground.places, kind, path) == (None, None), (kind, path)
    assert size_now(ground.places, "memory", "../notes.md") == (None, None)
    for kind, path in (
        ("instructions", "CLAUDE.md"), ("instructions", "docs/git.md"),
        ("instructions", "~/.claude/CLAUDE.md"), ("instructions", "~/work/CLAUDE.md"),
        ("instructions", "~/.claude/rules/mine.md"), ("instructions", "sub/.claude/rules/sql.md"),
        ("memory", "~/.claude/projects/-home-kim-work-app/memory/MEMORY.md"),
        ("memory", ".claude/agent-memory/a/MEMORY.md"), ("memory", "~/.codex/memories/MEMORY.md"),
    ):  # fmt: skip
        assert size_now(ground.places, kind, path) == (None, True), (kind, path)
        ground.write(path, "12345")
        assert size_now(ground.places, kind, path) == (5, False), (kind, path)


def test_the_instructions_of_a_clone_take_in_nothing_from_outside_of_it(ground: Ground) -> None:
    outside = ground.write("~/.ssh/id_test", "@more.md 12345")
    ground.write("~/.ssh/more.md")
    ground.write("~/style.md", "@work/mine.md")
    ground.write("~/work/mine.md")
    ground.write("docs/style.md", "@git.md @../../other.md")
    ground.write("docs/git.md")
    ground.write("../other.md")
    (ground.root / "docs/link.md").symlink_to(outside)
    (ground.root / "linked").symlink_to(ground.home / ".ssh")
    names = (
        f"@~/.ssh/id_test @{outside} @../../.ssh/id_test @linked/id_test @docs/link.md @../other.md"
    )
    ground.write("CLAUDE.md", f"{names} @docs/style.md")
    ground.write("CLAUDE.local.md", names)
    ground.write("../CLAUDE.md", f"{names} @app/docs/above.md")
    ground.write("docs/above.md")
    ground.write("~/.claude/CLAUDE.md", "@~/style.md")
    taken_in = ["docs/style.md", "docs/above.md", "docs/git.md", "~/style.md", "~/work/mine.md"]
    found = sorted(ground.places.imported_files())
    assert found == sorted(map(ground.places.absolute, taken_in))
    resident = resident_in_agent(ground.places, "general-purpose", None)
    of_files = ["CLAUDE.md", "CLAUDE.local.md", "~/work/CLAUDE.md", "~/.claude/CLAUDE.md"]
    assert {snapshot.slug for snapshot in resident} == {*of_files, *taken_in}
    outside_of_it = ["~/.ssh/id_test", "~/.ssh/more.md", "~/work/other.md"]
    for slug in (*outside_of_it, "docs/link.md", "linked/id_test"):
        assert size_now(ground.places, "instructions", slug) == (None, None), slug
    for slug in taken_in:
        assert size_now(ground.places, "instructions", slug)[1] is False, slug


@pytest.mark.parametrize("text", ["", "\n \n", "<!-- later -->\n"])
def test_instructions_in_which_nothing_stands_are_in_no_sub_agent(
    ground: Ground, text: str
) -> None:
    ground.write("CLAUDE.md", "@docs/empty.md @docs/full.md")
    ground.write("docs/full.md")
    for path in (
        "CLAUDE.local.md", ".claude/CLAUDE.md", ".claude/rules/a.md", "docs/empty.md",
        "~/.claude/CLAUDE.md", "~/.claude/rules/a.md", "../CLAUDE.md",
    ):  # fmt: skip
        ground.write(path, text)
    resident = resident_in_agent(ground.places, "general-purpose", None)
    assert [snapshot.slug for snapshot in resident] == ["CLAUDE.md", "docs/full.md"]


@pytest.mark.parametrize("own", [False, True])
def test_the_lines_of_records_are_kept_for_few_directories_at_once(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> None:
    """Of directories in which sessions have the same records they are the same."""
    learnt: list[str] = []
    usual = KnownLines.__init__

    def learning(self: KnownLines, files: Iterable[RecordFile], root: str) -> None:
        learnt.append(root)
        usual(self, files, root)

    monkeypatch.setattr(KnownLines, "__init__", learning)
    for number in range(6):
        ground.write(f"d{number}/.claude/skills/s/SKILL.md" if own else "CLAUDE.md")
    places = PastPlaces(ground.places.layout, ground.places.environ)
    started = []
    for number in (*range(6), 5, 4, 0):
        start = os.path.join(places.root, f"d{number}")
        origin = Origin.of_transcript(places, start)
        with origin.known_lines((), "") as first, origin.known_lines((), "") as second:
            assert first is second
        started.append(origin.places)
    assert len({id(one) for one in started}) == 6
    assert len({id(one.keep(LinesOfRecords)) for one in started}) == 1
    assert (len(places.keep(LinesOfRecords)), len(learnt)) == ((2, 7) if own else (1, 1))


@pytest.mark.parametrize("name", ["a/" * 60, "a/" * 300, "a" * 200 + "/", ("a" * 200 + "/") * 25])
def test_of_a_path_that_no_file_can_have_nothing_is_asked(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked = 0
    usual = os.lstat

    def asking(path: str, **more: int) -> os.stat_result:
        nonlocal asked
        asked += 1
        return usual(path, **more)

    path = str(ground.root / name / "AGENTS.md")
    is_possible = path.count("/") < 256 and len(path) < 4096
    linked = ground.root / "linked"
    linked.symlink_to(ground.root)
    places = Places(WorkspaceLayout(linked), {"HOME": str(ground.home)})
    monkeypatch.setattr(os, "lstat", asking)
    assert places.record_at(path.replace(str(ground.root), "/nowhere")) is None
    assert (asked > 0) is is_possible
