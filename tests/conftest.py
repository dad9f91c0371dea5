import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent))  # for the modules that tests share, such as toy_data

# How long an example takes says more about the machine than about the code.
settings.register_profile("opsin", deadline=None)
settings.load_profile("opsin")

REPO = Path(__file__).resolve().parent.parent


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
def toy_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from toy_data import write_npz

    return write_npz(tmp_path_factory.mktemp("data") / "toy.npz")


@pytest.fixture(scope="session")
def train_toy(toy_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Trains for seconds, with settings that may differ; the workdir, with `repository` beside it that has toy:1."""
    from models.store.repository import Repository
    from training.config import preset, replaced
    from training.train import train

    def train_toy(**settings: object) -> Path:
        workdir = tmp_path_factory.mktemp("runs") / "toy"
        train(
            replaced(preset("smoke"), settings),
            toy_npz,
            workdir,
            repository=Repository(workdir.parent / "repository"),
            name="toy",
            command="python -m training --data toy.npz --preset smoke",
        )
        return workdir

    return train_toy


@pytest.fixture(scope="session")
def toy_run(train_toy: Callable[..., Path]) -> Path:
    """A finished run. Do not change it."""
    return train_toy()
