"""``make truth``: the real client against a scripted model, and our log against its requests.

Prints, for each order in which hooks and imports can come, what of each kind of thing is right,
missed, wrong and doubled, and fails where that is worse than the thresholds below.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from truth import captured, claude_code, codex, copilot, gemini_cli, opencode, pi
from truth.client import installed
from truth.collector import Collector, slim
from truth.compare import OF_RESIDENT, UNTOLD, Row, Truth, compared, is_of_server
from truth.shop import Shop

from ctxuse.hosts.parts import hosts_with

LEAST_RIGHT = 0.97
MOST_WRONG = 0.01
"""Of what entered by tools and users so much must be right, and of that no more be wrong."""

LEAST_RESIDENT = 0.95
"""So much of what was resident must be right, but for what one version of a client lists to
sub-agents without a trace; of an import as much as the agent's own says (`LEAST_IMPORTED`), as
transcripts may not hold what hooks alone are told of."""

_LEAST_PLAYED = 0.7

_TELEMETRY = "telemetry"
"""The agent's own, which alone tells of some calls only: of it is asked that nothing is wrong."""

HOSTS = {host.HOST: host for host in (claude_code, codex, copilot, gemini_cli, opencode, pi)}
"""The agents: of each its name and title, its package, the version that is measured and what that
calls its program, what that needs beside it, how much of what was resident an import must tell,
where it keeps transcripts, the API that answers it, records and sessions."""

_CLIENTS = Path(__file__).parents[2] / ".truth"
_BIN = Path(sys.executable).parent


def main() -> int:
    """Measure agents, one after the other, and return the exit status."""
    asked = argparse.ArgumentParser(prog="make truth", description=__doc__)
    asked.add_argument("hosts", nargs="*", metavar="HOST", help="agents; all where none is named")
    asked.add_argument("--client-version", help="the version, such as latest")
    asked.add_argument("--client", type=Path, help="a program that is installed")
    asked.add_argument("--only", help="the sessions to run, with commas")
    asked.add_argument("--show", type=int, default=0, help="so many differences of each kind")
    asked.add_argument("--keep", type=Path, help="a directory that keeps the payloads of hooks")
    asked.add_argument("--save", type=Path, help="a file that keeps what make test plays again")
    words = asked.parse_args()
    unknown = [name for name in words.hosts if name not in HOSTS]
    if unknown:
        asked.error(f"{unknown[0]} is none of {', '.join(HOSTS)}")
    return max(_measured(HOSTS[name], words) for name in words.hosts or HOSTS)


def _measured(host: ModuleType, words: argparse.Namespace) -> int:
    """Run the sessions of an agent, print the tables, and return the exit status."""
    version = words.client_version or host.VERSION
    needs = getattr(host, "NEEDS", ())
    program = words.client or installed(_CLIENTS, host.PACKAGE, version, host.PROGRAM, needs)
    if not os.access(program, os.X_OK):
        print(f"{host.TITLE} is not measured: there is no client at {program} (it needs npm)")
        return 0
    names = words.only.split(",") if words.only else []
    sessions = [one for one in host.SESSIONS if not names or one.name in names]
    if shutil.which("tmux") is None:
        print("not measured: sessions in a terminal (there is no tmux)")
        sessions = [one for one in sessions if not getattr(one, "lines", ())]
    with tempfile.TemporaryDirectory() as made:
        directory = Path(os.path.realpath(made))
        shop = Shop(directory, host.RECORDS)
        payloads = words.keep or directory / "payloads"
        telemetry = directory / "telemetry.jsonl"
        with host.Model(host.scripts(shop)) as model, Collector(telemetry) as collector:
            path = f"{_tee(directory, payloads)}:{_BIN}"
            client = host.Client(program, shop, model, path)
            print(f"{host.TITLE} {client.version()}, {len(sessions)} sessions")
            _ctxuse(shop, client.environ, "init")
            if host.HOST in hosts_with("install"):
                _ctxuse(shop, client.environ, "setup", host.HOST, "--yes")
                shop.git("add", "-A")
                shop.git("commit", "-q", "-m", "hooks")
            if host.HOST in hosts_with("telemetry"):
                client.tell(collector.url)
            for session in sessions:
                client.session(session)
        known = host.truth(shop, model, sessions)
        if words.save is not None:
            threads = [*known.threads, *(call.thread for call in known.calls.values())]
            names = [*dict.fromkeys(session for session, _ in threads)]
            kept = captured.transcripts(shop, host.KEPT, names, host.slim)
            told = slim(telemetry.read_text())
            found = captured.Captured(client.version(), _payloads(payloads), kept, told, known)
            captured.save(found, shop, words.save)
        replay = Replay(host.HOST, shop, client.environ, payloads, telemetry)
        return _told(known, replay, words.show)


class Replay(NamedTuple):
    """What a log is made from again.

    Attributes:
        host: The agent.
        shop: Where it has worked.
        environ: Its environment.
        payloads: What its hooks were handed.
        telemetry: What a collector has written of its own telemetry.
    """

    host: str
    shop: Shop
    environ: Mapping[str, str]
    payloads: Path
    telemetry: Path


def _told(known: Truth, replay: Replay, show: int) -> int:
    is_good = True
    has_hooks = replay.host in hosts_with("hook")
    orders = ["hooks", "import", "hooks, import", "import, hooks"] if has_hooks else ["import"]
    if replay.host in hosts_with("telemetry"):
        orders += [_TELEMETRY, f"import, {_TELEMETRY}"]
    for how in orders:
        with _log_of(replay, how) as log:
            lines = log.read_text().splitlines() if log.exists() else []
        rows = compared(known, map(json.loads, lines))
        host = HOSTS[replay.host]
        usual = getattr(host, "LEAST_RESIDENT", LEAST_RESIDENT)
        least = usual if "hooks" in how else getattr(host, "LEAST_IMPORTED", usual)
        is_good = _printed(how, rows, show, least) and is_good
    return 0 if is_good else 1


