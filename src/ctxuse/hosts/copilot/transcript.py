"""The sessions of GitHub Copilot CLI → events (version 1.0.102; the format is the host's own).

A session and all of its sub-agents stand in one file, each line with the id of the sub-agent.
"""

from zlib import crc32

from ctxuse.hosts.bounded import most_in, paid
from ctxuse.hosts.calls import uses
from ctxuse.hosts.copilot import NAME
from ctxuse.hosts.copilot.accounting import length_of, length_of_answer, responded, summarised
from ctxuse.hosts.copilot.context import There, agent_in, discovered, placed
from ctxuse.hosts.copilot.lines import Data, Line, data_of
from ctxuse.hosts.copilot.skills import Skills, kept, to_keep
from ctxuse.hosts.copilot.tools import answered, said_by, shell_of, tool_call
from ctxuse.hosts.growth import Growth
from ctxuse.hosts.jsonlines import START, Lines, held
from ctxuse.hosts.lookup import at, text
from ctxuse.hosts.origin import Origin
from ctxuse.hosts.places import Places
from ctxuse.hosts.recordfile import Placed
from ctxuse.hosts.rests import Reader, reading
from ctxuse.hosts.session import Session
from ctxuse.hosts.transcripts import Head, Rest, Told, when

_KEPT = 64
"""So many shells, and so many sub-agents, are kept at a rest: the last ones."""

_SHELL, _AGENT, _STANDING = "shell ", "agent ", "standing "
"""How what is kept of them is called there."""

_KNOWN = frozenset({
    "abort", "assistant", "canvas", "command", "elicitation", "exit_plan_mode", "external_tool",
    "hook", "human_response", "mcp", "model", "permission", "sampling", "session", "skill",
    "subagent", "system", "tool", "tool_search", "user", "user_input", "workflow",
})  # fmt: skip
"""What the types of lines begin with, up to a dot."""

_REPOSITORY = "repository"

_lines = Lines(Line)
_starts = Lines(Line, START)


def head(path: str) -> Head:
    """Return what a session says of itself: on its first line.

    Raises:
        OSError: The file cannot be read.
    """
    line = next(iter(_starts.read(path)), Line())
    data = data_of(line)
    if line.type != "session.start":
        return Head()
    began = text(held(data.context), "cwd")
    return Head(began, text(data.sessionId), text(line.timestamp))


