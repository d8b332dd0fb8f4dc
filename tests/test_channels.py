"""Channels of trials: compiled code and NumPy write the same bytes, and what is held is the array it stands for."""

import numpy as np
import pytest

from neurornn import _channels, random, tasks
from neurornn._channels import Block, Noise, Shown
from neurornn.tasks._epochs import either
from neurornn.tasks._held import summed

RNG = np.random.default_rng(0)


def blocks(n, n_steps, widths, alike):
    """Blocks with two overlapping stretches on every channel but the last, which keeps what it holds."""
    found = []
    for width in widths:
        rows = 1 if alike else n
        first, second = (RNG.random((rows, n_steps)) < 0.5 for _ in range(2))
        first = np.broadcast_to(first, (n, n_steps))
        shown = [
            Shown(0, RNG.normal(size=(n, width - 1)).astype(np.float32), first, 0.25),
            Shown(0, RNG.normal(size=(n, 1)).astype(np.float32), second, None),
        ]
        out = RNG.normal(size=(n, n_steps, width)).astype(np.float32)
        found.append(Block(out, shown[: 2 * (width > 1)]))
    return found


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("n_steps", [1, 31, 64, 75, 97, 130])
@pytest.mark.parametrize("widths", [(1,), (2,), (3, 2, 1), (5, 4, 3), (9, 1)])
def test_compiled_channels_are_those_of_numpy(widths, n_steps, alike):
    compiled = pytest.importorskip("neurornn.kernels._cpu").written_channels
    n = 6
    trials = np.array([3, 4, 2**33, 5, 6, 0])
    for noise in (None, Noise(2**62 + 12345, trials, np.float32(0.3))):
        for ends in (None, RNG.integers(1, n_steps + 1, n)):
            one = blocks(n, n_steps, widths, alike)
            other = [Block(each.out.copy(), each.shown) for each in one]
            before = one[0].out.copy()
            _channels._plain(one, noise, ends)
            compiled(other, noise, ends)
            assert [each.out.tobytes() for each in one] == [each.out.tobytes() for each in other]
            assert widths[0] == 1 or not np.array_equal(one[0].out, before)


@pytest.mark.parametrize("n_channels", [2, 3])
def test_compiled_channels_that_are_all_shown(n_channels):
    compiled = pytest.importorskip("neurornn.kernels._cpu").written_channels
    during = RNG.random((4, 70)) < 0.5
    shown = [Shown(0, RNG.normal(size=(4, n_channels)).astype(np.float32), during, 0.5)]
    one, other = (Block(np.empty((4, 70, n_channels), np.float32), shown) for _ in range(2))
    noise = Noise(7, np.arange(4), np.float32(2.0))
    _channels._plain([one], noise, None)
    compiled([other], noise, None)
    assert one.out.tobytes() == other.out.tobytes()


def test_noise_is_that_of_normal_traces():
    out = np.zeros((3, 40, 2), np.float32)
    _channels.write_channels([Block(out)], Noise(7, np.arange(5, 8), np.float32(0.5)))
    expected = 0.5 * random.normal_traces(7, 5, 3, 2, 40).transpose(0, 2, 1)
    assert np.array_equal(out, expected)


def test_compiled_uniform_numbers_are_those_of_numpy():
    drawn = pytest.importorskip("neurornn.kernels._cpu").drawn_uniforms
    counter = RNG.integers(0, 2**63, (7, 11)).astype(np.uint64)
    assert drawn(2**63 - 1, counter).tobytes() == random._plain_uniforms(2**63 - 1, counter).tobytes()
    assert drawn(5, counter[::2]).tobytes() == random._plain_uniforms(5, counter[::2]).tobytes()


