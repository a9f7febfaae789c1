"""An agent of one's own: what it tells of files and texts counts once, and disturbs nothing."""

import json
import logging
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ctxuse import RecordRef, Segment, UsageEvent, UsageSource, Workspace
from ctxuse.hook import run
from ctxuse.log.failures import read_marks

AGENTS = "# Shop\nBe brief.\nCall it a hub.\n"
SKILL = "---\nname: pdf\ndescription: Fills forms.\n---\n# PDF\nStep one.\n"

Write = Callable[[str, str], Path]


@pytest.fixture
def write(workspace: Workspace) -> Write:
    def written(name: str, text: str) -> Path:
        path = workspace.layout.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return written


@pytest.fixture
def segment(workspace: Workspace, write: Write, monkeypatch: pytest.MonkeyPatch) -> Segment:
    write("AGENTS.md", AGENTS)
    write(".agents/skills/pdf/SKILL.md", SKILL)
    write(".yoi/knowledge/glossary.md", "A hub turns.\n")
    write("app.py", "print()\n")
    monkeypatch.chdir(workspace.layout.root)
    return workspace.segment("s", host="my-agent", actor="agent")


def told(workspace: Workspace) -> list[tuple[str, str, int | None, str | None, str | None]]:
    """Source, record, bytes that entered, call and actor of each event's records."""
    return [
        (event.source.value, f"{r.kind}/{r.slug}", r.context_bytes, event.call_id, event.actor)
        for event in workspace.events()
        if isinstance(event, UsageEvent)
        for r in event.records
    ]


class TestRead:
    @pytest.mark.parametrize(
        ("path", "text", "name"),
        [
            ("AGENTS.md", AGENTS, "instructions/AGENTS.md"),
            ("./AGENTS.md", "Be brief.\n", "instructions/AGENTS.md"),
            (Path("AGENTS.md"), "     2\tBe brief.\n     3\tCall it", "instructions/AGENTS.md"),
            (".agents/skills/pdf/SKILL.md", SKILL, "skill/pdf"),
            (".yoi/knowledge/glossary.md", "A hub turns.", "knowledge/glossary"),
        ],
    )
    def test_a_file_that_is_a_record_is_a_use_of_what_entered(
        self, workspace: Workspace, segment: Segment, path: str, text: str, name: str
    ) -> None:
        assert segment.read(path, text, call_id="c1") == RecordRef(*name.split("/", 1))
        assert segment.read(os.path.abspath(path), text, call_id="c2") is not None
        size = len(text.encode())
        assert told(workspace) == [
            ("MemoryRead", name, size, call_id, "agent") for call_id in ("c1", "c2")
        ]

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("app.py", "print()\n"),
            ("nothing.md", "No such file"),
            (".yoi/knowledge/gone.md", "[Errno 2] No such file or directory"),
            ("AGENTS.md", "Error: permission denied"),
            ("AGENTS.md", ""),
            ("AGENTS.md", None),
            ("AGENTS.md", b"Be brief."),
            ("AGENTS.md\0", "Be brief."),
            ("\ud800.md", "Be brief."),
            ("x" * 100_000 + ".md", "Be brief."),
            ("", "Be brief."),
            (7, "Be brief."),
            (None, "Be brief."),
        ],
    )
    def test_what_is_no_record_or_did_not_enter_is_nothing(
        self, workspace: Workspace, segment: Segment, path: str, text: object
    ) -> None:
        assert segment.read(path, text, call_id="c1") is None
        assert told(workspace) == []

    @pytest.mark.parametrize(
        "text",
        [
            "```\nENOENT: no such file or directory\n```",
            "---\nError: permission denied",
            "Error",
            "Timeout reading\nError",
            "EOF",
            "Could not read AGENTS.md:\n---\nEOF\n```",
            "Erro... [truncated]",
        ],
    )
    def test_what_a_tool_says_by_itself_shows_no_file(
        self, workspace: Workspace, segment: Segment, write: Write, text: str
    ) -> None:
        write("AGENTS.md", "# Rules\n\nErrors are handled.\n```\nmake test\n```\n---\nEOF\n")
        assert segment.read("AGENTS.md", text, call_id="c1") is None
        assert told(workspace) == []

    @pytest.mark.parametrize(
        ("whole", "text"),
        [
            (AGENTS, "Be brief.\n\n[Showing line 2 of 3. Use offset=3 to go on.]"),
            (AGENTS, "     1\t# Shop\n     2\tBe br"),
            (AGENTS, "# Shop\n"),
            ("Amounts are integers of cents, always.", "Amounts are integers of ce"),
            (
                "Amounts are integers of cents, always.",
                "1\tAmounts are integers of... [cut]\nMore.",
            ),
            ("Brief\nHonest\nPolite\nThorough\nQuick\n", "Honest\nPolite\nThorough\n"),
            ("簡潔に。\n正直に。\n", "正直に。\n"),
            ("Brief!\n", "Brief!"),
            ("ok\n", "     1\tok\n(End of file)"),
        ],
    )
    def test_a_part_of_a_file_and_a_very_short_file_are_shown(
        self, segment: Segment, write: Write, whole: str, text: str
    ) -> None:
        write("AGENTS.md", whole)
        assert segment.read("AGENTS.md", text, call_id="c1") is not None

    def test_a_call_counts_once_and_one_without_an_id_each_time(
        self, workspace: Workspace, segment: Segment
    ) -> None:
        for _ in range(3):
            segment.read("AGENTS.md", AGENTS, call_id="call_xyz")
        assert len(told(workspace)) == 1
        for _ in range(2):
            segment.read(Path("AGENTS.md"), AGENTS, call_id=None)
        assert len(told(workspace)) == 3

    def test_ids_that_only_count_are_those_of_their_session(
        self, workspace: Workspace, segment: Segment
    ) -> None:
        other = workspace.segment("t", host="my-agent")
        for one in (segment, other, segment, other):
            one.read("AGENTS.md", AGENTS, call_id="call_0")
        assert len(told(workspace)) == 2

    @pytest.mark.usefixtures("segment")
    def test_it_is_counted_once_beside_a_hook(self, workspace: Workspace) -> None:
        path = os.path.abspath("AGENTS.md")
        mine = workspace.segment("s", host="claude-code")
        mine.read(path, AGENTS, call_id="toolu_1")
        payload = {
            "hook_event_name": "PostToolUse", "session_id": "s", "cwd": os.getcwd(),
            "tool_name": "Read", "tool_use_id": "toolu_1", "tool_input": {"file_path": path},
            "tool_response": {"type": "text", "file": {"filePath": path, "content": AGENTS}},
        }  # fmt: skip
        run(["claude-code"], BytesIO(json.dumps(payload).encode()), os.environ)
        assert len(told(workspace)) == 1

    def test_a_record_of_the_workspace_is_still_given(
        self, workspace: Workspace, segment: Segment
    ) -> None:
        assert segment.read("knowledge", "glossary").text == "A hub turns.\n"
        assert told(workspace) == [("MemoryRead", "knowledge/glossary", 13, None, "agent")]


