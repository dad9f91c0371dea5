"""What can be said of the containers without building them; deploy/check_image.sh builds and runs one."""

import fnmatch
import re
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent.parent
DOCKERFILES = ("Dockerfile.cpu", "Dockerfile.gpu")
IGNORED = [line for line in (REPO / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
ALLOWED = {line[1:] for line in IGNORED if line.startswith("!")}


def instructions(dockerfile):
    text = re.sub(r"^#.*\n", "", (REPO / dockerfile).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [line.split(None, 1) for line in text.splitlines() if line.strip()]


def copied(dockerfile):
    """The paths that come from the build context, with the defaults of ARG put in."""
    found, arguments = set(), {}
    for keyword, rest in instructions(dockerfile):
        if keyword == "ARG":
            name, _, default = rest.partition("=")
            arguments[name] = default
        if keyword == "COPY" and "--from=" not in rest:
            *sources, _ = [word for word in rest.split() if not word.startswith("--")]
            found.update(re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], source) for source in sources)
    return found


def stages(dockerfile):
    """The instructions of each stage, in order."""
    found = []
    for keyword, rest in instructions(dockerfile):
        if keyword == "FROM":
            found.append([])
        if found:
            found[-1].append((keyword, rest))
    return found


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_what_is_copied_exists(dockerfile):
    assert all((REPO / path).exists() for path in copied(dockerfile))


def test_context_is_what_the_dockerfiles_copy_and_nothing_else():
    needed = copied("Dockerfile.cpu") | copied("Dockerfile.gpu")
    outermost = {path for path in needed if not any(str(parent) in needed for parent in Path(path).parents)}
    assert outermost == ALLOWED


def test_context_begins_with_nothing_and_ends_without_caches():
    assert IGNORED[0] == "*"
    last_allowed = max(index for index, line in enumerate(IGNORED) if line.startswith("!"))
    dropped = [line.removeprefix("**/") for line in IGNORED[last_allowed + 1 :]]
    for name in ("__pycache__", "app.pyc", ".routing.lock", "manifest.json.tmp"):
        assert any(fnmatch.fnmatch(name, pattern) for pattern in dropped), name


def test_cpu_image_is_of_the_serving_rooms_and_packages():
    assert copied("Dockerfile.cpu") == {"requirements/serve.txt", "models", "models/zoo", "server"}
    assert "tensorflow" not in (REPO / "requirements" / "serve.txt").read_text()


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_base_is_an_argument_pinned_by_tag(dockerfile):
    bases = [rest.split()[0] for keyword, rest in instructions(dockerfile) if keyword == "FROM"]
    named = {rest.split()[-1] for keyword, rest in instructions(dockerfile) if keyword == "FROM" and " AS " in rest}
    assert set(bases) <= {"${BASE_IMAGE}"} | named
    [default] = [rest for keyword, rest in instructions(dockerfile) if keyword == "ARG" and "BASE_IMAGE" in rest]
    assert re.fullmatch(r"BASE_IMAGE=python:3\.11\.\d+-slim-\w+", default)


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_server_is_the_default_and_runs_as_a_fixed_user(dockerfile):
    last = dict(stages(dockerfile)[-1])
    assert last["USER"] == "10001:10001"
    assert last["CMD"] == '["python", "-m", "server"]'
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert last["HEALTHCHECK"].endswith('CMD ["python", "-m", "server.healthcheck"]')


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_code_can_be_read_by_the_server_whatever_the_umask_of_the_clone(dockerfile):
    found = [
        stage
        for stage in stages(dockerfile)
        if any(keyword == "COPY" and "--from=" not in rest and " /app/" in rest for keyword, rest in stage)
    ]
    assert found
    for stage in found:
        keyword, rest = stage[-1]
        assert keyword == "RUN"
        assert rest.endswith("&& chmod -R a+rX /app")


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_code_is_the_last_thing_that_is_copied(dockerfile):
    *_, last = [rest for keyword, rest in stages(dockerfile)[-1] if keyword == "COPY"]
    assert last == "--from=code /app /app"


def test_packages_are_installed_by_their_hashes():
    for dockerfile in DOCKERFILES:
        installs = [rest for keyword, rest in instructions(dockerfile) if keyword == "RUN" and " install " in rest]
        pip = [rest for rest in installs if "pip " in rest]
        assert pip
        assert all("--require-hashes" in rest and "--no-cache-dir" in rest for rest in pip)


@pytest.mark.parametrize(
    "line",
    ["read_only: true", 'cap_drop: ["ALL"]', 'security_opt: ["no-new-privileges:true"]', 'tmpfs: ["/tmp"]'],
)
def test_compose_hardens_every_server(line):
    text = (REPO / "compose.yaml").read_text()
    shared, services = text.split("\nservices:\n")
    assert line in shared
    assert services.count("<<: *server") == services.count("image: opsin:") == 2
