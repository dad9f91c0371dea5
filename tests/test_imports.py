"""The rooms depend on each other in one direction: optimize -> training -> models <- server."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "models": {"models"},
    "training": {"training", "models"},
    "optimize": {"optimize", "training", "models"},
    "server": {"server", "models"},
}
HEAVY = {"tensorflow", "tf_keras", "tensorflow_model_optimization", "matplotlib", "openvino", "onnxruntime"}
NEEDS_TENSORFLOW = "models/network"
IMPORTED_WHEN_ASKED_FOR = {
    f"models/runtime/{name}.py" for name in ("tensorflow", "tensorflow_features", "openvino", "onnxruntime")
}
IMPORTED_WHEN_ASKED_FOR |= {"models/importing/onnx_classifier.py"}
REQUEST_PATH = {"classify.py"}
UNKNOWN_TO_THE_FRONT = ("flask", "werkzeug", "server.engine", "server.api")


def modules(room):
    """The files of a room, as paths below the repository."""
    found = [path.relative_to(REPO) for path in sorted((REPO / room).rglob("*.py"))]
    assert found
    return found


@cache
def imported(path):
    """The dotted names of everything a file imports, modules and what it takes out of them."""
    names = set()
    for node in ast.walk(ast.parse((REPO / path).read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return names


def packages(path):
    return {name.partition(".")[0] for name in imported(path)}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_no_arrow_runs_back(room):
    forbidden = MAY_IMPORT.keys() - MAY_IMPORT[room]
    assert {path: found for path in modules(room) if (found := packages(path) & forbidden)} == {}


@pytest.mark.parametrize("room", ["models", "server"])
def test_serving_modules_import_nothing_heavy(room):
    for path in modules(room):
        if not path.is_relative_to(NEEDS_TENSORFLOW) and path.as_posix() not in IMPORTED_WHEN_ASKED_FOR:
            assert not packages(path) & HEAVY, path
            assert not [name for name in imported(path) if name.startswith(NEEDS_TENSORFLOW.replace("/", "."))], path


def test_the_server_and_the_model_command_load_without_tensorflow():
    code = (
        "import sys, server.api.app, server.__main__, models.__main__, models.runtime\n"
        "assert not {'tensorflow', 'tf_keras', 'matplotlib', 'openvino', 'onnx', 'onnxruntime'} & sys.modules.keys()"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")


def test_the_request_path_and_the_engine_know_no_web_framework():
    for path in modules("server"):
        if path.name in REQUEST_PATH or path.parent.name == "engine":
            assert not packages(path) & {"flask", "werkzeug", "gunicorn"}, path


def test_the_http_front_knows_neither_flask_nor_the_engine():
    for path in (REPO / "server" / "http").glob("*.py"):
        found = {name for name in imported(path) if name.startswith(UNKNOWN_TO_THE_FRONT)}
        assert not found, f"{path.relative_to(REPO)} imports {found}"


def test_the_http_front_loads_neither_flask_nor_the_engine_through_others():
    code = (
        "import sys, server.http.worker\n"
        f"found = sorted(name for name in sys.modules if name.startswith({UNKNOWN_TO_THE_FRONT}))\n"
        "assert not found, found"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")


def test_no_cycle_between_modules():
    files = [path for room in MAY_IMPORT for path in modules(room)]
    names = {path: ".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files}
    graph = {name: imported(path) & set(names.values()) - {name} for path, name in names.items()}
    TopologicalSorter(graph).prepare()  # CycleError names the modules
