"""Sends a trace of each request to an OpenTelemetry collector, with a span for each stage, where it is asked to.

`settings` reads OpenTelemetry's own `variables`, with which it is off unless a collector is named. `stages` keeps the
times of one request, which the processes that did the work took; `request_traces` and `server_span` make spans of them
once the request has been answered; `export` sends those. Those three alone import OpenTelemetry, and nothing imports
them while this is off.
"""
