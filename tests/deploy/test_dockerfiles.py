"""What can be said of the containers without building them, and hadolint does not; deploy/check_image.sh builds one."""

import fnmatch
import re
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent.parent
IGNORED = [line for line in (REPO / ".dockerignore").read_text().splitlines() if not line.startswith("#")]


def instructions(name):
    """The text of a Dockerfile, one instruction a line, with the defaults of ARG put in."""
    text = re.sub(r"^#.*\n", "", (REPO / name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    return re.sub(r"\$\{(\w+)\}", lambda match: defaults[match[1]], text)


CPU, GPU = (instructions(name) for name in ("Dockerfile.cpu", "Dockerfile.gpu"))
both = pytest.mark.parametrize("text", [CPU, GPU], ids=["cpu", "gpu"])


def copied(text):
    """The paths that come from the build context."""
    return set(re.findall(r"^COPY (?!--from=)(?:--\S+ )*(\S+) \S+$", text, re.MULTILINE))


def test_context_is_what_the_dockerfiles_copy_and_nothing_else():
    needed = copied(CPU) | copied(GPU)
    outermost = {path for path in needed if not any(str(parent) in needed for parent in Path(path).parents)}
    assert outermost == {line[1:] for line in IGNORED if line.startswith("!")}
    assert all((REPO / path).exists() for path in needed)


def test_context_begins_with_nothing_and_ends_without_caches():
    assert IGNORED[0] == "*"
    dropped = [line.removeprefix("**/") for line in IGNORED if line.startswith("**/")]
    assert IGNORED[-len(dropped) :] == [f"**/{pattern}" for pattern in dropped]
    for name in ("__pycache__", "app.pyc", ".routing.lock", "manifest.json.tmp"):
        assert any(fnmatch.fnmatch(name, pattern) for pattern in dropped), name


def test_cpu_image_is_of_the_serving_rooms_and_packages():
    assert copied(CPU) == {
        "requirements/serve.txt",
        "requirements/heif.txt",
        "requirements/redis.txt",
        "requirements/tracing.txt",
        "requirements/grpc.txt",
        "requirements/serve-openvino.txt",
        "requirements/serve-onnx.txt",
        "models",
        "models/zoo",
        "server",
    }
    assert "tensorflow" not in (REPO / "requirements" / "serve.txt").read_text()


def test_cpu_image_keeps_the_library_by_which_copies_share_weights():
    [deleted] = re.findall(r"-type f +\\\((.*)\\\) -delete", CPU)
    patterns = re.findall(r"-name '?([^' ]+)", deleted)
    names = ("libLiteRt.so", "libLiteRtWebGpuAccelerator.so")
    kept = [name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    assert kept == ["libLiteRt.so"]


@both
def test_stages_begin_with_each_other_or_a_base_pinned_by_tag(text):
    stages = set(re.findall(r" AS (\S+)$", text, re.MULTILINE))
    [base] = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) - stages
    assert f"ARG BASE_IMAGE={base}\n" in text
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)


@both
def test_server_is_the_default_and_runs_as_a_fixed_user(text):
    server = text.split("\nFROM ")[-1]
    assert re.findall(r"^USER (.*)$", server, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^CMD (.*)$", server, re.MULTILINE) == ['["python", "-m", "server"]']
    assert "\nSTOPSIGNAL SIGTERM\n" in server
    assert re.search(r'^HEALTHCHECK .* CMD \["python", "-m", "server\.healthcheck"\]$', server, re.MULTILINE)


@both
def test_code_can_be_read_by_the_server_whatever_the_umask_of_the_clone(text):
    stages = [stage for stage in text.split("\nFROM ") if re.search(r"^COPY (?!--from=).* /app/", stage, re.MULTILINE)]
    assert stages
    for stage in stages:
        last = stage.rstrip().splitlines()[-1]
        assert last.startswith("RUN ")
        assert last.endswith("&& chmod -R a+rX /app")


@both
def test_code_is_the_last_thing_that_is_copied(text):
    assert re.findall(r"^COPY .*$", text, re.MULTILINE)[-1] == "COPY --from=code /app /app"


@both
def test_packages_are_installed_by_their_hashes(text):
    installed = [line for line in text.splitlines() if re.match(r"RUN .*\bpip .*\binstall ", line)]
    assert installed
    assert all("--require-hashes" in line and "--no-cache-dir" in line for line in installed)


@both
def test_image_says_that_it_answers_everybody_and_the_readme_what_that_means(text):
    server = text.split("\nFROM ")[-1]
    assert "OPSIN_HOST=0.0.0.0" in server
    assert "OPSIN_ALLOW_ANONYMOUS=1" in server
    containers = (REPO / "README.md").read_text().split("\n## Containers\n")[1].split("\n## ")[0]
    assert "OPSIN_ALLOW_ANONYMOUS=1" in containers


def test_compose_hardens_every_server():
    shared, services = (REPO / "compose.yaml").read_text().split("\nservices:\n")
    for line in ("read_only: true", 'cap_drop: ["ALL"]', 'security_opt: ["no-new-privileges:true"]', 'tmpfs: ["/tmp"]'):
        assert line in shared
    assert services.count("<<: *server") == services.count("image: opsin:") == 2
