import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["OPSIN_RUNTIME"] = "litert"  # else each command that runs a model would first try all that is installed here
# As in an activated environment: what messages recommend to type is then "python -m ...".
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
sys.path.insert(0, str(Path(__file__).parent))  # for the modules that tests share, such as toy_data

from made_once import made_once
from toy_data import write_npz

from models.runtime.cores import available_cores

pytest_plugins = ["extended"]

# How long an example takes says more about the machine than about the code. The same examples each time, so that a run
# that fails is a change's fault; `make fuzz` looks for new ones.
settings.register_profile("opsin", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=int(os.environ.get("OPSIN_FUZZ_EXAMPLES", "5000")))
settings.load_profile("opsin")

REPO = Path(__file__).resolve().parent.parent
MAX_WORKERS = 4  # of pytest-xdist; each takes up to 2 GB


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One more than processors, as a worker waits for processes that it has started for part of the time."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # pytest-xdist reads it
    return min(MAX_WORKERS, available_cores() + 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names with what gzip packed, which tells the time: workers have to find the same tests."""
    for item in items:
        if "x1f" in item.name and "x8b" in item.name:
            raise pytest.UsageError(f"give its cases ids without their bytes: {item.nodeid}")


@pytest.fixture
def heeds_signals() -> Iterator[None]:
    """Heed SIGHUP and SIGINT, and let processes do so, where the tests were started by nohup or in the background."""
    ours = {signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in ours.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that is not part of the project; tests that need it skip where it is missing."""
    path = Path(os.environ.get("OPSIN_SHARED", REPO.parent / "shared")) / "data"
    if not path.is_dir():
        pytest.skip(f"no shared data at {path}; set OPSIN_SHARED to the folder that holds it")
    return path


@pytest.fixture
def eager() -> Iterator[None]:
    """Run TensorFlow's functions without tracing them, where a test is about records and not about learning."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def for_all_workers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[..., Path]:
    """Make a file or folder once for all processes of pytest-xdist; no test may change it."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent

    def for_all_workers(name: str, make: Callable[[Path], object]) -> Path:
        return made_once(shared / name, make)

    return for_all_workers


@pytest.fixture(scope="session")
def toy_npz(for_all_workers: Callable[..., Path]) -> Path:
    return for_all_workers("toy.npz", write_npz)


@pytest.fixture(scope="session")
def train_toy(toy_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Trains for seconds, with settings that may differ; the workdir, with `repository` beside it that has toy:1."""

    def train_toy(**settings: object) -> Path:
        return train_in(tmp_path_factory.mktemp("runs"), toy_npz, settings)

    return train_toy


@pytest.fixture(scope="session")
def toy_run(for_all_workers: Callable[..., Path], toy_npz: Path) -> Path:
    """A finished run. Do not change it."""
    return for_all_workers("toy_run", lambda folder: train_in(folder, toy_npz, {})) / "toy"


def train_in(folder: Path, data: Path, settings: dict[str, object]) -> Path:
    from models.store.repository import Repository
    from training.config import preset, replaced
    from training.train import train

    train(
        replaced(preset("smoke"), settings),
        data,
        folder / "toy",
        repository=Repository(folder / "repository"),
        name="toy",
        command="python -m training --data toy.npz --preset smoke",
    )
    return folder / "toy"
