"""A collector of traces for tests: it takes OTLP over HTTP, and gives the spans of a trace as they came."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from running_server import wait_until

ERROR = 2  # of a span's status (opentelemetry.proto.trace.v1.Status)
SERVER = 2  # of its kind
STAGES = {"read", "decode_queue", "decode", "queue", "batch_wait", "inference", "encode"}
CLIENT = "b7ad6b7169203331"  # the span of whoever asked


@dataclass(frozen=True)
class Received:
    """One span."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    started_ns: int
    ended_ns: int
    status: int
    attributes: dict
    resource: dict


class Collector:
    """Listens on a free port; `status` is what it answers with, and while `may_answer` is cleared it does not."""

    def __init__(self, status=200):
        self.spans = []
        self.headers = []
        self.status = status
        self.may_answer = threading.Event()
        self.may_answer.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                collector.take(self)

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self.may_answer.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.may_answer.wait()
        if self.status == 200:
            assert handler.path == "/v1/traces"
            self.headers.append(dict(handler.headers))
            self.spans += spans_of(ExportTraceServiceRequest.FromString(body))
        with contextlib.suppress(OSError):  # the client has not waited
            handler.send_response(self.status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

    def trace(self, trace_id):
        """The spans of a trace, once its server's has come, in the order in which they began."""
        wait_until(lambda: any(span.trace_id == trace_id and span.kind == SERVER for span in self.spans))
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.started_ns)


def spans_of(request):
    for resource_spans in request.resource_spans:
        resource = values_of(resource_spans.resource.attributes)
        for scope in resource_spans.scope_spans:
            for span in scope.spans:
                yield Received(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    kind=span.kind,
                    started_ns=span.start_time_unix_nano,
                    ended_ns=span.end_time_unix_nano,
                    status=span.status.code,
                    attributes=values_of(span.attributes),
                    resource=resource,
                )


def values_of(attributes):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}


def exporting_to(url):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "50"}


def in_trace(trace_id):
    return {"traceparent": f"00-{trace_id}-{CLIENT}-01"}


def named(spans, name):
    return [span for span in spans if span.name == name]


def only(spans, name):
    (span,) = named(spans, name)
    return span
