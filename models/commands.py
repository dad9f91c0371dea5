"""The commands of `python -m models`, of which each prints and returns the exit status."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from models.examples.index import FOLDER
from models.findings import Finding, find_versions
from models.plural import how_many
from models.portable.completed import completed
from models.portable.export import export_files
from models.portable.golden import GOLDEN_FILE
from models.portable.verify import Verdict, answering_file, verify_file
from models.report import details, size, table
from models.store.artifact import Artifact, read_artifact
from models.store.examples import Examples
from models.store.reference import ModelReference
from models.store.repository import Repository
from models.this_python import this_python

OK, FAULTY = 0, 1


def list_models(repository: Repository, *, as_json: bool) -> int:
    """Print one line for each version, without reading the models themselves."""
    findings = list(find_versions(repository, None, verify=False))
    if as_json:
        _print_json([finding.to_dict() for finding in findings])
    elif findings:
        header = ("NAME", "VERSION", "STABLE", "ARCHITECTURE", "PRECISION", "SIZE", "ACCURACY")
        print(table(header, [finding.row() for finding in findings if finding.version is not None]))
    else:
        _note(f"there are no models in {repository.root}")
    return _report_faults(findings)


def inspect(repository: Repository, target: ModelReference, *, as_json: bool) -> int:
    """Print everything about one version, the stable one by default, once its files are verified."""
    artifact = repository.load(target.name, target.version)
    is_stable = repository.stable_version(target.name) == artifact.manifest.version
    if as_json:
        record = {"path": str(artifact.path), "is_stable": is_stable, "size_bytes": artifact.size_bytes}
        _print_json(record | {"manifest": artifact.manifest.to_dict()})
    else:
        print(details(artifact, is_stable=is_stable))
    return OK


def verify(
    repository: Repository, target: ModelReference | None, *, golden: Path | None, answers: Path | None, as_json: bool
) -> int:
    """Compare every file with its sha256, and print a line for each version, also after a bad one.

    Where `target` names a model, its golden answers are compared too, or `answers`, made elsewhere, with those of its
    stable version.
    """
    if target is not None and answers is not None:
        artifact = repository.load(target.name, target.version)
        return print_verdicts(verify_file(answering_file(artifact), golden, answers), as_json=as_json)
    findings, verdicts = [], []
    for finding in find_versions(repository, target, verify=True):
        findings.append(finding)
        if not as_json:
            if finding.artifact is None:
                print(f"CORRUPT  {finding.fault}", flush=True)
                continue
            num_files = len(finding.artifact.manifest.files)
            files = f"{how_many(num_files, 'file')}, {size(finding.artifact.size_bytes)}"
            print(f"ok       model {finding.name!r} version {finding.version} ({files})", flush=True)
        if target is not None and finding.artifact and GOLDEN_FILE in finding.artifact.manifest.files:
            found = verify_file(answering_file(finding.artifact), golden)
            verdicts += found
            if not as_json:
                print_verdicts(found, as_json=False)
    if as_json:
        records = [finding.to_dict() for finding in findings]
        _print_json(records if not verdicts else {"versions": records, "golden": [each.to_dict() for each in verdicts]})
    elif not findings:
        _note(f"there are no models in {repository.root}")
    return _report_faults(findings) or (FAULTY if any(verdict.parts_at for verdict in verdicts) else OK)


def print_verdicts(verdicts: Sequence[Verdict], *, as_json: bool) -> int:
    """Print how answers compare with the golden ones."""
    if as_json:
        _print_json([verdict.to_dict() for verdict in verdicts])
    else:
        for verdict in verdicts:
            print(verdict, flush=True)
    return FAULTY if any(verdict.parts_at for verdict in verdicts) else OK


def export(repository: Repository, target: ModelReference, folder: Path, *, with_onnx: bool, as_json: bool) -> int:
    """Write the model file of a version, its golden answers and the golden pictures into a folder."""
    files = export_files(repository.load(target.name, target.version), folder, with_onnx=with_onnx)
    if as_json:
        _print_json([str(file) for file in files])
    else:
        check = f"{this_python()} -m models verify {shlex.quote(str(files[0]))} --answers answers.json"
        print(f"wrote {how_many(len(files), 'file')} to {folder}; compare answers made elsewhere by `{check}`")
    return OK


def publish(
    repository: Repository,
    source: Path,
    *,
    name: str | None,
    onnx_precision: Literal["own", "float32"] | None,
    test: Path | None,
    as_json: bool,
) -> int:
    """Copy an artifact, once its files are verified, into the repository as the next version of its model.

    With an `onnx_precision` it has an ONNX file then, with its figures, to which test photos belong if there are any.
    """
    manifest = read_artifact(source).manifest
    if name is not None:
        manifest = replace(manifest, name=name)
    with ExitStack() as ends:
        files = ends.enter_context(completed(manifest, {path: source / path for path in manifest.files}))
        if onnx_precision:
            from models.portable.onnx_version import with_onnx  # with LiteRT, which nothing else here needs

            is_float32 = onnx_precision == "float32"
            manifest, files = ends.enter_context(with_onnx(manifest, files, test=test, is_float32=is_float32))
        artifact = repository.publish(manifest, files)
    published = artifact.manifest
    if as_json:
        _print_json({"name": published.name, "version": published.version, "path": str(artifact.path)})
    else:
        print(f"published model {published.name} version {published.version} in {repository.root}; it is now stable")
    return OK


def index(repository: Repository, target: ModelReference, args: Namespace) -> int:
    """Publish a version anew, with some of its training pictures and their features beside it."""
    from models.examples.make import make_index  # with LiteRT, which nothing else here needs

    artifact = repository.load(target.name, target.version)
    manifest = artifact.manifest
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        num_images = make_index(artifact, args.data, folder, per_class=args.per_class)
        examples = Examples(num_images, args.licence, args.may_be_shown)
        kept = {path: artifact.path / path for path in manifest.files if not path.startswith(f"{FOLDER}/")}
        files = {**kept, **{f"{FOLDER}/{file.name}": file for file in folder.iterdir()}}
        published = repository.publish(replace(manifest, examples=examples), files).manifest
    if args.json:
        _print_json({"name": published.name, "version": published.version, "num_images": num_images})
    else:
        shown = "which a server shows to whoever asks" if args.may_be_shown else "which no server shows"
        print(f"published {published.reference} with {how_many(num_images, 'picture')}, {shown}; it is now stable")
    return OK


def promote(repository: Repository, target: ModelReference, *, why: str, as_json: bool) -> int:
    """Make a version, once its files are verified, the one that is served."""
    assert target.version is not None  # noqa: S101 - the parser sees to it
    return _print_stable(repository, repository.promote(target.name, target.version, why=why), as_json=as_json)


def rollback(repository: Repository, name: str, *, why: str, as_json: bool) -> int:
    """End the canary of a model, or else make the version stable again that was so before."""
    before = repository.stable_version(name)
    artifact = repository.rollback(name, why=why)
    if artifact.manifest.version == before and not as_json:
        print(f"the canary has ended: version {before} of model {name} gets all requests")
        return OK
    return _print_stable(repository, artifact, as_json=as_json)


def retire(repository: Repository, target: ModelReference, *, why: str, as_json: bool) -> int:
    """Remove a version that is not the stable one."""
    assert target.version is not None  # noqa: S101 - the parser sees to it
    repository.retire(target.name, target.version, why=why)
    if as_json:
        _print_json({"name": target.name, "version": target.version})
    else:
        print(f"version {target.version} of model {target.name} is no more in {repository.root}")
    return OK


def history(repository: Repository, name: str, *, as_json: bool) -> int:
    """Print what was done to a model, when, by whom and why, the newest last."""
    changes = repository.history(name)
    if as_json:
        _print_json([asdict(change) for change in changes])
    elif changes:
        header = ("AT", "BY", "WHAT", "VERSION", "STABLE", "WHY")
        rows = [(each.at, each.by, str(each), str(each.version), str(each.stable), each.why) for each in changes]
        print(table(header, rows))
    else:
        _note(f"nothing is recorded of model {name}")
    return OK


def _print_stable(repository: Repository, artifact: Artifact, *, as_json: bool) -> int:
    stable = artifact.manifest
    if as_json:
        _print_json({"name": stable.name, "version": stable.version})
    else:
        print(f"version {stable.version} of model {stable.name} is now stable in {repository.root}")
    return OK


def _report_faults(findings: list[Finding]) -> int:
    faults = [finding.fault for finding in findings if finding.fault is not None]
    if not faults:
        return OK
    others = f" (and {len(faults) - 1} more; `{this_python()} -m models verify` prints all)" if len(faults) > 1 else ""
    _note(f"{faults[0]}{others}")
    return FAULTY


def _note(text: str) -> None:
    sys.stdout.flush()
    print(f"python -m models: {text}", file=sys.stderr)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
