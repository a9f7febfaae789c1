"""A made-up project and home, in which every line of every record can be told wherever it stands.

A record has a mark of its own in each line that may enter a context: what an agent was really given
is then read off its requests, without any rule of ours.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Placed(NamedTuple):
    """A record of the shop.

    Attributes:
        kind: Its kind, as in events.
        slug: Its slug.
        path: Its file, from the project's root, or from the home directory with ``~/``.
        mark: What stands in each of its lines and nowhere else.
        text: What its file holds; ``@`` stands for the mark.
        others: More files of it, by path from its own directory, likewise.
    """

    kind: str
    slug: str
    path: str
    mark: str
    text: str
    others: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Kind and slug."""
        return f"{self.kind}/{self.slug}"

    @property
    def body(self) -> str:
        """What its file holds behind the frontmatter."""
        return self.text.replace("@", self.mark).rpartition("---\n")[2].strip()


def _skill(name: str, mark: str, about: str, slug: str = "", where: str = "") -> Placed:
    text = f"---\nname: {name}\ndescription: {about}\n---\n# @ {name}\n@ Do it step by step.\n"
    return Placed("skill", slug or name, f"{where}.claude/skills/{name}/SKILL.md", mark, text)


_LINES = "".join(f"@ line {n} of a longer record, with some words in it\n" for n in range(1, 401))

_MEMORY = "~/.claude/projects/{project}/memory"

RECORDS = (
    Placed("summary", "summary", ".yoi/memory/summary.md", "Qsum", "# @ Summary\n@ Bikes.\n"),
    Placed("decision", "money", ".yoi/memory/decisions/money.md", "Qmon",
           "# @ Money\n@ Amounts are integers of cents.\n@ three\n@ four\n"),
    Placed("decision", "postgres", ".yoi/memory/decisions/postgres.md", "Qpg", "# @\n@ Locks.\n"),
    Placed("request", "hours", ".yoi/memory/requests/hours.md", "Qreq", "# @\n@ Show hours.\n"),
    Placed("knowledge", "glossary", ".yoi/knowledge/glossary.md", "Qglo",
           "---\ndescription: @ Words\nmodel_invokation: true\n---\n# @\n@ A hub turns. äöü\n"),
    Placed("knowledge", "long", ".yoi/knowledge/long.md", "Qlong", _LINES),
    Placed("workflow", "release", ".yoi/workflow/release.md", "Qrel", "# @ Release\n@ steps\n"),
    Placed("instructions", "CLAUDE.md", "CLAUDE.md", "Qroot",
           "# @ Shop\n@ Be brief.\n<!-- for people -->\nSee @docs/style.md for @ style.\n"),
    Placed("instructions", "docs/style.md", "docs/style.md", "Qsty", "# @\n@ Use snake_case.\n"),
    Placed("instructions", "CLAUDE.local.md", "CLAUDE.local.md", "Qloc", "@ my own notes\n"),
    Placed("instructions", "api/CLAUDE.md", "api/CLAUDE.md", "Qapi", "# @ Api\n@ v2 only.\n"),
    Placed("instructions", ".claude/rules/tests.md", ".claude/rules/tests.md", "Qrul",
           "@ Always run the tests.\n"),
    Placed("instructions", "~/.claude/CLAUDE.md", "~/.claude/CLAUDE.md", "Qusr",
           "# @\n@ Short answers.\n"),
    _skill("pdf", "Qpdf", "@ Fill forms. Use it for anything with PDF files.")._replace(
        others=(("references/forms.md", "# @ Forms\n@ one\n@ two\n"),)
    ),
    _skill("deploy", "Qdep", "|\n  @ Brings it out.\n  @ Two lines of description."),
    _skill("brief", "Qbri", "@ Summarise the morning.", where="~/"),
    _skill("check", "Qchk", "@ Check the api.", "api:check", "api/"),
    Placed("skill", "hidden", ".claude/skills/hidden/SKILL.md", "Qhid",
           "---\nname: hidden\ndescription: @ x\ndisable-model-invocation: true\n---\n@ body\n"),
    Placed("command", "fix", ".claude/commands/fix.md", "Qfix",
           "---\ndescription: @ Fix an issue\n---\n@ Fix issue $ARGUMENTS\n"),
    Placed("agent", "reviewer", ".claude/agents/reviewer.md", "Qrev",
           "---\nname: reviewer\ndescription: @ Reviews code.\ntools: Read, Bash, Skill\n---\n"
           "@ You review code.\n"),
    Placed("agent", "keeper", ".claude/agents/keeper.md", "Qkee",
           "---\nname: keeper\ndescription: @ Keeps notes.\ntools: Read, Bash\nmemory: project\n"
           "skills: deploy\n---\n@ You keep notes.\n"),
    Placed("memory", ".claude/agent-memory/keeper/MEMORY.md",
           ".claude/agent-memory/keeper/MEMORY.md", "Qkmm", "# @ Kept\n@ remembered\n"),
    Placed("memory", f"{_MEMORY}/MEMORY.md", f"{_MEMORY}/MEMORY.md", "Qidx",
           "---\nname: idx\n---\n# @ Memory\n@ see [tests](tests.md)\n<!-- hidden -->\n"),
    Placed("memory", f"{_MEMORY}/tests.md", f"{_MEMORY}/tests.md", "Qmem", "# @\n@ make test\n"),
    Placed("instructions", ".claude/rules/sql.md", ".claude/rules/sql.md", "Qsql",
           "---\npaths:\n  - 'db/**'\n---\n@ SQL in upper case.\n"),
)  # fmt: skip
"""``{project}`` stands for how the host names what it keeps of the project."""

