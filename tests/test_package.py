"""The package as a whole: its names, its layers, what it loads, its errors."""

import ast
import importlib
import json
import os
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from layers import INSIDE, LAYERS

import ctxuse
from ctxuse import errors

SOURCES = Path(ctxuse.__file__).parent

LAYERS_OF = {"": [*LAYERS], **INSIDE}
LEVELS = {
    package: {name: -level for level, layer in enumerate(layers) for name in layer.split(" | ")}
    for package, layers in LAYERS_OF.items()
}
"""By package, the height of each of its modules above or below the uppermost one, 0."""


def source_of(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


MODULES = [module.name for module in pkgutil.walk_packages([str(SOURCES)], "ctxuse.")]


def imports_of(module: str) -> set[str]:
    """The modules of ours that a module imports anywhere in its text, also where only types are."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in MODULES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & {*MODULES}


def place_of(module: str, other: str) -> tuple[str, str, str]:
    """The package in which two modules part, and what of it holds the one and the other."""
    one, two = ([*name.split(".")[1:], "__init__"] for name in (module, other))
    depth = next(depth for depth, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    return ".".join(one[:depth]), one[depth], two[depth]


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards_also_inside_packages(module: str) -> None:
    for imported in imports_of(module):
        package, own, other = place_of(module, imported)
        levels = LEVELS[package]
        assert levels[other] < levels[own], f"{module} imports {imported}"


def test_every_module_has_one_layer() -> None:
    listed = [
        ".".join(filter(None, ["ctxuse", package, name]))
        for package, layers in LAYERS_OF.items()
        for layer in layers
        for name in layer.split(" | ")
    ]
    assert sorted(name for name in listed if not name.endswith(".__init__")) == sorted(MODULES)


def test_every_public_name_can_be_had_and_says_what_it_is() -> None:
    for name in ctxuse.__all__:
        value = getattr(ctxuse, name)
        assert name == "__version__" or value.__doc__
    assert set(ctxuse.__all__) <= set(dir(ctxuse))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = ctxuse.Nothing


@pytest.mark.parametrize("module", MODULES)
def test_no_signature_holds_the_environment(module: str) -> None:
    for node in ast.walk(ast.parse(source_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            defaults = filter(None, [*node.args.defaults, *node.args.kw_defaults])
            assert all("environ" not in ast.unparse(default) for default in defaults)


def test_help_shows_no_secret_of_the_environment() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pydoc", "ctxuse.Workspace"],
        env={**os.environ, "API_KEY": "hunter2"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "durability" in done.stdout
    assert "hunter2" not in done.stdout


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after `code`."""
    program = code + "\nimport sys; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_importing_the_package_loads_nothing_else() -> None:
    assert loaded_by("import ctxuse") - loaded_by("import typing") == {"ctxuse"}


def test_writing_loads_only_what_is_cheap(tmp_path: Path) -> None:
    (tmp_path / ".yoi" / "memory" / "decisions").mkdir(parents=True)
    (tmp_path / ".yoi" / "memory" / "decisions" / "alpha.md").write_text("text")
    loaded = loaded_by(
        "from ctxuse import UsageSource, Workspace\n"
        f"workspace = Workspace({str(tmp_path)!r})\n"
        "snapshot = workspace.snapshot('decision', 'alpha')\n"
        "assert workspace.append_use('s', UsageSource.MEMORY_READ, [snapshot])"
    )
    expensive = {
        "click", "dataclasses", "datetime", "inspect", "msgspec", "pathlib", "rich", "subprocess",
        "tempfile", "urllib", "uuid", "whenever",
    }  # fmt: skip
    assert not loaded & expensive


def test_a_hook_of_a_command_loads_only_what_is_cheap(tmp_path: Path) -> None:
    decisions = tmp_path / "app/.yoi/memory/decisions"
    decisions.mkdir(parents=True)
    (decisions / "alpha.md").write_text("Amounts are integers of cents.\n")

    def loaded(output: str) -> set[str]:
        fields = {
            "session_id": "s", "cwd": str(tmp_path / "app"), "hook_event_name": "PostToolUse",
            "tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": "t1",
            "tool_response": {"stdout": output},
        }  # fmt: skip
        payload = json.dumps(fields).encode()
        environ = {"HOME": str(tmp_path)}
        code = f"run(['claude-code'], io.BytesIO({payload!r}), {environ!r})"
        return loaded_by(f"import io; from ctxuse.hook import run; {code}")

    near, far = loaded("Amounts are integers of cents.\n"), loaded("all is done\n")
    assert (tmp_path / "app/.yoi/memory/_usage/events.jsonl").exists()
    expensive = {"click", "dataclasses", "datetime", "hashlib", "inspect", "msgspec", "subprocess"}
    expensive |= {"fnmatch", "ctxuse.hosts.opencode.named", "ctxuse.records"}
    if sys.implementation.name == "cpython":
        expensive |= {"json", "json.decoder"}
    if sys.version_info < (3, 14):
        expensive.add("typing")
    assert not near & expensive
    assert not far & {
        *expensive, "ctxuse.hosts.evidence", "ctxuse.hosts.mentions", "ctxuse.hosts.searches",
        "ctxuse.hosts.refusals", "ctxuse.hosts.shell", "ctxuse.recorder",
    }  # fmt: skip
    ours = [sum(name.startswith("ctxuse.") for name in loaded) for loaded in (near, far)]
    assert ours[0] <= 59
    assert ours[1] <= 45


@pytest.mark.parametrize("form", ["json", "table"])
def test_a_report_loads_only_what_its_form_needs(form: str) -> None:
    root = Path(__file__).parent / "data" / "workspaces" / "reference"
    loaded = loaded_by(
        "from ctxuse.cli.main import run\n"
        f"assert run(['report', '--format', {form!r}, '-w', {str(root)!r}]) == 0"
    )
    needless = {
        "asyncio", "csv", "email", "frontmatter", "hashlib", "http", "markdown_it", "mcp",
        "pydantic", "sqlite3", "subprocess", "whenever", "yaml",
    }  # fmt: skip
    needless |= {"bz2", "lzma", "shutil", "urllib", "zlib", "zoneinfo"}
    needless |= {f"ctxuse.reports.{name}" for name in ("comparison", "cost", "fleet", "groups")}
    needless |= {"ctxuse.counting.segments", "ctxuse.redaction", "ctxuse.reports.session"}
    if form == "json":
        needless |= {"rich", "dataclasses", "calendar", "ctxuse.render.tables"}
    assert not loaded & needless
    ours = [name for name in loaded if name.startswith("ctxuse.")]
    assert len(ours) <= {"json": 56, "table": 59}[form]


def ended_by(code: str) -> str:
    """What is printed by a command that ends a process after `code`."""
    program = (
        "import atexit, sys, threading, time\n"
        "class Kept:\n    def __del__(self): print('taken apart')\n"
        f"kept = Kept()\n{code}\nsys.argv[1:] = ['--version']\n"
        "from ctxuse.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_command_ends_at_once_unless_something_waits_for_its_end() -> None:
    said = f"ctxuse {ctxuse.__version__}\n"
    assert ended_by("") == said
    assert ended_by("atexit.register(print, 'the end')") == f"{said}the end\ntaken apart\n"
    thread = "threading.Thread(target=lambda: time.sleep(0.5) or print('done')).start()"
    assert ended_by(thread) == f"{said}done\ntaken apart\n"


EXAMPLES: list[errors.CtxuseError] = [
    errors.InvalidSlugError("a--b"),
    errors.UnknownKindError("skill"),
    errors.InvalidPathError("/ws/.yoi/x"),
    errors.InvalidSettingError("CTXUSE_DURABILITY", "hope", "os or fsync"),
    errors.MissingExtraError("ctxuse serve", "web"),
    errors.FleetError("tcp://host:8786", "nobody answers"),
    errors.SendingElsewhereError("http://host:4318", "another process sends this log there"),
    errors.NoWorkspaceError("/ws"),
    errors.NoWorkspaceError("/ws/app", "/ws"),
    errors.RecordNotFoundError("decision", "a", "/ws/a.md"),
    errors.RecordUnreadableError("/ws/a.md", "it is a FIFO"),
    errors.RecordTooLongError("knowledge", "a", 40_000, 32_768),
    errors.BrokenRecordError("workflow", "a", "requires is no list of slugs"),
    errors.NotForUsersError("workflow", "a"),
    errors.InvalidEventError("id", "is none"),
    errors.AppendError("/ws/log", "write", "disk full", None),
    errors.MaintenanceError("/ws/log", "rename", "disk full"),
    errors.UnsupportedSystemError("ctxuse setup"),
    errors.ServeError(8427, "Address already in use"),
    errors.SettingsError("/home/kim/settings.json", "it is not UTF-8"),
    errors.SetupError("the hooks are installed already"),
    errors.TranscriptError("/home/kim/x.jsonl", "it does not exist"),
    errors.LogUnreadableError("/ws/log", "it is a link"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_its_facts(error: errors.CtxuseError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def test_every_error_of_the_tree_has_an_example() -> None:
    named = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    every = {value for name, value in named.items() if name.endswith("Error") and name[0] != "_"}
    assert {type(example) for example in EXAMPLES} == every - {errors.CtxuseError}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_shows_nothing_raw(error: errors.CtxuseError) -> None:
    hostile = "\x1b[31m\u202e\x9b"
    arguments = [hostile if isinstance(value, str) else value for value in error.args]
    assert str(type(error)(*arguments)).isprintable()
