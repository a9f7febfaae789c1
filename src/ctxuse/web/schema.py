"""What the JSON API answers, as OpenAPI 3.1. Its fields are those that reports are written by."""

from zoneinfo import available_timezones

from ctxuse import __version__
from ctxuse.query import BY
from ctxuse.reports.cost import COST_FIELDS
from ctxuse.reports.fields import TEXT, Schema, described, plain, ref
from ctxuse.reports.full import (
    CONTEXT_FIELDS,
    FULL_EVIDENCE_FIELDS,
    FULL_RECORD_FIELDS,
    FULL_REPORT_FIELDS,
)
from ctxuse.reports.groups import COUNT_FIELDS, GROUP_FIELDS, GROUPED_FIELDS
from ctxuse.reports.history import HISTORY_FIELDS
from ctxuse.reports.session import SESSION_FIELDS
from ctxuse.web.parameters import LONGEST, MOST

_SCHEMAS: Schema = {
    "Problem": plain({"error": TEXT}),
    "Version": plain({"version": TEXT}),
    "Counts": described(COUNT_FIELDS),
    "Context": described(CONTEXT_FIELDS),
    "Evidence": described(FULL_EVIDENCE_FIELDS),
    "Record": described(FULL_RECORD_FIELDS),
    "Report": described(FULL_REPORT_FIELDS),
    "RecordOverTime": described(HISTORY_FIELDS),
    "Groups": described(GROUPED_FIELDS),
    "Group": described(GROUP_FIELDS),
    "Cost": described(COST_FIELDS),
    "Session": described(SESSION_FIELDS),
}


def _parameter(name: str, schema: Schema, said: str, *, required: bool = False) -> Schema:
    return {
        "name": name,
        "in": "query",
        "description": said,
        "required": required,
        "schema": schema,
    }


_MOMENT: Schema = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "date"},
        {"type": "string", "pattern": "^[0-9]{1,4}[hdw]$"},
    ]
}

_NAME: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST,
    "pattern": "^[^\\u0000]+$",
}


def _counting() -> list[Schema]:
    names = {"type": "array", "items": _NAME, "maxItems": MOST}
    zones = sorted({*available_timezones(), "UTC", "local"})
    return [
        _parameter("since", _MOMENT, "Only events from this time on."),
        _parameter("until", _MOMENT, "Only events before this time."),
        _parameter("tz", {"type": "string", "enum": zones}, "Where dates and days are taken."),
        _parameter("actor", names, "Only uses by these; all exposures."),
        _parameter("without", names, "No uses by these."),
    ]


def _answers(name: str) -> Schema:
    def said(text: str, media: str, schema: Schema) -> Schema:
        return {"description": text, "content": {media: {"schema": schema}}}

    return {
        "200": said("What was asked for.", "application/json", ref(name)),
        "400": said("What was asked for cannot be.", "application/json", ref("Problem")),
        "404": said("There is no such session.", "application/json", ref("Problem")),
        "403": said("The address lacks its token.", "text/plain", TEXT),
        "405": said("Only GET.", "text/plain", TEXT),
        "414": said("The address is too long.", "text/plain", TEXT),
        "503": said("The log cannot be read, or too many ask.", "application/json", ref("Problem")),
    }


def _get(name: str, said: str, parameters: list[Schema]) -> Schema:
    return {"get": {"summary": said, "parameters": parameters, "responses": _answers(name)}}


def document() -> Schema:
    """Return the whole description; its addresses are relative to where it lies."""
    counting = _counting()
    kind = _parameter("kind", _NAME, "The record's kind.", required=True)
    slug = _parameter("slug", _NAME, "The record's slug.", required=True)
    said = "Its id, or how that begins."
    segment = _parameter("segment", _NAME, said, required=True)
    by = _parameter("by", {"enum": [*BY]}, "What to group by; days by default.")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ctxuse",
            "version": __version__,
            "description": "Which records entered an agent's context, and what that took."
            " Evidence, never verdicts: null is unknown, which is not zero.",
        },
        "servers": [{"url": "."}],
        "paths": {
            "/report": _get("Report", "Every record that is in an event.", counting),
            "/record": _get("RecordOverTime", "One record over time.", [kind, slug, *counting]),
            "/groups": _get("Groups", "By day, host, source ….", [by, *counting]),
            "/cost": _get(
                "Cost",
                "What requests took in, and how much of it is of which record.",
                counting[:3],
            ),
            "/session": _get("Session", "One session, request by request.", [segment]),
            "/version": _get("Version", "Another text when the log has changed.", []),
        },
        "components": {"schemas": _SCHEMAS},
    }