OTHER_FILES = {
    ".gitignore": "CLAUDE.local.md\n",
    "README.md": "# The shop\n",
    "api/app.py": "def handler():\n    return 1\n",
}


class Shop:
    """The project and the home, on the disk.

    Args:
        directory: Where they are made.
        records: The records; ``{project}`` stands for how the host names what it keeps of it.
    """

    def __init__(self, directory: Path, records: Sequence[Placed] = RECORDS) -> None:
        self.home = directory / "kim"
        self.root = self.home / "shop"
        project = re.sub("[^A-Za-z0-9]", "-", str(self.root))
        self.records = [
            record._replace(
                slug=record.slug.replace("{project}", project),
                path=record.path.replace("{project}", project),
            )
            for record in records
        ]
        self.by_mark = {record.mark: record.name for record in self.records}
        for record in self.records:
            file = self.file(record.path)
            self._write(file, record.text.replace("@docs", "\0docs"), record.mark)
            for path, text in record.others:
                self._write(file.parent / path, text, record.mark)
        for path, text in OTHER_FILES.items():
            self._write(self.root / path, text, "")
        for words in ("init -q -b main", "add -A", "commit -q -m first"):
            self.git(*words.split())

    def file(self, path: str) -> Path:
        """Return where a path of `Placed` is."""
        return self.home / path[2:] if path.startswith("~/") else self.root / path

    def git(self, *words: str) -> None:
        """Run git in the project."""
        who = ["-c", "user.name=Kim", "-c", "user.email=kim@shop"]
        subprocess.run(["git", *who, *words], cwd=self.root, check=True, capture_output=True)

    def in_text(self, text: str) -> set[str]:
        """Return the records of which something stands in a text, by kind and slug."""
        return {name for mark, name in self.by_mark.items() if mark in text}

    def agents_in(self, text: str) -> list[Placed]:
        """Return the agents whose own text stands in a text."""
        return [record for record in self.records if record.kind == "agent" and record.body in text]

    @staticmethod
    def _write(path: Path, text: str, mark: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("@", mark).replace("\0", "@"), encoding="utf-8")
