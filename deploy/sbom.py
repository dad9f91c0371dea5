"""Writes a software bill of materials (CycloneDX 1.6, JSON) of what a lock file installs.

``python deploy/sbom.py requirements/serve.txt > serve.cdx.json``, or ``make sbom`` for all of them. It takes Python
alone: packages, versions, hashes and who asks for them are in the lock file. The same file gives the same document.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
NAMESPACE = uuid.UUID("4a1de5a2-0d5c-4c52-9d0a-6b4b7f7d9f43")  # of our documents' serial numbers
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VIA = re.compile(r"^    #(?: via)? +(-r )?([a-zA-Z0-9._-]\S*)$")  # a constraint, -c, asks for nothing


def read_lock(text: str) -> list[dict[str, Any]]:
    """List the packages of a lock file: name, version, marker, hashes, and who asks for it, packages or we."""
    packages: list[dict[str, Any]] = []
    for line in text.splitlines():
        if pinned := PINNED.match(line):
            name, version, marker = pinned.groups()
            packages.append({"name": name.lower(), "version": version, "marker": marker, "hashes": [], "via": []})
            packages[-1]["is_direct"] = False
        elif found := HASH.search(line):
            packages[-1]["hashes"].append(found[1])
        elif (asks := VIA.match(line)) and asks[1]:
            packages[-1]["is_direct"] = True
        elif asks:
            packages[-1]["via"].append(asks[2].lower())
    return packages


def component(package: dict[str, Any]) -> dict[str, Any]:
    """Write a package as CycloneDX does; its files differ by platform, so their hashes stand with its distributions."""
    name, version = package["name"], package["version"]
    url = f"pkg:pypi/{name.replace('_', '-')}@{version}"
    described: dict[str, Any] = {"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url}
    described["externalReferences"] = [
        {"type": "distribution", "url": url, "hashes": [{"alg": "SHA-256", "content": digest}]}
        for digest in sorted(package["hashes"])
    ]
    if package["marker"]:
        described["properties"] = [{"name": "opsin:environment-marker", "value": package["marker"]}]
    return described


def bill_of_materials(text: str, purpose: str, version: str) -> dict[str, Any]:
    """Describe what a lock file installs."""
    packages = read_lock(text)
    components = [component(package) for package in packages]
    by_name: dict[str, list[str]] = {}
    for package, described in zip(packages, components, strict=True):
        by_name.setdefault(package["name"], []).append(described["bom-ref"])
    asked_for: dict[str, set[str]] = {described["bom-ref"]: set() for described in components}
    for package, described in zip(packages, components, strict=True):
        for asker in package["via"]:
            for url in by_name.get(asker, []):
                asked_for[url].add(described["bom-ref"])
    root = f"opsin-{purpose}@{version}"
    direct = {each["bom-ref"] for package, each in zip(packages, components, strict=True) if package["is_direct"]}
    dependencies = [{"ref": root, "dependsOn": sorted(direct)}]
    dependencies += [{"ref": url, "dependsOn": sorted(needed)} for url, needed in sorted(asked_for.items())]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{root} {text}')}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": root, "name": "opsin", "version": version}},
        "components": components,
        "dependencies": dependencies,
    }


def main(arguments: list[str]) -> int:
    """Print the document of a lock file."""
    parser = argparse.ArgumentParser(description="Write a software bill of materials of a lock file, as CycloneDX.")
    parser.add_argument("lock", type=Path, help="such as requirements/serve.txt")
    lock = parser.parse_args(arguments).lock
    (version,) = re.findall(r'^version = "(.*)"$', (REPO / "pyproject.toml").read_text(), re.MULTILINE)
    print(json.dumps(bill_of_materials(lock.read_text(), lock.stem, version), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
