"""However what is looked for by its bytes is written, it is found, and nothing else is read."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import an_event, texts

from ctxuse import UsageEvent, Workspace
from ctxuse.codec.encode import encode, escape
from ctxuse.ids import following_id
from ctxuse.log import naming
from ctxuse.log.writer import LogWriter
from ctxuse.otherlogs import import_log
from ctxuse.reports.making import make_session_report

ID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
OTHER = "22222222-1111-4111-8111-000000000001"
MANY = [following_id(OTHER, number) for number in range(100)]

BARE = ID.replace("-", "")

WRITINGS = {
    "as we write it": ("id", ID),
    "bare": ("id", BARE),
    "in capitals": ("id", ID.upper()),
    "bare, in capitals and not": ("id", BARE[:16].upper() + BARE[16:]),
    "escaped": ("id", ID.replace("4", "\\u0034")),
    "escaped in capitals": ("id", ID.upper().replace("A", "\\u0041").replace("-", "\\u002D")),
    "by an escaped key": ("\\u0069d", ID),
    "behind another id": (f'meta":{{"id":"{OTHER}"}},"id', ID),
    "twice": (f'id":"{OTHER}","id', ID),
    "twice, by an escaped key": (f'id":"{OTHER}","i\\u0064', ID),
    "apart": ("id", f'" , "id" :\t"{ID}'),
}


def written(event: UsageEvent, writing: str) -> bytes:
    """The line of an event of that id, with the id in another writing."""
    key, text = WRITINGS[writing]
    begin = f'{{"{key}":"{text}",'.encode()
    return encode(event).replace(b'{"id":"%s",' % ID.encode(), begin, 1)


def of_lines(root: Path, *lines: bytes) -> Workspace:
    """A workspace whose log holds some lines."""
    workspace = Workspace(root)
    workspace.layout.usage_dir.mkdir(parents=True)
    workspace.layout.events_path.write_bytes(b"".join(line + b"\n" for line in lines))
    return workspace


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("more", [[], MANY])
def test_an_id_is_found_however_it_is_written(
    tmp_path: Path, writing: str, more: list[str]
) -> None:
    before, line = encode(an_event(id=MANY[-1])), written(an_event(id=ID), writing)
    layout = of_lines(tmp_path, before, line, line, before).layout
    found = [one for one in naming.lines_with(layout, [ID, *more]) if one[0] != MANY[-1]]
    assert found == [(ID, line)] * 2
    assert not [*naming.lines_with(layout, [OTHER, *more[:-1]])]


@pytest.mark.parametrize("writing", WRITINGS)
def test_an_event_is_there_for_a_hook_however_its_id_is_written(
    tmp_path: Path, writing: str
) -> None:
    event = an_event(id=ID)
    writer = LogWriter(of_lines(tmp_path, written(event, writing)).layout)
    assert not writer.append_once(ID, encode(event))
    assert writer.append_once(OTHER, encode(event._replace(id=OTHER)))


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("others", [0, 20])
def test_parts_of_an_event_are_not_added_to_the_whole_however_its_id_is_written(
    tmp_path: Path, writing: str, others: int
) -> None:
    whole = an_event(id=ID)
    whole = whole._replace(records=whole.records * 3)
    all_of_it = [whole, *(whole._replace(id=following_id(OTHER, 9 * n + 9)) for n in range(others))]
    lines = [written(event, writing if event is whole else "bare") for event in all_of_it]
    workspace, parts = of_lines(tmp_path / "here", *lines), tmp_path / "parts.jsonl"
    parts.write_bytes(b"".join(
        encode(part) + b"\n"
        for event in all_of_it
        for part in (
            event._replace(records=event.records[:2]),
            event._replace(id=following_id(event.id, 1), records=event.records[2:]),
        )
    ))  # fmt: skip
    assert import_log(workspace, [str(parts)]).added == 0


def in_some_way(text: str, ways: list[int]) -> str:
    """A text in JSON, each character in a way of its own."""
    said = []
    for character, way in zip(text, ways, strict=False):
        short = json.dumps(character)[1:-1]
        number = escape(character).replace("\\U", "\\u")
        raw = json.dumps(character, ensure_ascii=False)[1:-1]
        capitals = "\\u".join(part.upper() for part in number.split("\\u"))
        said.append([short, raw, number, capitals, "\\/" if character == "/" else short][way])
    return '"' + "".join(said) + '"'


@given(texts.filter(bool), st.lists(st.integers(0, 4), min_size=20, max_size=20))
@example("s1/a1", [4] * 20)
@example("caf\u00e9", [3] * 20)
@example("\u00e9\u00e9\U0001f600\x7f\t", [1, 3, 3, 2, 2, *[0] * 15])
@example('"\\', [3] * 20)
def test_a_segment_is_found_however_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, segment: str, ways: list[int]
) -> None:
    event = an_event(segment_id="s")
    line = encode(event).decode().replace('"s"', in_some_way(segment, ways), 1).encode()
    workspace = of_lines(tmp_path_factory.mktemp("log"), encode(event), line)
    for begins in {segment, segment[:1]}:
        assert line in [*naming.lines_naming(workspace.layout, [begins])]
    assert not isinstance(make_session_report(workspace.layout, segment), list)


def test_what_is_written_as_we_do_it_is_read_only_where_it_is_meant(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for event_id in MANY:
        workspace.append(an_event(id=event_id, segment_id='caf\u00e9 "\\\x1b\n'))
    monkeypatch.setattr(naming, "check", pytest.fail)
    layout = workspace.layout
    assert not [*naming.lines_with(layout, [ID])]
    assert not [*naming.lines_with(layout, [following_id(ID, number) for number in range(100)])]
    assert not [*naming.lines_naming(layout, ["s1", "cafe"])]
    assert len([*naming.lines_naming(layout, ["caf\u00e9"])]) == len(MANY)
