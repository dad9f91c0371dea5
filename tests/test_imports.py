"""The rooms depend on each other in one direction: optimize -> training -> models <- server."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "models": {"models"},
    "training": {"training", "models"},
    "optimize": {"optimize", "training", "models"},
    "server": {"server", "models"},
}
HEAVY = {"tensorflow", "tf_keras", "tensorflow_model_optimization", "matplotlib", "openvino"}
NEEDS_TENSORFLOW = "models/network"
IMPORTED_WHEN_ASKED_FOR = {"models/runtime/tensorflow.py", "models/runtime/openvino.py"}
REQUEST_PATH = {"classify.py"}


def modules(room: str) -> list[Path]:
    return sorted((REPO / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level names of everything a file imports, and the dotted names of what it imports of ours."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path.name} imports relatively"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def top_level(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_no_arrow_runs_back(room):
    assert modules(room)
    for path in modules(room):
        forbidden = (top_level(imported(path)) & MAY_IMPORT.keys()) - MAY_IMPORT[room]
        assert not forbidden, f"{path.relative_to(REPO)} imports {forbidden}"


@pytest.mark.parametrize("room", ["models", "server"])
def test_serving_modules_import_nothing_heavy(room):
    for path in modules(room):
        name = path.relative_to(REPO).as_posix()
        if name.startswith(NEEDS_TENSORFLOW) or name in IMPORTED_WHEN_ASKED_FOR:
            continue
        names = imported(path)
        assert not top_level(names) & HEAVY, f"{name} imports {top_level(names) & HEAVY}"
        indirect = {found for found in names if found.startswith(NEEDS_TENSORFLOW.replace("/", "."))}
        assert not indirect, f"{name} imports {indirect}"


def test_the_server_and_the_model_command_load_without_tensorflow():
    code = (
        "import sys, server.api.app, server.__main__, models.__main__, models.runtime\n"
        "assert not {'tensorflow', 'tf_keras', 'matplotlib', 'openvino'} & sys.modules.keys()"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")


def test_the_request_path_and_the_engine_know_no_web_framework():
    for path in modules("server"):
        if path.name in REQUEST_PATH or path.parent.name == "engine":
            found = top_level(imported(path)) & {"flask", "werkzeug", "gunicorn"}
            assert not found, f"{path.relative_to(REPO)} imports {found}"


def test_no_cycle_between_modules():
    names = {
        path: path.relative_to(REPO).with_suffix("").as_posix().replace("/", ".")
        for room in MAY_IMPORT
        for path in modules(room)
    }
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    graph = {name: imported(path) & set(names.values()) - {name} for path, name in names.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for dependency in graph[name]:
                visit(dependency, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())