@contextmanager
def _log_of(replay: Replay, how: str) -> Iterator[Path]:
    """Give the log that hooks, an import or both make, in this order.

    What an MCP server gave it alone knows: that stands in each of them.
    """
    usage = replay.shop.root / ".yoi/memory/_usage"
    kept = usage.with_name("_usage.kept")
    usage.mkdir(exist_ok=True)
    shutil.copytree(usage, kept)
    if not how.startswith("hooks"):
        log = usage / "events.jsonl"
        lines = log.read_text().splitlines(keepends=True) if log.exists() else []
        log.write_text("".join(line for line in lines if is_of_server(json.loads(line))))
    try:
        if "import" in how:
            _ctxuse(replay.shop, replay.environ, "import", replay.host, "--no-cache")
        if how.endswith(_TELEMETRY):
            _ctxuse(replay.shop, replay.environ, "import", "otlp", str(replay.telemetry))
        if how.endswith(", hooks"):
            for payload in sorted(replay.payloads.glob("*.json")):
                _again(replay, payload)
        yield usage / "events.jsonl"
    finally:
        shutil.rmtree(usage)
        kept.rename(usage)


def _payloads(directory: Path) -> list[captured.Payload]:
    """What hooks were handed, in order."""
    paths = sorted(directory.glob("*.json"))
    return [
        captured.Payload(
            path.read_text(),
            path.with_name(f"{path.name}.project").read_text(),
            path.with_name(f"{path.name}.pwd").read_text(),
        )
        for path in paths
    ]


def _again(replay: Replay, payload: Path) -> None:
    """Hand a payload to the hook once more, in the directory in which it was."""
    project = payload.with_name(f"{payload.name}.project").read_text()
    where = payload.with_name(f"{payload.name}.pwd").read_text()
    with payload.open("rb") as stdin:
        subprocess.run(
            [_BIN / "ctxuse-hook", replay.host],
            stdin=stdin,
            cwd=where if Path(where).is_dir() else replay.shop.root,
            env={**replay.environ, "CLAUDE_PROJECT_DIR": project, "PWD": where},
            check=True,
        )


def _printed(how: str, rows: Mapping[str, Row], show: int, least: float) -> bool:
    print(f"\n{how:<26}{'truth':>7}{'right':>7}{'missed':>7}{'wrong':>7}{'doubled':>8}  bytes")
    for kind, row in rows.items():
        bytes_right = f"{row.sizes} of {row.sized}" if row.sized else ""
        print(
            f"  {kind:<24}{row.truth:>7}{row.right:>7}{row.missed:>7}{row.wrong:>7}"
            f"{row.doubled:>8}  {bytes_right}"
        )
        for line in row.differences[:show]:
            print(f"      {line}")
    resident = {kind: row for kind, row in rows.items() if kind.startswith("resident")}
    uses = [row for kind, row in rows.items() if kind not in {*resident, OF_RESIDENT, UNTOLD}]
    # hooks that are played again say that it is now, behind all requests
    of_requests = _LEAST_PLAYED if how == "import, hooks" else least
    parts = {
        "uses and requests": (_sums(uses), LEAST_RIGHT),
        "what was resident": (_sums([*resident.values()]), least),
        "its requests": (_sums([rows[OF_RESIDENT]] if OF_RESIDENT in rows else []), of_requests),
    }
    is_good = all(
        (right >= at_least * there or how == _TELEMETRY)
        and wrong <= MOST_WRONG * there
        and not doubled
        for (there, right, wrong, doubled), at_least in parts.values()
    )
    said = ", ".join(
        f"{right / there if there else 0:.1%} of {what} right and {wrong} wrong"
        for what, ((there, right, wrong, _), _) in parts.items()
    )
    print(f"  {said}: {'' if is_good else 'NOT '}within bounds")
    return is_good


def _sums(rows: Sequence[Row]) -> tuple[int, int, int, int]:
    """What entered, is right, wrong and doubled in several kinds of things."""
    names = ("truth", "right", "wrong", "doubled")
    there, right, wrong, doubled = (sum(getattr(row, name) for row in rows) for name in names)
    return there, right, wrong, doubled


def _tee(directory: Path, payloads: Path) -> Path:
    """Make a hook that keeps what it is handed, and hands it on; return where it is."""
    payloads.mkdir(parents=True, exist_ok=True)
    bin_ = directory / "bin"
    bin_.mkdir()
    hook = bin_ / "ctxuse-hook"
    hook.write_text(
        "#!/bin/sh\n"
        f'file="{payloads}/$(date +%s%N)-$$.json"\n'
        'cat > "$file"\n'
        'printf %s "$CLAUDE_PROJECT_DIR" > "$file.project"\n'
        'printf %s "$PWD" > "$file.pwd"\n'
        f'exec "{_BIN}/ctxuse-hook" "$@" < "$file"\n'
    )
    hook.chmod(0o755)
    return bin_


def _ctxuse(shop: Shop, environ: Mapping[str, str], *words: str) -> None:
    subprocess.run(
        [_BIN / "ctxuse", *words], cwd=shop.root, env={**environ}, check=True, capture_output=True
    )


if __name__ == "__main__":
    sys.exit(main())
