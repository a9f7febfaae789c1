"""Which module may import which: the one list of layers.

A test holds the code to it, and `make_layers.py` draws it in ARCHITECTURE.md. A layer is the names
of its modules, joined by ``|``; layers stand from the top down. A module imports only from layers
below its own, never from a neighbour. A package stands for all that is in it, and has layers of its
own inside, where its ``__init__`` stands too, if it imports something or is imported from inside.
"""

LAYERS = {
    "__main__": "`python -m ctxuse`",
    "cli": "front end: parses words, calls what is below, prints what render made",
    "doctor | overview": "is it alive? | what can be seen of a project at once",
    "projects": "where agents had sessions",
    "hook | importing | otherlogs | telemetry": (
        "what a hook calls | transcripts of the past | other logs | telemetry of agents"
    ),
    "adding": "adding events of the past once",
    "following": "what transcripts of running sessions tell",
    "fleet | integrations | mcp_server | setup | web": (
        "many workspaces | agents' frameworks | MCP clients | settings | the live page"
    ),
    "otlp": "events → OpenTelemetry",
    "render": "report → text, JSON, CSV, Markdown, a page. Pure functions to strings",
    "workspace": "the one object a user of the library holds",
    "imported | recorder | reports": "what was imported | what writes | a query → a report",
    "segment": "what an agent in Python calls",
    "counting | hosts | marker": "lines → tallies | what agents hand over | making a workspace",
    "remembered": "what is remembered of files between runs",
    "cache": "bytes in the user's cache",
    "context | log": "the ways into a context, each recording it | the log on disk",
    "codec | records | windows": "one event ⇄ one line | files of records | windows as written",
    "events | layout | query": "value types | where things are | what is asked",
    "zones": "which day a moment falls on",
    "errors | ids | processes | times | worktrees": "errors | ids | programs | clocks | git",
    "example | files | patterns | plainjson | progress | redaction | visible": (
        "need nothing of ours but the next"
    ),
    "typed": "what stands for `typing` where that is slow",
}
"""The layers of the package, and what they are. Its own ``__init__`` stands outside: it loads names
on first use."""

INSIDE = {
    "cli": [
        "main",
        "demo",
        (
            "archive | check | completion | cost | diff | doctor | events | export | fleet"
            " | import_ | init | mcp | overview | record | repair | report | serve | setup | show"
        ),
        "sending",
        "common | lazy",
        "progress",
        "names | typed",
        "__init__",
    ],
    "cli.fleet": [
        "collect | compact | export | report",
        "options",
    ],
    "codec": [
        "batch",
        "decode | encode",
        "__init__",
    ],
    "context": [
        "giver",
        "catalog | references | search",
        "frontmatter | given | residenttext",
    ],
    "fleet": [
        "collect | compact | export | reporting | sending",
        "running",
        "cluster",
        "executors | interpreters | work",
        "compacting | copying | counting | parquet",
        "jobs",
        "repeats",
        "discovery | opening | packing | target",
        "packs",
        "store | wire",
        "filesystems | folder | source",
        "pieces",
    ],
    "hosts": [
        "claude_code | cline | codex | copilot | cursor | gemini_cli | opencode | pi | qwen_code",
        "caller | reading",
        "kept | past | recorded | rests",
        "parts",
        "calls",
        "growth | origin",
        "installation | prompted | skillnames | transcripts",
        "bounded | recordlines | responses",
        "evidence | lineindex | listing | refusals | texts",
        "ondisk",
        "places",
        "__init__ | checkouts | handlers | imports | payload | prompts | searches | shell",
        "host | jsonlines | lookup | mentions | paths | session | shellprograms",
        "between | lines | recordfile | shellwords",
    ],
    "hosts.claude_code": [
        "hook",
        "install | mcp | standing | telemetry | transcript",
        "accounting | announced | loaded | tools",
        "__init__ | lines",
    ],
    "hosts.copilot": [
        "hook | install | mcp | transcript",
        "accounting | context | skills | tools",
        "__init__ | lines",
    ],
    "hosts.codex": [
        "hook | install | mcp | telemetry",
        "transcript",
        "forks",
        "history",
        "commands | context | messages | requested",
        "scripts",
        "tools",
        "__init__ | lines",
    ],
    "hosts.gemini_cli": [
        "hook | install | transcript",
        "tools",
        "context",
        "__init__ | lines",
        "code",
    ],
    "hosts.opencode": [
        "hook | install | transcript",
        "context | database | entered",
        "tools",
        "__init__",
        "named",
    ],
    "hosts.pi": [
        "transcript",
        "prompt | tools",
        "__init__ | lines",
    ],
    "counting": [
        "proving",
        "asked | costs",
        "checkpoint | cost | daystore",
        "dayform | sound | workers",
        "days",
        "count",
        "fold | segments",
        "blocks",
        "kinds | tuning",
        "detail",
        "tally",
        "entered",
        "sums",
    ],
    "integrations": [
        "langchain | openai_agents | pydantic_ai",
        "tools",
        "__init__",
    ],
    "log": [
        "repair",
        "blocks | writer",
        "handle | once",
        "check",
        "idindex | lately | naming",
        "archive | cursor",
        "failures | generation | lock | reader",
        "names",
        "opening | recover | spelling",
    ],
    "mcp_server": [
        "server",
        "answers | recording | tools",
        "protocol",
        "rpc",
    ],
    "otlp": [
        "export",
        "marks | sending",
        "attributes",
        "__init__",
    ],
    "render": [
        "page",
        "events | forms | session",
        "record",
        "comparison | cost | fleet",
        "reports",
        "terminal",
        "tables",
        "jsontext | words",
    ],
    "render.page": [
        "__init__",
        "html",
        "sessionview",
        "recordview",
        "view",
        "charts | columns",
        "series",
    ],
    "reports": [
        "making",
        "comparison | fleet | history | session",
        "cost",
        "groups",
        "full",
        "report",
        "fields | tokens",
    ],
    "setup": [
        "change",
        "difference | jsontext | settings | version",
    ],
    "web": [
        "server",
        "app",
        "schema",
        "connections",
        "address | guard | live | parameters",
    ],
}
"""The layers inside each package."""
