from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def eager_module() -> Iterator[None]:
    """As `eager`, for all of a module and what its fixtures make."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
