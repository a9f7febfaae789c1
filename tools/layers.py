"""Which module may import which: the one list of layers.

A test holds the code to it, and `make_layers.py` draws it in ARCHITECTURE.md. A layer is the names
of its modules, joined by ``|``; layers stand from the top down. A module imports only from layers
below its own, never from a neighbour. A package stands for all that is in it, and has layers of its
own inside, where its ``__init__`` stands too, if it imports something or is imported from inside.
"""

LAYERS = {
    "__main__": "`python -m ctxuse`",
    "cli": "front end: parses words, calls workspace, prints what render made",
    "doctor | hook | importing | setup": "is it alive? | what a hook calls | the past | settings",
    "fleet | hosts | mcp_server | web": "many workspaces | agents | MCP clients | the live page",
    "render": "report → text, JSON, CSV, Markdown, a page. Pure functions to strings",
    "workspace": "the one object a user of the library holds",
    "context | marker": "the ways into a context, each recording it | making a workspace",
    "comparison | fleetreport | parts": "two windows | many workspaces | parts of the log",
    "groups": "the fuller report by day, host, source …",
    "fullreport": "the fuller figures, by record",
    "log | places | records | report": "on disk | which record a path is | files | figures",
    "fuller": "the second tally, of fuller figures",
    "codec | tally": "one event ⇄ one line | what is counted, and how counts merge",
    "events | layout | windows": "value types | where things are | stretches of time",
    "zones": "which day a moment falls on",
    "errors | ids | times": "say what went wrong | make ids | read clocks",
    "files | processes | progress | visible": "need nothing of ours",
}
"""The layers of the package, and what they are. Its own ``__init__`` stands outside: it loads names
on first use."""

INSIDE = {
    "cli": [
        "main",
        (
            "archive | check | completion | diff | doctor | events | fleet | import_ | init | mcp"
            " | record | repair | report | serve | setup | show"
        ),
        "common | lazy",
        "__init__",
    ],
    "cli.fleet": [
        "collect | export | report",
        "options",
    ],
    "codec": [
        "batch",
        "decode | encode",
        "__init__",
    ],
    "context": [
        "segment",
        "catalog | search",
        "frontmatter | given | references",
    ],
    "fleet": [
        "collect | export | reporting",
        "running",
        "cluster",
        "work",
        "copying | counting | parquet",
        "jobs",
        "repeats",
        "discovery | opening | target",
        "store | wire",
        "pieces | source",
    ],
    "hosts": [
        "claude_code | codex",
        "shell",
        "session | skills | transcripts",
        "__init__",
        "installation | payload | shellwords",
    ],
    "hosts.claude_code": [
        "hook | install | transcript",
        "listing",
        "__init__",
    ],
    "hosts.codex": [
        "hook | install | transcript",
        "__init__",
    ],
    "log": [
        "proof",
        "full",
        "repair | whole",
        "checkpoint | window | writer",
        "handle | once | parallel",
        "check | kept",
        "count | follow | fullbatches | idindex",
        "archive | batches | progress",
        "lock | marks | reader",
        "archives | place | recover | stored",
    ],
    "mcp_server": [
        "server",
        "answers | caller",
    ],
    "render": [
        "fleet",
        "page",
        "comparison | full | groups | record",
        "markdown | table",
        "jsontext | sheet | words",
    ],
    "render.page": [
        "__init__",
        "html",
        "recordview",
        "view",
        "charts | columns",
        "series",
    ],
    "setup": [
        "change",
        "jsontext | settings",
    ],
    "web": [
        "server",
        "app",
        "schema",
        "asked | door | guard | live",
    ],
}
"""The layers inside each package."""
