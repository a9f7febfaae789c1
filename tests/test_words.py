"""What is said about records is evidence: no word of ours judges one."""

import ast
import re
from pathlib import Path

import pytest

import ctxuse

SOURCES = Path(ctxuse.__file__).parent
JUDGING = re.compile(
    r"\b(unused|stale|dead|noise|noisy|candidates?|protected|scores?|should|useless|wasted?|worth)\b",
    re.IGNORECASE,
)


def said(path: Path) -> list[tuple[int, str]]:
    """Every text of a module that a program can print: all but docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documenting = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documenting
    ]


@pytest.mark.parametrize(
    "path", sorted(SOURCES.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCES))
)
def test_no_text_that_is_printed_judges_a_record(path: Path) -> None:
    assert [(line, text) for line, text in said(path) if JUDGING.search(text)] == []


@pytest.mark.parametrize("ending", ["html", "js", "css"])
def test_no_text_of_a_page_judges_a_record(ending: str) -> None:
    found = [*SOURCES.rglob(f"*.{ending}")]
    assert found
    for path in found:
        assert JUDGING.findall(path.read_text(encoding="utf-8")) == [], path


def test_no_help_and_no_tool_description_judges_a_record() -> None:
    help_texts = (SOURCES.parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")
    server = SOURCES / "mcp_server"
    for text in (help_texts, *(p.read_text(encoding="utf-8") for p in server.glob("*.py"))):
        assert JUDGING.findall(text) == []


def test_the_test_finds_such_words() -> None:
    assert JUDGING.search("this record is unused")
    assert not JUDGING.search("not evidence of disuse")
