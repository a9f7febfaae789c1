"""Writes docs/commands.md from the commands themselves.

Run it as `python tools/make_command_reference.py`; a test fails when the file says other than the
commands.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from ctxuse.cli.main import cli

TARGET = Path(__file__).parent.parent / "docs" / "commands.md"

HEAD = """# Commands

What each command says of itself. This page is generated: `python tools/make_command_reference.py`.

| exit status | |
| --- | --- |
| 0 | all that was asked for is done |
| 1 | it is done, and `check` or `doctor` found something |
| 2 | wrong usage: nothing was done |
| 3 | it could not be done, or not for every place: stderr says which and why; the rest is done |
| 130, 143 | ended by Ctrl-C, by SIGTERM |

`record` ends with 0 once the event is stored, also when it cannot be printed, and when
`CTXUSE_DISABLE` turns recording off; it says so. A reader that closes the pipe early, and a stdout
that is closed from the beginning, are no failures; one that cannot be written to is. `ctxuse-hook`
always ends with 0.

Data goes to stdout, everything else to stderr. No message shows the user, password or query of an
address.
"""


def commands(group: click.Group, above: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the name and the help of every command of `group`, and of theirs."""
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        if command is not None:
            context = click.Context(command, info_name=name, parent=above, **group.context_settings)
            context.max_content_width = context.terminal_width = 100
            yield context.command_path, command.get_help(context)
            if isinstance(command, click.Group):
                yield from commands(command, context)


def reference() -> str:
    """Return the whole page."""
    top = click.Context(cli, info_name="ctxuse", **cli.context_settings)
    top.terminal_width = 100
    sections = [("ctxuse", cli.get_help(top)), *commands(cli, top)]
    return HEAD + "".join(
        f"\n## `{name}`\n\n```text\n{text.rstrip()}\n```\n" for name, text in sections
    )


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