class TestUse:
    @pytest.mark.parametrize(
        ("record", "text", "expected"),
        [
            ("tool/search", "finds", ("MemoryRead", "tool/search", 5)),
            ("skill/pdf", "Step one.", ("WorkflowInvoke", "skill/pdf", 9)),
            ("skill/none", "body", ("WorkflowInvoke", "skill/none", 4)),
            (".agents/skills/pdf/SKILL.md", SKILL, ("WorkflowInvoke", "skill/pdf", len(SKILL))),
            ("knowledge/glossary", None, ("MemoryRead", "knowledge/glossary", None)),
            ("prompt/x/y", "ä\ud800", ("MemoryRead", "prompt/x/y", 3)),
        ],
    )
    def test_what_is_named_is_recorded(
        self,
        workspace: Workspace,
        segment: Segment,
        record: str,
        text: str | None,
        expected: tuple[str, str, int | None],
    ) -> None:
        assert segment.use(record, text, call_id="c") is not None
        assert told(workspace) == [(*expected, "c", "agent")]

    def test_sizes_are_those_of_the_file_where_there_is_one_and_unknown_without_any(
        self, workspace: Workspace, segment: Segment
    ) -> None:
        segment.use("skill/pdf", "x")
        segment.use("tool/search", "finds")
        segment.use("tool/search")
        found = [e.records[0] for e in workspace.events() if isinstance(e, UsageEvent)]
        assert [(r.file_bytes, r.sized) for r in found] == [
            (len(SKILL), True),
            (5, True),
            (0, False),
        ]

    def test_who_and_how_can_be_said(self, workspace: Workspace, segment: Segment) -> None:
        segment.use("AGENTS.md", AGENTS, by_user=True, source="KnowledgeRef")
        segment.use("AGENTS.md", AGENTS, source=UsageSource.MEMORY_READ)
        assert [(t[0], t[4]) for t in told(workspace)] == [
            ("KnowledgeRef", "user"), ("MemoryRead", "agent"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "record",
        ["", "x", "/x", "tool/", "tool/\ud800", "tool/" + "x" * 9999, "./gone.md", 7, None],
    )
    def test_what_cannot_be_named_is_nothing(
        self, workspace: Workspace, segment: Segment, record: str
    ) -> None:
        assert segment.use(record, "x") is None
        assert told(workspace) == []


class TestResident:
    def test_files_stand_beside_texts_that_have_none(
        self, workspace: Workspace, segment: Segment, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "house.md"
        elsewhere.write_text("rules of the house", encoding="utf-8")
        texts: dict[Any, str] = {
            "prompt/system": "You repair.", "AGENTS.md": "Be brief.",
            Path(".agents/skills/pdf/SKILL.md"): "pdf: Fills forms.", str(elsewhere): "rules",
        }  # fmt: skip
        given = segment.resident(texts)
        assert given.text == "You repair.\n\nBe brief.\n\npdf: Fills forms.\n\nrules"
        assert told(workspace) == [
            ("ResidentInjection", name, size, None, "agent")
            for name, size in (
                ("prompt/system", 11), ("instructions/AGENTS.md", 9), ("skill/pdf", 17),
                ("instructions/external:house.md", 5),
            )
        ]  # fmt: skip
        assert len([*workspace.events()]) == 1

    def test_a_file_that_is_not_there_is_left_out(
        self, workspace: Workspace, segment: Segment
    ) -> None:
        given = segment.resident({"/nowhere/AGENTS.md": "x", "tool/a": "y"})
        assert [record.kind for record in given.records] == ["tool"]
        assert len(given.left_out) == 1
        assert len(told(workspace)) == 1


LISTED = "Skills:\n- **pdf**: Fills forms in files.\n  -> Read `{file}` for more\n- other: x\n"


class TestResidentIn:
    @pytest.fixture
    def skill(self, segment: Segment, write: Write) -> Path:
        assert isinstance(segment, Segment)
        return write(
            ".agents/skills/pdf/SKILL.md",
            "---\nname: pdf\ndescription: >\n  Fills forms\n  in files.\n---\n# PDF\n",
        )

    def test_what_stands_in_a_prompt_is_resident_once(
        self, workspace: Workspace, segment: Segment, skill: Path
    ) -> None:
        listed = LISTED.format(file=skill)
        prompt = f"You repair.\n<memory>\n{AGENTS}</memory>\n{listed}"
        names = [("instructions", "AGENTS.md"), ("skill", "pdf")]
        assert list(segment.resident_in(prompt)) == names
        for again in (prompt, prompt + "More.", None, ""):
            assert segment.resident_in(again) == ()
        entry = "\n".join(listed.split("\n")[1:3])
        assert told(workspace) == [
            ("ResidentInjection", "instructions/AGENTS.md", len(AGENTS.strip()), None, "agent"),
            ("ResidentInjection", "skill/pdf", len(entry), None, "agent"),
        ]
        assert len([*workspace.events()]) == 1

    @pytest.mark.parametrize(
        "prompt",
        [
            "You repair.",
            "Be brief.",
            AGENTS[:-12],
            "Fills forms in files.",
            "- pdfs: Fills forms in files.",
            "- pdf: Fills forms.",
            "pdf" + " " * 400 + "Fills forms in files.",
        ],
    )
    @pytest.mark.usefixtures("skill")
    def test_a_part_or_a_name_is_not_enough(
        self, workspace: Workspace, segment: Segment, prompt: str
    ) -> None:
        assert segment.resident_in(prompt) == ()
        assert told(workspace) == []

    def test_white_space_may_differ(self, workspace: Workspace, segment: Segment) -> None:
        assert segment.resident_in("x " + AGENTS.replace("\n", "\n\n  ")) != ()
        assert told(workspace)[0][2] == len(AGENTS.strip().replace("\n", "\n\n  "))

    def test_of_files_with_the_same_text_one_has_entered(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        copy = write("CLAUDE.md", AGENTS)
        other = workspace.segment("t")
        assert [ref.slug for ref in segment.resident_in(AGENTS)] == ["AGENTS.md"]
        assert [ref.slug for ref in other.resident_in(f"{copy}:\n{AGENTS}")] == ["CLAUDE.md"]

    def test_what_stands_only_within_another_file_entered_with_that(
        self, segment: Segment, write: Write
    ) -> None:
        rule = "Errors are handled with care.\n"
        write("AGENTS.md", f"# Rules\n\n{rule}Be brief.\n")
        other = write("CLAUDE.md", rule)
        both = Path("AGENTS.md").read_text()
        for at, (prompt, expected) in enumerate(
            [
                (both, ["AGENTS.md"]),
                (f"{both}{both}", ["AGENTS.md"]),
                (f"{both}\n{rule}", ["AGENTS.md", "CLAUDE.md"]),
                (f"{rule}\n{both}", ["AGENTS.md", "CLAUDE.md"]),
                (f"{other}\n{both}", ["AGENTS.md", "CLAUDE.md"]),
                (f"You.\n{rule}", ["CLAUDE.md"]),
            ]
        ):
            found = segment.subagent(str(at)).resident_in(prompt)
            assert [ref.slug for ref in found] == expected, prompt

    def test_a_name_in_a_sentence_before_is_not_that_of_what_is_described(
        self, segment: Segment, write: Write
    ) -> None:
        write(
            ".agents/skills/helper/SKILL.md",
            "---\nname: helper\ndescription: Use this whenever you want\n---\n",
        )
        prose = "You are a helper. Tools: bash. Use this whenever you want to run commands"
        assert segment.resident_in(prose) == ()
        for at, entry in enumerate(
            ("1. {}: {}", '"{}",\n"{}"', "### {}\n\n{}", "<n>{}</n>\n<d>{}")
        ):
            listed = "You are.\n" + entry.format("helper", "Use this whenever you want")
            assert segment.subagent(str(at)).resident_in(listed) == (("skill", "helper"),)

    def test_white_space_of_any_kind_leads_to_the_bytes_that_stand_there(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("AGENTS.md", "äöü is said\u2003of what stands  here.\n")
        stands = "äöü \t\n is\x1csaid\xa0of what\n\nstands\u2003here."
        segment.resident_in(f"\n  ä ä  \u2028x{stands}y  z\n")
        assert told(workspace)[0][2] == len(stands.encode())

    def test_a_very_long_prompt_ends_soon(self, segment: Segment, write: Write) -> None:
        write("CLAUDE.md", "word " * 50_000)
        assert [r.slug for r in segment.resident_in("word  " * 200_000)] == ["CLAUDE.md"]
        segment.resident_in("pdf Fills forms in " * 50_000)


class TestRan:
    def test_what_a_shell_shows_is_a_use(self, workspace: Workspace, segment: Segment) -> None:
        found = segment.ran("cat AGENTS.md app.py", AGENTS + "print()\n", call_id="c")
        assert found == (RecordRef("instructions", "AGENTS.md"),)
        segment.ran("cat AGENTS.md app.py", AGENTS + "print()\n", call_id="c")
        assert told(workspace) == [
            ("MemoryRead", "instructions/AGENTS.md", len(AGENTS), "c", "agent")
        ]

    @pytest.mark.parametrize(
        "output", ["", "cat: no such file", "x" * 2_000_000, "Call", "Error\nCall", "Call\nError"]
    )
    def test_what_shows_nothing_is_nothing(
        self, workspace: Workspace, segment: Segment, output: str
    ) -> None:
        assert segment.ran("cat AGENTS.md", output, call_id="c") == ()
        assert told(workspace) == []


def test_a_sub_agent_has_a_segment_of_its_own(workspace: Workspace, segment: Segment) -> None:
    sub = segment.subagent("7", "researcher")
    sub.read("AGENTS.md", AGENTS, call_id="c1")
    sub.resident({"prompt/x": "y"})
    sub.ran("cat AGENTS.md", AGENTS, call_id="c2")
    found = [event for event in workspace.events() if isinstance(event, UsageEvent)]
    assert {(e.segment_id, e.actor, e.agent_type, e.host) for e in found} == {
        ("s/7", "subagent", "researcher", "my-agent")
    }
    assert len(found) == 3


class Unsayable:
    """What raises, whatever it is asked."""

    def _raise(self, *_: object) -> Any:  # noqa: ANN401 - it returns nothing
        raise ValueError("no")

    __str__ = __repr__ = __fspath__ = __hash__ = __eq__ = __bool__ = _raise


class Unsaid:
    """A key of which no name can be made."""

    def __str__(self) -> str:
        raise ValueError("no")


class Unlisted(dict[Any, Any]):
    def items(self) -> Any:  # noqa: ANN401 - there are none
        raise ValueError("no")


RUBBISH: tuple[Any, ...] = (
    "", "Makefile", "README", "summary", "knowledge", "AGENTS.md", "a\0b", "\ud800.md", "x" * 9_999,
    "/" + "a/" * 10_000, "/dev/zero", "/proc/self/mem", b"AGENTS.md", b"\xff\0", None, 7, True, 1.5,
    [], ["a"], {}, {"a": 7}, ("a",), object(), str, Unsayable(), Unsaid(), Path("AGENTS.md"),
    Path("\0"),
)  # fmt: skip


class TestNothingRaises:
    """What is documented as never raising does not, whatever it is handed."""

    @pytest.mark.parametrize("name", ["Makefile", "README", "summary", "knowledge", "glossary"])
    def test_a_call_without_an_id_is_still_the_read_of_a_file(
        self, workspace: Workspace, segment: Segment, name: str
    ) -> None:
        assert segment.read(name, "all:\n", call_id=None) is None
        assert told(workspace) == []

    @pytest.mark.parametrize("at", range(len(RUBBISH)))
    def test_rubbish_is_nothing(self, segment: Segment, at: int) -> None:
        one: Any = RUBBISH[at]
        for other in ("AGENTS.md", AGENTS, None, 7, b"x", "\ud800", Unsayable()):
            for call_id in (None, "c", 7, "\0", "\ud800"):
                segment.read(one, other, call_id=call_id)  # type: ignore[arg-type]
                segment.read(other, one, call_id=call_id)  # type: ignore[arg-type]
            segment.use(one, other)  # type: ignore[arg-type]
            segment.use(other, one)  # type: ignore[arg-type]
            segment.ran(one, other)  # type: ignore[arg-type]
            segment.ran(other, one)  # type: ignore[arg-type]
        segment.read("AGENTS.md", AGENTS, call_id=one)
        segment.use("AGENTS.md", AGENTS, call_id=one, source=one, by_user=one)
        segment.ran("cat AGENTS.md", AGENTS, call_id=one, directory=one)
        segment.resident_in(one)
        sub = segment.subagent(one, one)
        sub.read("AGENTS.md", AGENTS, call_id="c")
        sub.resident_in(AGENTS)
        sub.resident({"prompt/x": "y"})
        if one is not None:
            segment.resident(one)
        segment.resident({"prompt/x": one})

    def test_rubbish_among_texts_is_left_out_alone(self, segment: Segment) -> None:
        texts: dict[Any, Any] = {
            one: "x" for one in RUBBISH if not isinstance(one, list | dict | Unsayable)
        }
        del texts["/proc/self/mem"]  # a file like others

        given = segment.resident({**texts, "prompt/x": "y"})
        assert [part.slug for part in given.records] == ["AGENTS.md", "AGENTS.md", "x"]
        assert segment.resident(Unlisted(a="b")).left_out == ()
        assert segment.resident({b"tool/x": "y"}).records == ()


class TestByProduct:
    def test_nothing_raises_when_the_log_cannot_be_written(
        self, workspace: Workspace, segment: Segment, caplog: pytest.LogCaptureFixture
    ) -> None:
        workspace.layout.events_path.parent.mkdir(parents=True, exist_ok=True)
        workspace.layout.events_path.mkdir()
        with caplog.at_level(logging.WARNING, logger="ctxuse"):
            assert segment.read("AGENTS.md", AGENTS, call_id="c") is not None
            assert segment.use("tool/search", "x") is not None
            assert segment.resident({"AGENTS.md": AGENTS}).text == AGENTS
        assert len(caplog.records) == 3
        assert len([*read_marks(workspace.layout, environ=os.environ)]) == 3

    def test_nothing_raises_whatever_goes_wrong(
        self, segment: Segment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr("ctxuse.segment.Places", broken)
        assert segment.read("AGENTS.md", AGENTS, call_id="c") is None
        assert segment.use("AGENTS.md", AGENTS) is None
        assert segment.use("tool/x", "x", source="nonsense") is None
        assert segment.resident_in(AGENTS) == ()
        assert segment.ran("cat AGENTS.md", AGENTS) == ()
        given = segment.resident({"AGENTS.md": AGENTS, "tool/x": "y"})
        assert [part.slug for part in given.records] == ["x"]

    @pytest.mark.usefixtures("segment")
    def test_recording_can_be_turned_off(self, workspace: Workspace) -> None:
        off = Workspace(workspace.layout, environ={"CTXUSE_DISABLE": "1"}).segment("s")
        assert off.read("AGENTS.md", AGENTS, call_id="c") is not None
        assert off.use("tool/x", "x") is not None
        assert not workspace.layout.events_path.exists()

    def test_no_content_is_stored(self, workspace: Workspace, segment: Segment) -> None:
        segment.read("AGENTS.md", AGENTS, call_id="c")
        segment.resident({"prompt/system": "You repair."})
        log = workspace.layout.events_path.read_text()
        assert "brief" not in log
        assert "repair" not in log
