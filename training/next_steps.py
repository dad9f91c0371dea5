"""Says at the end of a training what can be done with the model, in the order of what most want first."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from models.this_python import this_python

NEXT = "what to do next:"


def serve_it(repository: Path) -> str:
    """Return the line on how to serve what is published in a repository."""
    return f"  serve it:               make serve OPSIN_REPOSITORY={shlex.quote(str(repository))}"


def next_steps(workdir: Path, repository: Path, *, teaches: bool) -> Iterator[str]:
    """Yield a line for each.

    Args:
        workdir: the run's folder.
        repository: where it was published.
        teaches: True where a ResNet-v2 may be faster than the network of the run.
    """
    run = shlex.quote(str(workdir))
    yield NEXT
    yield serve_it(repository)
    if (workdir / "report.html").exists():
        yield f"  see what went wrong:    open {shlex.quote(str(workdir / 'report.html'))} in a browser"
    yield f"  make it int8, smaller:  make quantize WORKDIR={run}"
    if teaches:
        student = shlex.quote(f"{workdir}-resnet")
        yield f"  teach a ResNet-v2:      {this_python()} -m training teach --teacher {run} --workdir {student}"
    else:
        yield f"  make it faster:         make optimize WORKDIR={run}"
