"""Shared fixtures: a headless backend, closed figures, untouched global state."""

import os
from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))


@pytest.fixture(autouse=True)
def untouched_global_state() -> Iterator[None]:
    """No test may leave global random state, default type or figures changed: the library never does."""
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()  # noqa: NPY002
    default = torch.get_default_dtype()
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
    assert torch.get_default_dtype() == default, "the default dtype was left changed"
    assert torch.equal(torch.random.get_rng_state(), torch_state), "the global torch generator was used"
    after = np.random.get_state()  # noqa: NPY002
    assert (after[1] == numpy_state[1]).all(), "the global numpy generator was used"
