"""How records enter a context: what is given, and what is recorded and what is not."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctxuse import (
    Included,
    InvalidSettingError,
    InvalidSlugError,
    NotForUsersError,
    RecordNotFoundError,
    RecordUnreadableError,
    Segment,
    UnknownKindError,
    UsageEvent,
    UsageSource,
    Workspace,
)
from ctxuse.context.frontmatter import take_apart
from ctxuse.context.references import references
from ctxuse.errors import BrokenRecordError
from ctxuse.log.failures import read_marks

Write = Callable[[str, str], Path]


@pytest.fixture
def write(workspace: Workspace) -> Write:
    """Writes a file below ``.yoi`` of the workspace."""

    def written(name: str, text: str) -> Path:
        path = workspace.layout.root / ".yoi" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return written


@pytest.fixture
def segment(workspace: Workspace) -> Segment:
    return workspace.segment("s", host="my-agent", actor="agent", call_id="call-1")


def events(workspace: Workspace) -> list[UsageEvent]:
    return [event for event in workspace.events() if isinstance(event, UsageEvent)]


def recorded(workspace: Workspace) -> list[tuple[str, list[tuple[str, str, int, int | None]]]]:
    """Source, and kind, slug, file_bytes and context_bytes of each record, of all events."""
    return [
        (
            event.source.value,
            [(r.kind, r.slug, r.file_bytes, r.context_bytes) for r in event.records],
        )
        for event in events(workspace)
    ]


class TestRead:
    def test_gives_the_text_and_records_a_memory_read(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("memory/decisions/alpha.md", "one\ntwo\nthree")
        given = segment.read("decision", "alpha")
        assert given.text == "one\ntwo\nthree"
        assert (given.lines, given.total_lines, given.rest) == (3, 3, 0)
        assert recorded(workspace) == [("MemoryRead", [("decision", "alpha", 13, 13)])]
        (event,) = events(workspace)
        assert event.segment_id == "s"
        assert (event.host, event.actor, event.call_id) == ("my-agent", "agent", "call-1")

    def test_a_part_is_recorded_with_the_bytes_that_were_given(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("knowledge/long.md", "eins\nzwölf\ndrei\n")
        given = segment.read("knowledge", "long", offset=1, limit=1)
        assert given.text == "zwölf\n"
        assert (given.offset, given.lines, given.total_lines, given.rest) == (1, 1, 3, 1)
        assert recorded(workspace) == [("MemoryRead", [("knowledge", "long", 17, 7)])]

    def test_the_summary_has_no_slug(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("memory/summary.md", "all of it")
        assert segment.read("summary").text == "all of it"
        assert recorded(workspace) == [("MemoryRead", [("summary", "summary", 9, 9)])]
        with pytest.raises(InvalidSlugError, match="leave the slug out"):
            segment.read("summary", "summary")
        with pytest.raises(InvalidSlugError, match="Give its slug"):
            segment.read("decision")
        assert len(events(workspace)) == 1

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (("decision", "nope"), RecordNotFoundError),
            (("decision", "../alpha"), InvalidSlugError),
            (("skill", "alpha"), UnknownKindError),
            (("decision", "alpha", -1), InvalidSettingError),
            (("decision", "alpha", 2), InvalidSettingError),
            (("decision", "alpha", 0, 0), InvalidSettingError),
            (("decision", "folder"), RecordUnreadableError),
        ],
    )
    def test_a_read_that_fails_records_nothing(
        self,
        workspace: Workspace,
        segment: Segment,
        write: Write,
        arguments: tuple[str, str],
        error: type[Exception],
    ) -> None:
        write("memory/decisions/alpha.md", "one\ntwo")
        write("memory/decisions/folder.md/x", "")
        with pytest.raises(error):
            segment.give(*arguments)
        assert not workspace.layout.events_path.exists()

    def test_an_empty_record_can_be_read(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("memory/decisions/alpha.md", "")
        assert segment.read("decision", "alpha").text == ""
        assert recorded(workspace) == [("MemoryRead", [("decision", "alpha", 0, 0)])]

    def test_only_a_newline_ends_a_line(self, segment: Segment, write: Write) -> None:
        write("memory/decisions/alpha.md", "a\u2028b\fc\x85d\ne")
        assert segment.read("decision", "alpha").total_lines == 2

    def test_bytes_that_are_no_text_are_replaced(self, segment: Segment, write: Write) -> None:
        write("memory/decisions/alpha.md", "").write_bytes(b"a\xffb")
        assert segment.read("decision", "alpha").text == "a\ufffdb"

    def test_links_may_not_lead_out_of_the_workspace(
        self, workspace: Workspace, segment: Segment, write: Write, tmp_path: Path
    ) -> None:
        outside = tmp_path.parent / f"{tmp_path.name}-outside"
        outside.mkdir()
        (outside / "secret.md").write_text("secret")
        write("memory/decisions/inside.md", "inside")
        decisions = workspace.layout.decisions_dir
        (decisions / "out.md").symlink_to(outside / "secret.md")
        (decisions / "in.md").symlink_to("inside.md")
        with pytest.raises(RecordUnreadableError, match="leads out of the workspace"):
            segment.read("decision", "out")
        assert segment.read("decision", "in").text == "inside"
        workspace.layout.knowledge_dir.symlink_to(outside)
        with pytest.raises(RecordUnreadableError, match="leads out of the workspace"):
            segment.read("knowledge", "secret")

    def test_a_link_that_changes_meanwhile_never_gives_what_is_outside(
        self, workspace: Workspace, segment: Segment, write: Write, tmp_path: Path
    ) -> None:
        secret = tmp_path.parent / f"{tmp_path.name}-secret.md"
        secret.write_text("secret")
        write("memory/decisions/k.md", "inside")
        decisions = os.fspath(workspace.layout.decisions_dir)
        stop = Event()

        def swap() -> None:
            for number in count():
                if stop.is_set():
                    return
                fresh = f"{decisions}/fresh"
                if number % 2:
                    os.symlink(secret, fresh)
                else:
                    Path(fresh).write_text("inside")
                os.replace(fresh, f"{decisions}/k.md")

        thread = Thread(target=swap)
        thread.start()
        try:
            for _ in range(3000):
                with suppress(RecordUnreadableError, RecordNotFoundError):
                    assert segment.read("decision", "k").text in {"inside", ""}
        finally:
            stop.set()
            thread.join()

    def test_a_fifo_or_a_huge_file_is_refused(
        self,
        workspace: Workspace,
        segment: Segment,
        write: Write,
    ) -> None:
        write("memory/decisions/alpha.md", "")
        os.truncate(workspace.layout.decision_path("alpha"), 10**10)
        os.mkfifo(workspace.layout.decision_path("pipe"))
        with pytest.raises(RecordUnreadableError, match="more than"):
            segment.read("decision", "alpha")
        with pytest.raises(RecordUnreadableError, match="no regular file"):
            segment.read("decision", "pipe")


class TestExpand:
    def test_references_bring_bodies_and_are_recorded(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("knowledge/policy.md", "---\ndescription: d\n---\n\nBe kind.\n")
        write("workflow/deploy.md", "---\nrequires: [servers]\n---\nDo it.")
        write("knowledge/servers.md", "Two.")
        found = segment.expand("Follow #policy, then /deploy!")
        assert [(r.kind, r.slug, r.text, r.required_by) for r in found.included] == [
            ("knowledge", "policy", "Be kind.", None),
            ("workflow", "deploy", "Do it.", None),
            ("knowledge", "servers", "Two.", "deploy"),
        ]
        assert found.text == "Be kind.\n\nDo it.\n\nTwo."
        assert not found.left_out
        assert not found.unknown
        assert sorted(recorded(workspace)) == [
            ("KnowledgeRef", [("knowledge", "policy", 33, 8)]),
            ("WorkflowInvoke", [("workflow", "deploy", 34, 6), ("knowledge", "servers", 4, 4)]),
        ]

    def test_what_a_user_may_not_name_a_workflow_still_brings(
        self, segment: Segment, write: Write
    ) -> None:
        write("knowledge/foo.md", "---\nuser_invocable: false\n---\nF")
        write("workflow/w.md", "---\nrequires: [foo]\n---\nW")
        for message in ("/w", "/w #foo", "#foo /w"):
            assert [r.slug for r in segment.expand(message).included] == ["w", "foo"]

    def test_of_a_very_long_message_the_rest_is_said_to_be_unread(self, segment: Segment) -> None:
        assert segment.expand("x" * 300_000).unread == 300_000 - 256 * 1024
        assert segment.expand("[" * 10_000).unread == 0

    def test_what_is_named_twice_comes_once(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("workflow/a.md", "---\nrequires: [k, k]\n---\nA")
        write("workflow/b.md", "---\nrequires: k\n---\nB")
        write("knowledge/k.md", "K")
        found = segment.expand("/a /b /a")
        assert [(r.slug, r.required_by) for r in found.included] == [
            ("a", None),
            ("k", "a"),
            ("b", None),
        ]
        found = segment.expand("/a #k")
        assert [(r.slug, r.required_by) for r in found.included] == [("a", None), ("k", None)]
        assert [source for source, _ in recorded(workspace)] == [
            "WorkflowInvoke",
            "WorkflowInvoke",
            "WorkflowInvoke",
            "KnowledgeRef",
        ]

    def test_unknown_ones_are_named_if_they_have_a_letter(
        self, workspace: Workspace, segment: Segment
    ) -> None:
        found = segment.expand("See #nope, #12, /4-2 and /away.")
        assert found.unknown == ("#nope", "/away")
        assert not found.included
        assert not workspace.layout.events_path.exists()

    def test_what_is_not_for_users_is_refused_with_the_reason(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("workflow/inner.md", "---\nuser_invocable: false\n---\nSecret steps")
        write("knowledge/inner.md", "---\nuser_invocable: false\n---\nx")
        write("workflow/broken.md", "---\na: [\n---\nx")
        found = segment.expand("/inner #inner /broken")
        assert not found.included
        assert [(o.kind, o.slug) for o in found.left_out] == [
            ("workflow", "inner"),
            ("knowledge", "inner"),
            ("workflow", "broken"),
        ]
        assert "user_invocable: false" in found.left_out[0].reason
        assert "no YAML" in found.left_out[2].reason
        assert not workspace.layout.events_path.exists()

    def test_required_knowledge_that_is_missing_is_left_out_with_the_reason(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("workflow/a.md", "---\nrequires: [gone, '../x']\n---\nA")
        found = segment.expand("/a")
        assert [r.slug for r in found.included] == ["a"]
        assert [o.slug for o in found.left_out] == ["gone", "../x"]
        write("workflow/b.md", "---\nrequires: {a: b}\n---\nB")
        found = segment.expand("/b")
        assert not found.included
        assert "requires is no list" in found.left_out[0].reason
        assert len(events(workspace)) == 1

    @pytest.mark.parametrize(
        ("message", "expected"),
        [
            ("#a", ["#a"]),
            ("x #a-b /c-1", ["#a-b", "/c-1"]),
            ("(see #a).", ["#a"]),
            ("[#a] {/b} “#c”", ["#a", "/b"]),
            ("#a, #b. #c! #d? #e: #f; #g… #h。", [f"#{c}" for c in "abcdefgh"]),
            ("- /a\n- #b\n> /c", ["/a", "#b", "/c"]),
            ("# heading\n#a\n/b", ["#a", "/b"]),
            ("<tag>\n/a\n</tag>", ["/a"]),
            ("\u3000#a\u2003/b", ["#a", "/b"]),
            ("#a #a /a", ["#a", "/a"]),
            ("`#a` ``/b`` ```#c\n#d```", []),
            ("```\n#a\n```\n~~~\n/b\n~~~\n    #c\n", []),
            ("```\n#a", []),
            ("http://h/#a https://h/b ftp://x#a", []),
            ("/usr/bin /etc/ ./a ../b ~/c a/b /a.md #a.b", []),
            ("[text](/a) ![x](/b) <http://h/c> [#d](e)", []),
            ("a#b a/b #a/b #a#b #a_b /a's #a@b", []),
            ("#A /Deploy #ä #-a #a- #a--b #a—b", []),
            ("\\#a \\/b &#35;c", []),
            ("https://Example.com/(#a) src/(#b) Foo/Bar[#c] f(/d) $(/e) ${#f}", []),
            ("((#a)) [(/b)]", ["#a", "/b"]),
            ("*#a* **/b**", []),
            ("#" + "a" * 65, []),
            ("# a / b", []),
        ],
    )
    def test_only_whole_words_outside_code_links_and_paths_are_references(
        self, message: str, expected: list[str]
    ) -> None:
        assert [str(reference) for reference in references(message)] == expected

    @given(st.text(alphabet=st.sampled_from("#/a-b1 `\n\\[]()<>*_~!.,:\u3000ä"), max_size=60))
    def test_no_message_is_an_error_and_every_reference_stands_in_it(self, message: str) -> None:
        for reference in references(message):
            assert str(reference) in message


class TestInvoke:
    def test_reference_and_invoke_are_recorded(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("knowledge/k.md", "K")
        write("workflow/w.md", "---\nrequires: [k]\nuser_invocable: false\n---\nW")
        assert segment.reference("k") == Included("knowledge", "k", "K", 1)
        assert [r.slug for r in segment.invoke("w").included] == ["w", "k"]
        with pytest.raises(NotForUsersError):
            segment.invoke("w", by_user=True)
        for slug, error in (("gone", RecordNotFoundError), ("..", InvalidSlugError)):
            with pytest.raises(error):
                segment.reference(slug)
            with pytest.raises(error):
                segment.invoke(slug)
        assert [source for source, _ in recorded(workspace)] == ["KnowledgeRef", "WorkflowInvoke"]


class TestResident:
    def test_the_summary_and_a_line_for_each_record_that_asks_for_it(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("memory/summary.md", "---\na: b\n---\n\nWe build ships.\n")
        write(
            "knowledge/policy.md",
            "---\ndescription: >\n  Be\n  kind\nmodel_invokation: true\n---\n",
        )
        write("workflow/deploy.md", "---\ndescription: How\nmodel_invocation: true\n---\nx")
        write("workflow/quiet.md", "---\ndescription: How\nmodel_invokation: false\n---\nx")
        write("knowledge/text.md", "---\ndescription: How\nmodel_invokation: 'true'\n---\nx")
        write("memory/decisions/d.md", "---\ndescription: D\nmodel_invokation: true\n---\nx")
        resident = segment.resident()
        assert resident.text == "We build ships.\n\n- #policy: Be kind\n- /deploy: How"
        assert not resident.left_out
        ((source, records),) = recorded(workspace)
        assert source == "ResidentInjection"
        assert records == [
            ("summary", "summary", 30, 15),
            ("knowledge", "policy", 58, 18),
            ("workflow", "deploy", 49, 14),
        ]

    def test_texts_of_an_agents_own_are_recorded_as_resident(
        self, segment: Segment, workspace: Workspace
    ) -> None:
        texts = {"prompt/system": "Du bist höflich.", "tool/search": "finds words"}
        given_back = segment.resident(texts)
        assert given_back.text == "Du bist höflich.\n\nfinds words"
        assert given_back.left_out == ()
        assert recorded(workspace) == [
            ("ResidentInjection", [("prompt", "system", 17, 17), ("tool", "search", 11, 11)])
        ]
        (event,) = events(workspace)
        assert (event.event, event.host) == ("resident_exposure", "my-agent")
        assert event.records[0].file_tokens_estimate == 5
        log = workspace.layout.events_path.read_text()
        assert "finds words" not in log
        (prompt, _) = workspace.full_report().records
        assert prompt.exposed.bytes == 17

    def test_no_text_of_an_agents_own_is_an_error(
        self, segment: Segment, workspace: Workspace
    ) -> None:
        strange: dict[Any, Any] = {
            "": "x", "prompt": "x", "/x": "x", "prompt/": "x", "prompt/\ud800": "x",
            "prompt/none": None, 7: "x", "prompt/" + "x" * 100_000: "x",
            "prompt/good": "a\ud800", "prompt/empty": "",
        }  # fmt: skip
        given_back = segment.resident(strange)
        assert [record.slug for record in given_back.records] == ["good", "empty"]
        assert len(given_back.left_out) == 8
        assert recorded(workspace) == [
            ("ResidentInjection", [("prompt", "good", 2, 2), ("prompt", "empty", 0, 0)])
        ]
        for nothing in ({}, {"": ""}):
            assert segment.resident(nothing).text == ""
        assert len(events(workspace)) == 1
        workspace.layout.events_path.unlink()
        workspace.layout.events_path.mkdir()
        assert segment.resident({"prompt/system": "x"}).text == "x"

    def test_broken_records_are_left_out_and_reported(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("memory/summary.md", "---\na: b\n---\n\n")
        write("knowledge/broken.md", "---\nmodel_invokation: true\n: [\n---\n")
        write("knowledge/silent.md", "---\nmodel_invokation: true\n---\nx")
        resident = segment.resident()
        assert resident.text == ""
        assert [(o.slug, o.reason.split(":")[0]) for o in resident.left_out] == [
            ("broken", 'knowledge "broken" is broken'),
            ("silent", "it has no description"),
        ]
        assert not workspace.layout.events_path.exists()

    def test_a_description_stays_one_visible_line(self, segment: Segment, write: Write) -> None:
        write(
            "knowledge/k.md",
            '---\nmodel_invokation: true\ndescription: "a\\nb\\e[0m\\u202e"\n---\n',
        )
        assert segment.resident().text == "- #k: a b\\x1b[0m\\u202e"


class TestSearch:
    def test_finds_records_that_hold_all_words_and_records_nothing(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("memory/decisions/db.md", "---\ndescription: Which one\n---\nWe take\nPostgres.\n")
        write("knowledge/postgres.md", "How to tune it.\nWe do.")
        write("knowledge/broken.md", "---\n: [\n---\npostgres, we")
        hits = segment.search("we POSTGRES")
        assert [(hit.kind, hit.slug) for hit in hits] == [
            ("knowledge", "postgres"),
            ("decision", "db"),
            ("knowledge", "broken"),
        ]
        assert hits[1].description == "Which one"
        assert [(e.line, e.text) for e in hits[1].excerpts] == [(4, "We take"), (5, "Postgres.")]
        assert [hit.slug for hit in segment.search("we", kinds=["decision"])] == ["db"]
        assert len(segment.search("we", limit=1)) == 1
        assert segment.search("nowhere") == ()
        assert not workspace.layout.events_path.exists()

    def test_an_excerpt_shows_what_was_found_whatever_the_case(
        self, segment: Segment, write: Write
    ) -> None:
        write("knowledge/k.md", "\ufb03" * 300 + " Target here\nİ target\n")
        (hit,) = segment.search("TARGET target")
        assert [e.line for e in hit.excerpts] == [1, 2]
        assert all("arget" in e.text for e in hit.excerpts)

    def test_a_search_ends_soon_whatever_the_record(self, segment: Segment, write: Write) -> None:
        write("knowledge/know.md", "\n" * 5_000_000)
        assert len(segment.search("know " * 1000)) == 1
        with pytest.raises(InvalidSettingError, match="1 to 32 words"):
            segment.search(" ".join(map(str, range(33))))

    def test_excerpts_are_few_and_short(self, segment: Segment, write: Write) -> None:
        write("knowledge/k.md", ("x" * 5000 + "word" + "y" * 5000 + "\n") * 9)
        (hit,) = segment.search("word")
        assert len(hit.excerpts) == 3
        assert all("word" in e.text and len(e.text) <= 200 for e in hit.excerpts)

    @pytest.mark.parametrize(("query", "limit"), [("", 1), (" \n", 1), ("x", 0)])
    def test_a_search_for_nothing_is_refused(
        self, segment: Segment, query: str, limit: int
    ) -> None:
        with pytest.raises(InvalidSettingError):
            segment.search(query, limit=limit)


class TestByProduct:
    def test_all_ways_give_what_was_asked_when_the_log_cannot_be_written(
        self,
        workspace: Workspace,
        segment: Segment,
        write: Write,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        write("memory/summary.md", "S")
        write("knowledge/k.md", "K")
        write("workflow/w.md", "W")
        write("memory/_usage", "this is in the way")
        with caplog.at_level(logging.WARNING, logger="ctxuse"):
            assert segment.read("summary").text == "S"
            assert segment.expand("#k /w").text == "K\n\nW"
            assert segment.reference("k").text == "K"
            assert segment.invoke("w").text == "W"
            assert segment.resident().text == "S"
        assert len(caplog.records) == 6
        assert len([*read_marks(workspace.layout, environ=os.environ)]) == 6

    def test_a_logger_that_fails_does_no_harm(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("memory/summary.md", "S")
        write("memory/_usage", "in the way")

        class Failing(logging.Handler):
            def handle(self, record: logging.LogRecord) -> bool:
                raise RuntimeError(record)

        handler = Failing()
        logging.getLogger("ctxuse").addHandler(handler)
        try:
            assert segment.read("summary").text == "S"
        finally:
            logging.getLogger("ctxuse").removeHandler(handler)
        assert len([*read_marks(workspace.layout, environ=os.environ)]) == 1

    def test_recording_can_be_turned_off(self, workspace: Workspace, write: Write) -> None:
        write("memory/summary.md", "S")
        off = Workspace(workspace.layout, environ={"CTXUSE_DISABLE": "1"})
        assert off.segment("s").read("summary").text == "S"
        assert not workspace.layout.events_path.exists()

    def test_a_slug_that_is_no_text_on_disk_does_no_harm(
        self, workspace: Workspace, segment: Segment, write: Write
    ) -> None:
        write("memory/summary.md", "S")
        assert workspace.segment("\ud800").read("summary").text == "S"
        assert segment.read("summary").text == "S"
        assert [event.source for event in events(workspace)] == [UsageSource.MEMORY_READ]


@pytest.mark.parametrize(
    ("text", "body", "fields"),
    [
        ("body", "body", {}),
        ("---\na: b\n---\n\nbody\n\n", "body", {"a": "b"}),
        ("\ufeff---\r\na: b\r\n---\r\nbody\r\n", "body", {"a": "b"}),
        ("---\n---\nbody", "body", {}),
        ("---\na: b\n---\nx\n---\ny", "x\n---\ny", {"a": "b"}),
        ("---\na: b\n", "---\na: b", {}),
        ("---\n\nrulers\n\n---\nbody", "---\n\nrulers\n\n---\nbody", {}),
        ("x\n---\na: b\n---\ny", "x\n---\na: b\n---\ny", {}),
        ("---\n" + "a: b\n" * 20_000 + "---\ny", "---\n" + "a: b\n" * 20_000 + "---\ny", {}),
        ("", "", {}),
    ],
)
def test_frontmatter_is_told_from_the_body(text: str, body: str, fields: dict[str, object]) -> None:
    record = take_apart("knowledge", "k", text.encode())
    assert (record.body, record.fields) == (body, fields)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("a: [1", "expected ',' or ']'"),
        ("a: &x 1\nb: *x", "it holds a reference"),
        ("a: !!python/object:os.system x", "it holds a tag"),
        ("a: !!bool maybe", "it holds a tag"),
        ("a: !x b", "it holds a tag"),
        ("a: 2026-13-45", "month"),
        ("a: " + "9" * 5000, "digits"),
        ("? [a]\n: b", "unhashable"),
        ("a: " + "[" * 10_000, "it nests too deep"),
        ("a: \x07", "special characters"),
    ],
)
def test_hostile_frontmatter_is_a_broken_record(head: str, reason: str) -> None:
    with pytest.raises(BrokenRecordError, match="is broken") as caught:
        take_apart("knowledge", "k", f"---\n{head}\n---\nbody".encode())
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 400
