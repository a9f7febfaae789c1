"""What the JSON API answers, as OpenAPI 3.1. The fields are those of docs/format.md §6."""

from typing import Any
from zoneinfo import available_timezones

from ctxuse import __version__
from ctxuse.reports.groups import BY
from ctxuse.web.parameters import LONGEST, MOST

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL: Schema = {"type": ["integer", "null"], "minimum": 0}
_BOOLEAN_OR_NULL: Schema = {"type": ["boolean", "null"]}
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3,9})?Z$"
_TIME_OR_NULL: Schema = {"type": ["string", "null"], "pattern": _TIME}
_DAY: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_COUNTS_BY_NAME: Schema = {"type": "object", "additionalProperties": _COUNT}


def _object(properties: Schema, *, optional: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_COUNT_FIELDS: Schema = {
    "use_count": _COUNT,
    "resident_exposure_count": _COUNT,
    "exposed_tokens_recorded": _COUNT_OR_NULL,
    "exposures_of_unknown_size": _COUNT,
}

_SCHEMAS: Schema = {
    "Problem": _object({"error": _TEXT}),
    "Version": _object({"version": _TEXT}),
    "Counts": _object(_COUNT_FIELDS),
    "Context": _object(
        {
            "times": _COUNT,
            "times_known": _COUNT,
            "bytes": _COUNT_OR_NULL,
            "tokens": {
                "type": "object",
                "additionalProperties": _object({"times_known": _COUNT, "tokens": _COUNT}),
            },
        }
    ),
    "Evidence": _object(
        {
            "events": _COUNT,
            "since": _TIME_OR_NULL,
            "until": _TIME_OR_NULL,
            "log_since": _TIME_OR_NULL,
            "segments": _COUNT_OR_NULL,
            "lines_not_counted": _COUNT,
            "window": _object({"since": _TIME_OR_NULL, "until": _TIME_OR_NULL}),
            "actors": _or_null(_list(_TEXT)),
            "without_actors": _list(_TEXT),
            "events_outside": _COUNT,
            "time_zone": _TEXT,
            "sources": _list(_TEXT),
            "hosts": _list(_TEXT),
        }
    ),
    "Record": _object(
        {
            "kind": _TEXT,
            "slug": _TEXT,
            "use_count": _COUNT,
            "last_used_at": _TIME_OR_NULL,
            "source_breakdown": _COUNTS_BY_NAME,
            "resident_exposure_count": _COUNT,
            "estimated_tokens_per_injection": _COUNT,
            "estimated_total_resident_exposure_tokens": _COUNT,
            "first_seen_at": {"type": "string", "pattern": _TIME},
            "last_exposed_at": _TIME_OR_NULL,
            "segments_used_in": _COUNT_OR_NULL,
            "segments_exposed_in": _COUNT_OR_NULL,
            "exposed_tokens_recorded": _COUNT_OR_NULL,
            "exposures_of_unknown_size": _COUNT,
            "used_context": _ref("Context"),
            "exposed_context": _ref("Context"),
            "hosts": _COUNTS_BY_NAME,
            "actors": _COUNTS_BY_NAME,
            "size_now_bytes": _COUNT_OR_NULL,
            "gone": _BOOLEAN_OR_NULL,
        }
    ),
    "Report": _object({"evidence": _ref("Evidence"), "records": _list(_ref("Record"))}),
    "RecordOverTime": _object(
        {
            "kind": _TEXT,
            "slug": _TEXT,
            "evidence": _ref("Evidence"),
            "record": _or_null(_ref("Record")),
            "days": {"type": "object", "additionalProperties": _ref("Counts")},
            "sources": {"type": "object", "additionalProperties": _ref("Counts")},
            "sizes": _list(_object({"day": _DAY, "bytes": _COUNT})),
            "last_uses": _list(
                _object(
                    {
                        "at": {"type": "string", "pattern": _TIME},
                        "source": _TEXT,
                        "segment_id": _TEXT,
                        "host": {"type": ["string", "null"]},
                        "actor": {"type": ["string", "null"]},
                        "context_bytes": _COUNT_OR_NULL,
                    }
                )
            ),
            "size_now_bytes": _COUNT_OR_NULL,
            "gone": _BOOLEAN_OR_NULL,
        }
    ),
    "Groups": _object(
        {
            "evidence": _ref("Evidence"),
            "by": {"enum": [*BY]},
            "groups": _list(_ref("Group")),
        }
    ),
    "Group": _object(
        {
            "name": _TEXT,
            "host": {"type": ["string", "null"]},
            "began_at": {"type": "string", "pattern": _TIME},
            "ended_at": {"type": "string", "pattern": _TIME},
            "records_used": _COUNT,
            "records_exposed": _COUNT,
            **_COUNT_FIELDS,
            "records": _list(_object({"kind": _TEXT, "slug": _TEXT, **_COUNT_FIELDS})),
        },
        optional=("host", "began_at", "ended_at"),
    ),
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
        "200": said("What was asked for.", "application/json", _ref(name)),
        "400": said("What was asked for cannot be.", "application/json", _ref("Problem")),
        "403": said("The address lacks its token.", "text/plain", _TEXT),
        "405": said("Only GET.", "text/plain", _TEXT),
        "414": said("The address is too long.", "text/plain", _TEXT),
        "503": said(
            "The log cannot be read, or too many ask.", "application/json", _ref("Problem")
        ),
    }


def _get(name: str, said: str, parameters: list[Schema]) -> Schema:
    return {"get": {"summary": said, "parameters": parameters, "responses": _answers(name)}}


def document() -> Schema:
    """Return the whole description; its addresses are relative to where it lies."""
    counting = _counting()
    kind = _parameter("kind", _NAME, "The record's kind.", required=True)
    slug = _parameter("slug", _NAME, "The record's slug.", required=True)
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
            "/version": _get("Version", "Another text when the log has changed.", []),
        },
        "components": {"schemas": _SCHEMAS},
    }
