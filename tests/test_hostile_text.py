"""No text of a log, a folder's name or a command line reaches any form of any command raw."""

import csv
import io
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from strategies import an_event

from ctxuse import UsageEventKind, Workspace
from ctxuse.cli.main import run

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "</title></script><svg/onload=alert(1)>",
    "<!-- hidden",
    "![picture](http://example.com/x.png)",
    "[link](javascript:alert(1))",
    "<http://example.com>",
    "http://example.com/ www.example.com",
    "`code` **strong** _emphasis_ ~~gone~~",
    "a | b |\n| c",
    "\n\n# heading\n\n- item\n",
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-1",
    "@SUM(A1)",
    "\x1b[31mred\x1b]0;title\x07\x9b31m",
    "\u202eevil\u2066\u200b\ufeff",
    "&lt;b&gt; &#60;",
    "\\<b\\> {{7*7}} {%x%} $x$",
]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder of workspaces with hostile names, in whose logs every foreign text is hostile."""
    fleet = tmp_path / "fleet"
    for number, name in enumerate(["<img src=x>", "[l](x) ![i](y)", "\x1b[31m\u202e=1"]):
        root = fleet / name
        (root / ".yoi" / "memory").mkdir(parents=True)
        with Workspace(root) as workspace:
            record = an_event().records[0]
            for index, text in enumerate(HOSTILE):
                for kind in UsageEventKind:
                    workspace.append(
                        an_event(
                            id=f"{number:08x}-{index:04x}-7000-8000-{len(kind.value):012x}",
                            segment_id=text,
                            host=text,
                            actor=text,
                            call_id=text,
                            event=kind,
                            records=(record._replace(kind=text, slug=text, tokens_from=text),),
                        )
                    )
        with workspace.layout.events_path.open("ab") as log:
            log.write(b"\x1b[31m<b>no event</b>\n")
    broken = fleet / "<b>broken</b> \x1b[31m ![i](y)" / ".yoi" / "memory" / "_usage"
    (broken / "events.jsonl").mkdir(parents=True)
    return fleet


REPORTS = [
    ["report"],
    ["report", "--wide"],
    ["report", "--all"],
    *(["report", "--actor", text] for text in HOSTILE[:6]),
    ["report", "--wide", "--without", HOSTILE[0]],
    *(["report", "--by", by] for by in ("day", "segment", "host", "source", "actor", "kind")),
    ["diff", "2026-11-21", "2026-11-22"],
    ["events"],
]
FLEET = [[], ["--merge-records"], ["--by", "workspace"], ["--by", "host"], ["--actor", HOSTILE[0]]]


def outputs(
    fleet: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[list[str], str]]:
    """What each command prints in a form, and what it says beside that."""
    root = next(path for path in sorted(fleet.iterdir()) if path.name.startswith("<img"))
    commands = [[*words, "-w", str(root)] for words in REPORTS]
    commands += [["fleet", "report", str(fleet), *words] for words in FLEET]
    for words in commands:
        status = run([*words, "--format", form])
        said = capsys.readouterr()
        assert status in {0, 3}, (words, said.err)  # a place could not be read
        assert_prints(said.err)
        yield words, said.out


def assert_prints(text: str) -> None:
    """Assert that there is no control character, and none that turns text around."""
    odd = {char for char in text if not char.isprintable()} - {"\n"}
    assert not odd, ascii(text)


def test_no_table_holds_a_control_character(
    hostile: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in ("60", "200"):
        monkeypatch.setenv("COLUMNS", width)
        for _, text in outputs(hostile, "table", capsys):
            assert_prints(text)


def test_no_other_command_prints_a_control_character(
    hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root,) = [path for path in hostile.iterdir() if path.name.startswith("\x1b")]
    commands = [
        ["check"], ["doctor"], ["archive"], ["repair", "--dry-run"], ["check", "--cache"],
        ["show", f"{HOSTILE[0]}/{HOSTILE[1]}"], *(["show", f"skill/{text}"] for text in HOSTILE),
        *(["show", f"{text}/{text}"] for text in HOSTILE if "/" not in text),
    ]  # fmt: skip
    for words in commands:
        run([*words, "-w", str(root)])
        said = capsys.readouterr()
        assert_prints(said.out + said.err)


class Markup(MarkdownIt):
    """Reads Markdown as pages that show it do, and tells what is more than text in tables."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": True})
        self.enable(["table", "strikethrough"])

    def found(self, text: str) -> set[str]:
        """What a text holds beside tables, paragraphs and plain text."""
        types = set()
        for token in self.parse(text):
            types.add(token.type)
            types |= {child.type for child in token.children or ()}
        plain = {f"{name}_{end}" for name in ("table", "thead", "tbody", "tr", "th", "td")
                 for end in ("open", "close")}  # fmt: skip
        return types - plain - {
            "paragraph_open", "paragraph_close", "inline", "text", "text_special", "softbreak",
        }  # fmt: skip


def test_no_markdown_holds_markup_of_others(
    hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    markup = Markup()
    assert markup.found("<b>x</b> ![i](y) [l](x)") == {
        "html_inline", "image", "link_open", "link_close",
    }  # fmt: skip
    for words, text in outputs(hostile, "markdown", capsys):
        assert_prints(text)
        ours = {"strong_open", "strong_close"}  # a row of totals
        assert markup.found(text) <= ours, (words, text)
        assert "*strong*" not in text, (words, text)
        assert not re.search(r"https?:|www\.", text), (words, text)


def test_no_cell_of_csv_is_a_formula(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _, text in outputs(hostile, "csv", capsys):
        assert_prints(text)
        rows = [*csv.reader(io.StringIO(text))]
        assert len({len(row) for row in rows}) == 1
        for cell in (cell for row in rows for cell in row):
            number = re.fullmatch(r"-?[0-9.]+", cell)
            assert number or not cell.startswith(tuple("=+-@\t\r"))


class Page(HTMLParser):
    """Tells the elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_no_page_holds_markup_of_others(
    hostile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain"
    (plain / ".yoi" / "memory").mkdir(parents=True)
    with Workspace(plain) as workspace:
        for kind in UsageEventKind:
            workspace.append(an_event(event=kind))
            other = an_event().records[0]._replace(slug="other")  # two records have totals
            workspace.append(an_event(event=kind, records=(other,)))
    usual = page(["report", "-w", str(plain)], tmp_path, capsys)
    root = next(path for path in sorted(hostile.iterdir()) if path.name.startswith("<img"))
    for words in (
        ["report", "-w", str(root)],
        ["report", "-w", str(root), "--without", HOSTILE[0]],
        ["fleet", "report", str(hostile), "--merge-records"],
    ):
        found = page(words, tmp_path, capsys)
        assert found.elements <= usual.elements | {"details", "summary", "li", "ul", "code"}, words
        assert not {name for name in found.attributes - usual.attributes if name.startswith("on")}


def page(words: list[str], where: Path, capsys: pytest.CaptureFixture[str]) -> Page:
    """The page that a command makes."""
    path = where / "page.html"
    assert run([*words, "--format", "html", "-o", os.fspath(path)]) in {0, 3}
    assert_prints(capsys.readouterr().err)
    text = path.read_text()
    assert not {char for char in text if not char.isprintable()} - {"\n"}
    return Page(text)
