"""What is used of gunicorn without its documentation promising it: each name as it must be in the gunicorn here."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import signal
from pathlib import Path

import pytest
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config

SERVER = Path(__file__).resolve().parents[2] / "server"
INTERNALS = SERVER / "gunicorn_internals"
REQUEST, WORKER, ARBITER = "gunicorn.http.message.Request", "gunicorn.workers.base.Worker", "gunicorn.arbiter.Arbiter"

# Functions that are called or overridden, with their parameters.
FUNCTIONS = {
    f"{REQUEST}.__init__": "(self, cfg, unreader, peer_addr, req_number=1)",
    f"{REQUEST}.set_body_reader": "(self)",
    f"{REQUEST}.parse_headers": "(self, data, from_trailer=False)",
    f"{REQUEST}.should_close": "(self)",
    f"{REQUEST}._peer_is_trusted_proxy": "(self)",
    "gunicorn.http.message._ip_in_allow_list": "(ip_str, allow_list, networks)",
    f"{REQUEST}.force_close": "(self)",
    f"{WORKER}.init_signals": "(self)",
    f"{WORKER}.handle_quit": "(self, sig, frame)",
    f"{WORKER}.notify": "(self)",
    f"{WORKER}.run": "(self)",
    f"{ARBITER}.__init__": "(self, app)",
    f"{ARBITER}.run": "(self)",
    f"{ARBITER}.start": "(self)",
    f"{ARBITER}.stop": "(self, graceful=True)",
    f"{ARBITER}.handle_int": "(self)",
    f"{ARBITER}.handle_term": "(self)",
    f"{ARBITER}.handle_hup": "(self)",
    f"{ARBITER}.handle_ttin": "(self)",
    f"{ARBITER}.handle_ttou": "(self)",
    f"{ARBITER}.handle_usr2": "(self)",
    f"{ARBITER}.manage_workers": "(self)",
    f"{ARBITER}.spawn_worker": "(self)",
    f"{ARBITER}.reap_workers": "(self)",
    f"{ARBITER}.murder_workers": "(self)",
    "gunicorn.errors.HaltServer.__init__": "(self, reason, exit_status=1)",
}
# Other names, and their types.
VALUES = {
    f"{ARBITER}.LISTENERS": list,
    f"{ARBITER}.WORKERS": dict,
    f"{ARBITER}.WORKER_BOOT_ERROR": int,
    f"{ARBITER}.num_workers": property,
    f"{WORKER}.PIPE": list,
    "gunicorn.http.body.CHUNK_EXT_RE": re.Pattern,
    "gunicorn.http.body.ChunkedReader": type,
    "gunicorn.http.errors.ParseException": type,
    "gunicorn.http.errors.LimitRequestLine": type,
    "gunicorn.http.errors.LimitRequestHeaders": type,
    "gunicorn.http.errors.UnsupportedTransferCoding": type,
    "gunicorn.http.errors.ExpectationFailed": type,
    "gunicorn.config.Config.is_ssl": property,
}
# What a worker has from its __init__ on.
OF_A_WORKER = ("alive", "app", "cfg", "log", "ppid", "sockets", "tmp")
# What a request has once its head has been parsed; the private one too.
OF_A_REQUEST = {
    "method": "POST",
    "uri": "/a?b=c",
    "path": "/a",
    "query": "b=c",
    "version": (1, 1),
    "scheme": "http",
    "headers": [("HOST", "x"), ("CONTENT-LENGTH", "3"), ("EXPECT", "100-continue")],
    "_expected_100_continue": True,
    "must_close": False,
    "peer_addr": ("127.0.0.1", 1),
}
HEAD = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"


def found(name):
    """What stands in gunicorn under a dotted name."""
    module, *attributes = name.split(".")
    value = importlib.import_module(module)
    for attribute in attributes:
        module = f"{module}.{attribute}"
        if not hasattr(value, attribute):
            importlib.import_module(module)
        value = getattr(value, attribute)
    return value


def internals(name):
    """Import a module of ours late, so that the tests of single names run where one that it imports is not there."""
    return importlib.import_module(f"server.gunicorn_internals.{name}")


@pytest.fixture
def settings():
    return internals("request").plain_settings(Config())


@pytest.fixture
def parse(settings):
    return lambda head: internals("request").parse_request(head, settings, ("127.0.0.1", 1), 1)


@pytest.fixture
def master():
    return object.__new__(internals("processes").MasterProcess)


@pytest.mark.parametrize(("name", "parameters"), FUNCTIONS.items(), ids=FUNCTIONS)
def test_function_takes_what_it_is_given(name, parameters):
    assert str(inspect.signature(found(name))) == parameters


@pytest.mark.parametrize(("name", "kind"), VALUES.items(), ids=VALUES)
def test_value_is_of_its_type(name, kind):
    assert isinstance(found(name), kind)


@pytest.mark.parametrize("name", OF_A_WORKER)
def test_worker_has(name):
    assert re.search(rf"\bself\.{name} = ", inspect.getsource(found(WORKER).__init__))


@pytest.mark.parametrize("name", OF_A_REQUEST)
def test_request_has(parse, name):
    request, _ = parse(HEAD)
    assert getattr(request, name) == OF_A_REQUEST[name]


@pytest.mark.parametrize(
    ("line", "num_bytes"), [(b"Content-Length: 3", 3), (b"Transfer-Encoding: chunked", None), (b"Accept: a", 0)]
)
def test_reader_of_a_body_says_how_long_it_is(parse, line, num_bytes):
    request, rest = parse(b"POST / HTTP/1.1\r\n" + line + b"\r\n\r\nabc")
    assert (request.num_body_bytes, rest) == (num_bytes, b"abc")


def test_parser_asks_for_no_setting_but_those_that_are_copied(settings):
    known = set(vars(settings))
    asked = set(re.findall(r"\bcfg\.(\w+)", inspect.getsource(found("gunicorn.http.message"))))
    of_proxies = {"proxy_allow_networks"}  # asked for where proxy_protocol is on, which it is not
    assert asked - known - of_proxies == set()
    assert settings.proxy_protocol == "off"
    assert callable(settings.forwarded_allow_networks)


def names_used(module):
    """Those that a module of ours imports, those that its classes override, and those that they ask of themselves."""
    used = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("gunicorn"):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ClassDef):
            kind = getattr(module, node.name)
            if kind.__bases__ == (object,):
                continue
            own = set(vars(kind)) | set(inspect.get_annotations(kind))
            theirs = {name for base in kind.__mro__[1:-1] for name in vars(base)}
            used |= {name for name in vars(kind) if name in theirs and not name.startswith("__")}
            asked = {(n.value, n.attr) for n in ast.walk(node) if isinstance(n, ast.Attribute)}
            for value, name in asked:
                is_super = isinstance(value, ast.Call) and getattr(value.func, "id", "") == "super"
                if is_super or (getattr(value, "id", "") == "self" and name not in own):
                    used.add(name)
    return used


def test_every_name_of_gunicorn_that_is_used_stands_here():
    listed = {name.rpartition(".")[2] for name in (*FUNCTIONS, *VALUES)} | {*OF_A_WORKER, *OF_A_REQUEST, "body"}
    listed |= {"Arbiter", "HaltServer", "Request", "Worker"}
    modules = [internals(path.stem) for path in INTERNALS.glob("[!_]*.py")]
    assert len(modules) == 2
    used = set().union(*map(names_used, modules))
    stored = {
        "_min_workers",
        "_max_workers",
        "_class_of_next",
        "_check_children",
        "_stop_children",
        "worker_class",
        "__init__",
        "__dict__",
    }  # by the classes themselves, and of every object
    assert used - listed - stored == set()


def test_class_of_the_next_worker_is_read_whenever_one_is_forked():
    assert "self.worker_class(self.worker_age, self.pid," in inspect.getsource(Arbiter.spawn_worker)


def test_nothing_else_in_the_server_imports_gunicorn():
    for path in SERVER.rglob("*.py"):
        if path.parent == INTERNALS:
            continue
        tree = ast.parse(path.read_text())
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        undocumented = {name for name in modules if name.split(".")[0] == "gunicorn"} - {"gunicorn.app.base"}
        assert not undocumented, f"{path.name} imports {undocumented}"


def test_workers_are_forked_with_all_signals_held_back_that_they_ignore_or_handle_otherwise(monkeypatch, master):
    worker_class = internals("processes").WorkerProcess
    master._class_of_next = lambda _master: worker_class
    monkeypatch.setattr(Arbiter, "spawn_worker", lambda _self: signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    held = master.spawn_worker()
    assert held - before == {signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    assert master.worker_class is worker_class


@pytest.mark.parametrize(("number", "left"), [(3, 2), (2, 2)])
def test_there_are_never_fewer_workers_than_there_should_always_be(monkeypatch, master, number, left):
    master._min_workers, master._num_workers = 2, number
    master.cfg = Config()
    monkeypatch.setattr(master, "manage_workers", lambda: None)
    master.handle_ttou()
    assert master._num_workers == left
