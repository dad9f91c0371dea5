"""Flask, less the work per request that this application has no use for; measured in docs/performance.md.

Every method here is one that Flask documents for overriding, and hands over to Flask's own where there is more to do:
where somebody registers a hook, asks for a host that was not seen yet, or for a path with parts to be parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from flask import Flask, Request, Response, has_request_context, request
from werkzeug.routing import MapAdapter, Rule

MAX_HOSTS = 64  # whose names are remembered, once Flask has found them in order


class LeanFlask(Flask):
    """For an application with few, fixed paths; without sessions, asynchronous views and ``after_this_request``."""

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name)
        self._hosts: dict[tuple[str | None, ...], str] = {}

    @cached_property
    def fixed_paths(self) -> dict[tuple[str, str], Rule]:
        """The rules without variable parts, by method and path; to be asked for when all routes are there."""
        rules = [rule for rule in self.url_map.iter_rules() if not rule.arguments]
        return {(method, rule.rule): rule for rule in rules for method in rule.methods or ()}

    @cached_property
    def _paths(self) -> frozenset[str]:
        return frozenset(path for _, path in self.fixed_paths)

    def route_of(self, path: str) -> str | None:
        """Name a path by its rule, at the end of its request if that has parts to be parsed; None: there is none."""
        if path in self._paths:
            return path
        rule = request.url_rule if has_request_context() else None
        return rule.rule if rule else None

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Find a fixed path by looking it up; a host is parsed once."""
        if request is None or "HTTP_UPGRADE" in request.environ:
            return super().create_url_adapter(request)
        environ = request.environ
        host = tuple(map(environ.get, ("wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT")))
        rule = self.fixed_paths.get((environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")))
        if rule is not None and (server_name := self._hosts.get(host)):
            return _FixedPath(self.url_map, server_name, environ, rule)
        adapter = super().create_url_adapter(request)
        if adapter and len(self._hosts) < MAX_HOSTS:
            self._hosts[host] = adapter.server_name
        return adapter

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """All views are synchronous."""
        return func

    def preprocess_request(self) -> Any:
        """See Flask."""
        return super().preprocess_request() if self.before_request_funcs or self.url_value_preprocessors else None

    def process_response(self, response: Response) -> Response:
        """See Flask."""
        return super().process_response(response) if self.after_request_funcs else response

    def do_teardown_request(self, *args: Any) -> None:
        """See Flask."""
        if self.teardown_request_funcs:
            super().do_teardown_request(*args)


class _FixedPath(MapAdapter):
    def __init__(self, url_map: Any, server_name: str, environ: dict[str, Any], rule: Rule) -> None:
        path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        scheme, method = environ["wsgi.url_scheme"], environ["REQUEST_METHOD"]
        super().__init__(url_map, server_name, environ.get("SCRIPT_NAME", ""), "", scheme, path, method, query)
        self._rule = rule

    def match(self, path_info: str | None = None, *args: Any, **options: Any) -> Any:
        """Give the rule that was looked up."""
        if path_info is not None or args or options != {"return_rule": True}:
            return super().match(path_info, *args, **options)
        return self._rule, {}
