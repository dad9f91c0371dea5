"""A function with one caller is worth its name only if it can be read alone: few private ones have only one."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
MAX_FRACTION = 0.15  # 0.03 to 0.08 in starlette, Flask and flax' examples; it was 0.27 here


def private_and_named_once(tree):
    """The private functions of a module that are named in one place of it, and all its functions."""
    names = Counter(
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
    )
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    private = [name for name in functions if name.startswith("_") and not name.startswith("__")]
    return [name for name in private if names[name] == 1], functions


def test_private_functions_with_one_caller_are_found():
    tree = ast.parse("def _once(): _twice()\ndef _twice(): _once()\ndef public(): _twice(); public()\n")
    assert private_and_named_once(tree) == (["_once"], ["_once", "_twice", "public"])


@pytest.mark.parametrize("package", ["models", "training", "optimize", "server"])
def test_few_functions_are_private_helpers_with_one_caller(package):
    once, functions = [], []
    for path in sorted((REPO / package).rglob("*.py")):
        some, every = private_and_named_once(ast.parse(path.read_text()))
        once += [f"{path.relative_to(REPO)}: {name}" for name in some]
        functions += every
    assert len(once) <= MAX_FRACTION * len(functions), "\n".join(once)
