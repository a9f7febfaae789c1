"""Logs and transcripts made up from a seed."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from ctxuse import UsageEvent, UsageEventKind, UsageRecordSnapshot, UsageSource, Workspace
from ctxuse.codec.encode import encode
from ctxuse.events import Requests
from ctxuse.ids import new_id


def lines(
    number: int, *, different: bool = False, records: int = 300, seed: int = 1
) -> Iterator[bytes]:
    """Lines of a made-up log: some hundred records, few of them read often, a dozen resident.

    Args:
        number: How many.
        different: Whether each line is to differ from every other in its records, too.
        records: How many distinct records there are.
        seed: Gives the same lines again.
    """
    chance = random.Random(seed)  # noqa: S311 - inputs, not secrets
    kinds = ("decision", "knowledge", "workflow", "request", "skill")
    names = [(kinds[i % 5], f"record-{i}") for i in range(records)]
    sizes = [chance.randint(400, 20_000) for _ in names]
    at, segment = 1_780_000_000_000_000_000, ""
    for index in range(number):
        at += chance.randrange(1, 20_000_000_000)
        if index % 20 == 0:
            segment = str(UUID(int=chance.getrandbits(128)))
        if index % 500 == 0:
            sizes[chance.randrange(records)] = chance.randint(400, 20_000)
        exposed = index % 25 == 0
        read = min(int(chance.expovariate(10 / records)), records - 1)
        chosen = range(0, records, records // 12) if exposed else [read]
        host = chance.choice([None, None, "claude-code", "codex"])
        yield encode(
            UsageEvent(
                id=str(
                    UUID(int=at // 1_000_000 << 80 | 7 << 76 | 2 << 62 | chance.getrandbits(62))
                ),
                occurred_at_ns=at,
                segment_id=segment,
                event=UsageEventKind.RESIDENT_EXPOSURE if exposed else UsageEventKind.USE,
                source=UsageSource.RESIDENT_INJECTION if exposed else UsageSource.MEMORY_READ,
                records=tuple(
                    UsageRecordSnapshot.from_size(
                        *names[i], chance.randint(1, 10**7) if different else sizes[i]
                    )
                    for i in chosen
                ),
                host=host,
                actor="agent" if host else None,
            )
        )


def make_log(root: Path, number: int, *, different: bool = False, records: int = 300) -> Path:
    """Write a log of `number` events below `root` and return its path; see `lines`."""
    path = Workspace(root).layout.events_path
    path.parent.mkdir(parents=True)
    with path.open("wb") as log:
        log.writelines(line + b"\n" for line in lines(number, different=different, records=records))
    return path


def make_transcripts(folder: Path, root: Path, size: int, *, seed: int = 1) -> list[Path]:
    """Write transcripts of Claude Code of `size` bytes together, and return their paths.

    They are of sessions in `root`: about a megabyte each, with skills listed, files read, commands
    run, edits with the files they change, thoughts and the model's own accounting.

    Args:
        folder: Where they are written.
        root: The project.
        size: How many bytes.
        seed: Gives the same transcripts again.
    """
    chance = random.Random(seed)  # noqa: S311 - inputs, not secrets
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Path] = []
    written = 0
    while written < size:
        session = str(UUID(int=chance.getrandbits(128)))
        path = folder / f"{session}.jsonl"
        written += path.write_bytes(b"".join(_session(chance, session, str(root))))
        found.append(path)
    return sorted(found)


def _session(chance: random.Random, session: str, root: str) -> Iterator[bytes]:
    number = tokens = 0

    def line(kind: str, **fields: object) -> bytes:
        nonlocal number
        number += 1
        common = {
            "parentUuid": f"{session}-{number - 1}", "isSidechain": False, "userType": "external",
            "cwd": root, "sessionId": session, "version": "2.1.197", "gitBranch": "main",
            "type": kind, "uuid": f"{session}-{number}",
            "timestamp": f"2026-10-{number % 28 + 1:02}T09:30:{number % 60:02}.123Z",
        }  # fmt: skip
        return json.dumps({**common, **fields}, ensure_ascii=False).encode() + b"\n"

    def text(most: int) -> str:
        words = ("let", "the", "price", "= 42;", "return", "\n", "\t", '"quoted"')
        end = chance.choice(["", "", "", " → naïve"])
        return " ".join(chance.choices(words, k=chance.randrange(most) // 6 + 1)) + end

    def said(*blocks: object) -> bytes:
        nonlocal tokens
        tokens += chance.randrange(200, 3000)
        usage = {"input_tokens": 3, "cache_read_input_tokens": tokens, "output_tokens": 90}
        message = {"id": f"m{number}", "role": "assistant", "content": [*blocks], "usage": usage}
        return line("assistant", requestId=f"r{number}", message=message)

    listed = "".join(f"- skill-{i}: {text(200).replace(chr(10), ' ')}\n" for i in range(20))
    yield line("user", message={"role": "user", "content": text(400)})
    yield line("attachment", attachment={"type": "skill_listing", "content": listed})
    for turn in range(150):
        if turn % 3 == 0:
            yield said({"type": "thinking", "thinking": text(1500), "signature": "x" * 400})
        call = f"toolu_{session}{turn}"
        path = f"{root}/src/module-{chance.randrange(300)}.py"
        tool, arguments, body = chance.choice(
            [
                ("Read", {"file_path": path}, text(9000)),
                ("Bash", {"command": f"rg -n price src && sed -n 1,80p {path}"}, text(3000)),
                ("Edit", {"file_path": path, "old_string": text(300), "new_string": text(300)}, ""),
                ("Read", {"file_path": f"{root}/.yoi/memory/decisions/d-{turn}.md"}, text(2000)),
            ]
        )
        yield said({"type": "tool_use", "id": call, "name": tool, "input": arguments})
        shown = {"content": body, "numLines": 9, "startLine": 1, "totalLines": 9}
        told = {
            "Read": {"type": "text", "file": {"filePath": path, **shown}},
            "Bash": {"stdout": body, "stderr": "", "interrupted": False},
            "Edit": {"filePath": path, "originalFile": text(9000), "structuredPatch": []},
        }
        block = {"type": "tool_result", "tool_use_id": call, "content": body}
        yield line("user", message={"role": "user", "content": [block]}, toolUseResult=told[tool])
        yield said({"type": "text", "text": text(600)})


def make_sessions(path: Path, number: int) -> int:
    """Write a log of about so many events of sessions, with their requests; return how many.

    A session lists 28 records, reads one in each of 20 requests, and ends with a block of these.
    """
    rng = random.Random(1)  # noqa: S311 - inputs, not secrets
    written, at_ms = 0, 1_760_000_000_000
    with path.open("wb") as file:
        while written < number:
            segment = f"{rng.getrandbits(32):08x}-1111-4222-8333-{rng.getrandbits(48):012x}"
            begin = at_ms = at_ms + rng.randrange(1_000, 200_000)
            times = [at_ms := at_ms + rng.randrange(1_000, 9_000) for _ in range(20)]
            stood = [(begin, f"skill-{place}", 300, True) for place in range(28)]
            read = [
                (at, f"doc-{rng.randrange(60)}", rng.randrange(300, 4_000), False) for at in times
            ]
            for at, slug, size, resident in (*stood, *read):
                file.write(encode(_of_session(segment, at, slug, size, resident=resident)) + b"\n")
            block = Requests(
                f"msg_{written}",
                tuple(at - times[0] for at in times),
                tuple(30_000 + 300 * place for place in range(20)),
                (100,) * 20,
                model="a-model",
                bytes_per_token=3.2,
            )
            event = _of_session(segment, times[0], "", 0, resident=True)
            file.write(encode(event._replace(records=(), requests=block)) + b"\n")
            written += len(stood) + len(read)
    return written


def _of_session(segment: str, at_ms: int, slug: str, size: int, *, resident: bool) -> UsageEvent:
    record = UsageRecordSnapshot("skill", slug, 4_000, 1_000, context_bytes=size)
    return UsageEvent(
        new_id(at_ms * 1_000_000),
        at_ms * 1_000_000,
        segment,
        UsageEventKind.RESIDENT_EXPOSURE if resident else UsageEventKind.USE,
        UsageSource.RESIDENT_INJECTION if resident else UsageSource.MEMORY_READ,
        (record,),
        host="claude-code",
    )