def test_what_is_held_is_its_array():
    during = RNG.random((3, 8)) < 0.5
    for values in (RNG.normal(size=3), RNG.normal(size=(3, 2)), np.array([True, False, True])):
        short = np.asarray(values, np.float32)
        wide = during[..., None] if short.ndim == 2 else during
        expected = np.where(wide, short[:, None], np.float32(0.0))
        held = tasks.held(values, during)
        assert held.shape == expected.shape
        assert held.ndim == expected.ndim
        assert held.dtype == np.float32
        assert np.array_equal(held, expected)
        assert np.array_equal(held[1:, 2], expected[1:, 2])
        assert np.array_equal(held + held, 2 * expected)
        assert np.array_equal(summed([held, held, held]), expected + expected + expected)
        assert np.array_equal(1.0 - held, 1.0 - expected)
        assert np.array_equal(held + 1.0, expected + 1.0)
        more = held
        more *= 2.0
        assert np.array_equal(more, 2 * expected)
    level = tasks.held(np.array([1.0, 2.0, 3.0]), during, otherwise=0.2)
    assert np.array_equal(level, np.where(during, np.array([[1.0], [2.0], [3.0]]), 0.2).astype(np.float32))
    assert np.array_equal(level + level, 2 * np.asarray(level))
    assert np.array_equal(tasks.held(1.0, during), during.astype(np.float32))


def test_held_refuses_what_it_cannot_show():
    during = np.ones((3, 8), dtype=bool)
    with pytest.raises(ValueError, match=r"\(batch, channel\): got shape \(3, 1, 2\)"):
        tasks.held(np.ones((3, 1, 2)), during)
    with pytest.raises(ValueError, match=r"booleans .* for 2 trials"):
        tasks.held(np.ones(2), during)
    with pytest.raises(ValueError, match="booleans"):
        tasks.held(np.ones(3), during.astype(float))


def test_epochs_that_all_trials_share_are_those_of_each():
    n = 4
    shared = {"a": np.broadcast_to(np.int64(2), n), "b": np.broadcast_to(np.int64(3), n)}
    one = tasks.Epochs(20.0, shared)
    each = tasks.Epochs(20.0, {name: np.array(steps) for name, steps in shared.items()})
    for found, expected in (
        (one.during("a"), each.during("a")),
        (one.during("a", "b", after=20.0), each.during("a", "b", after=20.0)),
        (one.before("b"), each.before("b")),
        (one.pulse("b", 30.0), each.pulse("b", 30.0)),
        (one.elapsed("b"), each.elapsed("b")),
        (one.valid, each.valid),
        (one.total, each.total),
        (either(one.before("b"), one.during("b")), each.valid),
        *((one.start[name], each.start[name]) for name in shared),
        *((one.stop[name], each.stop[name]) for name in shared),
        *((one.bounds[name], each.bounds[name]) for name in shared),
    ):
        assert found.shape == expected.shape
        assert np.array_equal(found, expected)
        assert found.dtype == expected.dtype
    with pytest.raises(ValueError, match="read-only"):
        one.during("a")[0, 0] = True
    one.bounds["a"][0, 0] = 7.0
    assert one.outlasts("b", 40.0)
    assert not one.outlasts("b", 60.0)
    varied = tasks.Epochs(20.0, {"a": np.array([1, 2]), "b": np.array([3, 1])})
    assert varied.outlasts("b", 0.0)
    assert not varied.outlasts("b", 20.0)


def test_a_block_of_the_wrong_width_is_refused():
    class Wide(tasks.AbstractTask):
        name = "wide-v1"
        input_names = ("only",)
        output_names = ("out",)

        def _generate(self, draws):
            epochs = tasks.Epochs(self.dt, {"all": draws.duration("all", 100.0)})
            inputs = {"block": tasks.held(np.ones((draws.n_trials, 3)), epochs.valid)}
            return self._assemble(
                draws, epochs, inputs=inputs, targets={"out": epochs.valid}, mask=epochs.valid
            )

        def behaviour(self, trials, output):
            return {"performance": np.ones(trials.n_trials)}

        def probe_inputs(self):
            return {}

    with pytest.raises(ValueError, match="are not those the task declares"):
        Wide()