class _Reader(Reader[Line]):
    def __init__(self, path: str, places: Places, told: Told, rest: Rest) -> None:
        self._entered = Growth(rest.samples)
        super().__init__(_lines, path, told, self._entered.samples)
        began = head(path)
        self._session = began.session
        self._directory = rest.directory or began.directory
        self._repository = text(rest.noted.get(_REPOSITORY)) or self._directory
        self._origin = Origin.of_transcript(places, began.directory)
        self._there = There(self._origin)
        self._shells = kept(rest.noted, _SHELL, str)
        self._agents = kept(rest.noted, _AGENT, str)
        """The kinds of sub-agents, by their ids."""
        self._marks = kept(rest.noted, _STANDING, str)
        self._standing = {of: {*marks.split()} for of, marks in self._marks.items()}
        """What stands in the system prompt, by segment; and that as it is kept at a rest."""
        self._skills = Skills(self._origin, told, rest.noted)

    @property
    def rests(self) -> bool:
        return not any(self._calls.values()) and self._skills.none_open

    def rest(self, offset: int) -> Rest:
        noted: dict[str, str | int | None] = {_REPOSITORY: self._repository, **self._skills.noted}
        some = (self._shells, _SHELL), (self._agents, _AGENT), (self._marks, _STANDING)
        for named, begins in some:
            last = to_keep(named, begins, _KEPT)
            noted.update(last)
        return Rest(offset, samples=self.samples, directory=self._directory, noted=noted)

    def end_open(self) -> None:
        self._skills.end()

    def read(self, line: Line) -> None:
        data = data_of(line)
        thread = self._thread(line, data)
        if thread is None or not isinstance(line.type, str):
            self._told.not_understood.saw("(no type)" if thread else "(no session)")
            return
        if line.type.partition(".")[0] not in _KNOWN:
            self._told.not_understood.saw(line.type)
        elif (at_ns := when(line.timestamp)) is not None:
            self._tells(line.type, line, data, thread, at_ns)

    def _tells(self, kind: str, line: Line, data: Data, thread: Session, at_ns: int) -> None:
        match kind:
            case "session.start" | "session.resume":
                self._is_at(held(data.context))
            case "session.context_changed":
                self._is_at({"cwd": data.cwd, "gitRoot": data.gitRoot})
            case "session.usage_record":
                self._answered(data, thread, at_ns)
            case "session.compaction_complete" if data.success is True:
                self._compacted(data, thread, at_ns)
            case "system.message":
                self._stands(line, data, thread, at_ns)
            case "system.notification":
                self._discovered(line, data, thread, at_ns)
            case "user.message" | "assistant.message":
                self._message(kind, line, data, thread)
            case _:
                self._of_tools(kind, line, data, thread, at_ns)

    def _of_tools(self, kind: str, line: Line, data: Data, thread: Session, at_ns: int) -> None:
        match kind:
            case "tool.execution_start" | "tool.user_requested":
                self._called(kind, data, thread)
            case "tool.execution_complete":
                self._returned(data, thread, at_ns)
            case "skill.invoked" | "skill.invoked_ref":
                self._skills.loaded(data, thread, text(line.id), at_ns)
            case "skill.context_delivered" | "skill.context_delivered_ref":
                self._skills.delivered(data, thread)
                self._enters(thread, data.prefix, data.content, data.suffix)

    def _thread(self, line: Line, data: Data) -> Session | None:
        """Whose doing a line is."""
        agent = text(line.agentId)
        if self._session is None:
            return None
        if agent is not None and line.type == "subagent.started":
            kind = text(data.agentName)
            self._agents |= {} if kind is None else {agent: kind}
        return Session.named(NAME, self._session, agent, self._agents.get(agent or ""))

    def _is_at(self, context: object) -> None:
        """Take note of where the agent is, and of the directory from which it names files."""
        self._directory = text(context, "cwd") or self._directory
        self._repository = text(context, "gitRoot") or self._directory

    def _message(self, kind: str, line: Line, data: Data, thread: Session) -> None:
        is_answer = kind == "assistant.message"
        if not is_answer:
            self._skills.prompted(data, thread)
            self._enters(thread, data.transformedContent)
        self._told.began(thread, line.timestamp, answered=is_answer)
        if is_answer and thread.actor == "agent":
            self._entered.entered(length_of_answer(data))

    def _enters(self, thread: Session, *texts: object) -> None:
        if thread.actor == "agent":
            self._entered.entered(length_of(*texts))

    def _answered(self, data: Data, thread: Session, at_ns: int) -> None:
        response = responded(data, thread, at_ns)
        if response is not None:
            self._told.of_requests(response)
            if thread.actor == "agent":
                self._entered.answered(response.input)

    def _compacted(self, data: Data, thread: Session, at_ns: int) -> None:
        summary = summarised(data, thread, at_ns)
        if summary is not None:
            self._told.of_requests(summary)
        self._told.of_compaction(thread, at_ns)
        self._standing.pop(thread.segment_id, None)
        self._marks.pop(thread.segment_id, None)
        if thread.actor == "agent":
            self._entered.begins_anew()

    def _called(self, kind: str, data: Data, thread: Session) -> None:
        call_id = text(data.toolCallId)
        if call_id is not None:
            call = tool_call(data, thread, self._directory, self._shells)
            is_typed = kind == "tool.user_requested"
            self._calls[thread.call_key(call_id)] = call and call._replace(by_user=is_typed)

    def _returned(self, data: Data, thread: Session, at_ns: int) -> None:
        call_id = text(data.toolCallId)
        if call_id is None:
            return
        key, said = thread.call_key(call_id), said_by(data)
        self._enters(thread, said)
        call = self._calls.pop(key, None)
        if not self._told.first_answer(key):
            return
        if call is not None and call.tool == "shell" and (shell := shell_of(said)):
            self._shells[shell] = call.subject
        failed = data.success is not True
        answer = None if call is None or failed else answered(call, data, at_ns)
        if answer is not None and answer.tool == "skill":
            self._skills.called(answer)
            self._told.answered(key)
            return
        found = [] if answer is None else uses(answer, self._origin)
        self._told.ended(key, found, failed=failed or (answer is not None and answer.failed))

    def _stands(self, line: Line, data: Data, thread: Session, at_ns: int) -> None:
        """Tell of what stands in a system prompt and did not before; only a new one is told."""
        prompt = data.content
        if not isinstance(prompt, str):
            return
        before = self._standing.setdefault(thread.segment_id, set())
        stands = placed(prompt, self._repository, self._origin, self._there)
        found = [*paid(stands, most_in(len(prompt)), self._told.not_understood)]
        if thread.agent_type is not None:
            found += agent_in(prompt, thread.agent_type, self._origin)
        marks = [self._marks.get(thread.segment_id, "")]
        for one in found:
            mark = f"{crc32(f'{one.record.kind} {one.record.slug}'.encode()):08x}"
            if mark not in before:
                before.add(mark)
                marks.append(mark)
                self._stood(one, line, thread, at_ns)
        self._marks[thread.segment_id] = " ".join(marks)

    def _discovered(self, line: Line, data: Data, thread: Session, at_ns: int) -> None:
        """Tell of instructions that are handed over because a file near them was looked at."""
        kind = held(data.kind)
        path = text(kind, "sourcePath")
        if at(kind, "type") == "instruction_discovered" and path is not None:
            if thread.actor == "agent":
                self._entered.begins_anew()
            for one in discovered(path, self._repository, at_ns, self._origin):
                self._stood(one, line, thread, at_ns)

    def _stood(self, placed: Placed, line: Line, thread: Session, at_ns: int) -> None:
        key = text(line.id) or f"{thread.segment_id} {at_ns}"
        snapshot = self._origin.snapshot(placed.record, at_ns, None, placed.context_bytes)
        self._told.happened([thread.exposure([snapshot], at_ns, key)], key=key)


read, read_on = reading(_Reader)
