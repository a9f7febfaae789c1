"""A shell command, told apart into words and operators. Only as much of the grammar as is needed.

The standard library's `shlex` does not tell a quoted operator from a real one, nor where a
here-document ends; both would make reads of what is none.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from ctxuse.patterns import pattern
from ctxuse.typed import NamedTuple


class Word(NamedTuple):
    """A word, without its quotes.

    Attributes:
        text: The word.
        fixed: Whether a shell would leave it as it is: no variable, substitution or pattern in it.
        runs: Whether commands stand in it whose output takes their place.
    """

    text: str
    fixed: bool
    runs: bool = False


class Operator(str):
    """A control operator: ``;``, ``&&``, ``|``, ``(``, a newline and the like."""

    __slots__ = ()


class Redirection(NamedTuple):
    """A redirection, with the word behind it.

    Attributes:
        sign: ``>``, ``<``, ``&>`` and the like, without a descriptor.
        descriptor: The descriptor before it; empty where there is none.
    """

    sign: str
    descriptor: str

    @property
    def takes_output(self) -> bool:
        """Whether what the command prints goes somewhere else by it."""
        return ">" in self.sign and self.descriptor in {"", "1"}


Token = Word | Operator | Redirection

_OPERATOR = pattern(r"\|\||&&|;;&?|;&|\|&|[|&;()\n]")
_REDIRECTION = pattern(r"([0-9]*)(&>>|&>|<<<|<<-|<<|>>|>\||>&|<&|<>|>|<)")
_PLAIN = pattern(r"[^\s|&;()<>'\"\\$`*?\[#{}~]+")
_BRACES = pattern(r"\{[^\s{}]{0,256}(?:,|\.\.)")
_ESCAPED_IN_QUOTES = frozenset('"\\$`\n')


LONGEST = 64 * 1024
"""Characters up to which a command is taken apart."""


class NotParsedError(ValueError):
    """The command is too long, or ends in the middle of a quote or a substitution."""


def tokens(command: str) -> list[Token]:
    """Return the tokens of `command`; words behind a redirection and here-documents are left out.

    Raises:
        NotParsedError: It is too long, or ends too early.
    """
    if len(command) > LONGEST:
        raise NotParsedError(command[:80])
    return [*_taken_apart(command)]


@lru_cache(maxsize=4)
def _taken_apart(command: str) -> tuple[Token, ...]:
    """The tokens of a command: it is asked for them several times, and by each answer to it."""
    return (*_tokens(command),)


def _tokens(command: str) -> Iterator[Token]:
    position = 0
    delimiters: list[tuple[str, bool]] = []
    while position < len(command):
        sign = command[position]
        if sign in " \t\r":
            position += 1
        elif command.startswith("\\\n", position):
            position += 2
        elif sign == "#":
            end = command.find("\n", position)
            position = len(command) if end < 0 else end
        elif match := _REDIRECTION.match(command, position):
            redirection = _redirection(command, match)
            word, position = _word(command, _skip_blank(command, match.end()))
            if redirection.sign in {"<<", "<<-"}:
                delimiters.append((word.text, redirection.sign == "<<-"))
            yield redirection
        elif match := _OPERATOR.match(command, position):
            position = match.end()
            if match[0] == "\n":
                for delimiter, stripped in delimiters:
                    position = _behind_document(command, position, delimiter, stripped=stripped)
                delimiters.clear()
            yield Operator(match[0])
        else:
            word, position = _word(command, position)
            yield word


def _redirection(command: str, match: re.Match[str]) -> Redirection:
    if match[2] in {"<", ">"} and command.startswith("(", match.end()):
        raise NotParsedError(command[:80])  # process substitution
    return Redirection(match[2], match[1])


def _skip_blank(command: str, position: int) -> int:
    while position < len(command) and command[position] in " \t":
        position += 1
    return position


def _behind_document(command: str, position: int, delimiter: str, *, stripped: bool) -> int:
    while position < len(command):
        end = command.find("\n", position)
        end = len(command) if end < 0 else end
        line = command[position:end].rstrip("\r")
        position = min(end + 1, len(command))
        if (line.lstrip("\t") if stripped else line) == delimiter:
            break
    return position


def _word(command: str, position: int) -> tuple[Word, int]:
    """The word that begins at `position`, and where it ends."""
    parts: list[str] = []
    fixed, runs = True, False
    while position < len(command):
        sign = command[position]
        if sign in " \t\r\n|&;()<>":
            break
        if match := _PLAIN.match(command, position):
            parts.append(match[0])
            position = match.end()
        elif sign == "'":
            end = command.find("'", position + 1)
            if end < 0:
                raise NotParsedError(command[:80])
            parts.append(command[position + 1 : end])
            position = end + 1
        elif sign == '"':
            quoted, position = _quoted(command, position + 1)
            parts.append(quoted.text)
            fixed, runs = fixed and quoted.fixed, runs or quoted.runs
        elif sign == "\\":
            parts.append(
                "" if command.startswith("\\\n", position) else command[position + 1 : position + 2]
            )
            position += 2
        elif sign in "$`":
            fixed, begin = False, position
            position = _behind_substitution(command, position)
            runs = runs or _runs(command, begin, position)
        else:
            fixed = fixed and sign not in "*?[" and not _BRACES.match(command, position)
            parts.append(sign)
            position += 1
    return Word("".join(parts), fixed, runs), position


def _quoted(command: str, position: int) -> tuple[Word, int]:
    """The text of a double-quoted string from behind its quote, and where it ends."""
    parts: list[str] = []
    fixed, runs = True, False
    while position < len(command):
        sign = command[position]
        if sign == '"':
            return Word("".join(parts), fixed, runs), position + 1
        if sign == "\\" and command[position + 1 : position + 2] in _ESCAPED_IN_QUOTES:
            parts.append(command[position + 1].replace("\n", ""))
            position += 2
        elif sign in "$`":
            fixed, begin = False, position
            position = _behind_substitution(command, position)
            runs = runs or _runs(command, begin, position)
        else:
            parts.append(sign)
            position += 1
    raise NotParsedError(command[:80])


def _runs(command: str, begin: int, end: int) -> bool:
    """Whether a command stands in what takes the place of a variable or the like."""
    return command.find("$(", begin, end) >= 0 or command.find("`", begin, end) >= 0


def _behind_substitution(command: str, position: int) -> int:
    """Where a variable, ``$(…)``, ``${…}`` or a command in backquotes ends."""
    if command[position] == "`":
        end = command.find("`", position + 1)
        if end < 0:
            raise NotParsedError(command[:80])
        return end + 1
    closing = {"(": ")", "{": "}"}.get(command[position + 1 : position + 2])
    if closing is None:
        return position + 1
    opening, depth = command[position + 1], 0
    while position < len(command):
        sign = command[position]
        if sign in "'\"\\<":
            position = _passed_over(command, position)
        elif sign in (opening, closing):
            depth += 1 if sign == opening else -1
            if not depth:
                return position + 1
        position += 1
    raise NotParsedError(command[:80])


def _passed_over(command: str, position: int) -> int:
    """The last place of what is quoted or escaped at `position`, within a substitution."""
    match command[position]:
        case "'":
            end = command.find("'", position + 1)
            return len(command) if end < 0 else end
        case '"':
            return _quoted(command, position + 1)[1] - 1
        case "<" if command.startswith("<<", position):
            raise NotParsedError(command[:80])  # a here-document in a substitution
        case "<":
            return position
        case _:
            return position + 1
