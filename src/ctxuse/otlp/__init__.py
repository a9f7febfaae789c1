"""The log as OpenTelemetry has it: log records of events, metrics of the report, sent by OTLP.

`attributes` says what of an event stands under which name, `marks` how far a log was sent to an
endpoint, `sending` is the only importer of OpenTelemetry's SDK, and `export` brings them together.
"""
