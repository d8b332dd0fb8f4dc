"""Long runs: the same states as a whole run, in memory that does not grow."""

import os
import subprocess
import sys

import pytest
import torch
from toys import FORMS, make_network, normal

from neurornn import Activation
from neurornn.networks import AbstractNetwork
from neurornn.random import torch_generator

STEPS = 600  # two cuts of 256 and a rest
SINE = Activation("sine", torch.sin, torch.cos, -1.0, 1.0)  # no compiled code


def noisy(form="current", activation="tanh"):
    return make_network(form, activation=activation, sigma_rec=0.3)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("activation", ["tanh", SINE], ids=["compiled", "reference"])
def test_a_long_run_goes_through_the_states_of_a_whole_run(form, activation):
    network, inputs = noisy(form, activation), normal(3, STEPS, 3)
    whole = network(inputs, generator=torch_generator(1))
    long = network.evolve(inputs, generator=torch_generator(1), record_every=1)
    for name in ("state", "rate", "output", "final"):
        torch.testing.assert_close(getattr(long, name), getattr(whole, name), rtol=1e-12, atol=1e-12)
    assert not torch.equal(whole.final, network.evolve(inputs, generator=torch_generator(2)).final)


@pytest.mark.parametrize("every", [1, 7, 256, 257, STEPS, STEPS + 1])
def test_decimation_keeps_the_last_of_every_so_many_steps(every):
    network, inputs = noisy(), normal(2, STEPS, 3)
    all_of_it = network.evolve(inputs, generator=torch_generator(1), record_every=1)
    some = network.evolve(inputs, generator=torch_generator(1), record_every=every)
    for name in ("state", "rate", "output"):
        assert torch.equal(getattr(some, name), getattr(all_of_it, name)[:, every - 1 :: every])
    assert torch.equal(some.final, all_of_it.final)


def test_a_held_input_is_an_input_that_does_not_change():
    network, held = noisy(), normal(2, 3)
    changing = network.evolve(
        held[:, None].expand(-1, STEPS, -1), generator=torch_generator(1), record_every=50
    )
    for name in ("state", "output", "final"):
        run = network.evolve(held, STEPS, generator=torch_generator(1), record_every=50)
        assert torch.equal(getattr(run, name), getattr(changing, name))


def test_a_family_that_only_has_a_forward_pass_evolves_too():
    class Plain(type(noisy())):
        stretch = AbstractNetwork.stretch

    network = noisy()
    plain = Plain(
        3, 5, 2, tau=[20.0, 50.0, 80.0, 200.0, 500.0], activation="tanh", sigma_rec=0.3, dtype=torch.float64
    )
    plain.load_state_dict(network.state_dict())
    runs = [
        each.evolve(normal(2, STEPS, 3), generator=torch_generator(1), record_every=9)
        for each in (network, plain)
    ]
    torch.testing.assert_close(runs[0].state, runs[1].state, rtol=1e-12, atol=1e-12)


def test_nothing_recorded_is_an_empty_trajectory_without_a_graph():
    run = noisy().evolve(normal(2, 3), 300, generator=torch_generator(1))
    assert [tuple(each.shape) for each in run] == [(2, 0, 5), (2, 0, 5), (2, 0, 2), (2, 5)]
    assert not run.final.requires_grad


def test_memory_does_not_grow_with_the_number_of_steps():
    """A hundred times the steps, in the same memory: recorded, they would take 400 MB more."""
    program = (
        "import resource, sys, torch, neurornn\n"
        "network = neurornn.CTRNN(2, 64, 1, sigma_rec=0.1, activation='tanh')\n"
        "run = lambda n: network.evolve(torch.ones(8, 2), n, generator=torch.Generator().manual_seed(0))\n"
        "run(2000); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "run(200_000); after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "sys.exit(after - before > 40_000 * (1024 if sys.platform == 'darwin' else 1))\n"
    )
    if os.name == "nt":
        pytest.skip("the module resource is not there")
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (normal(2, 3), {}, "say for how many steps"),
        (normal(2, 50, 3), {"n_steps": 60}, "has 50 steps and n_steps=60"),
        (normal(2, 3), {"n_steps": 0}, "n_steps"),
        (normal(2, 50, 3), {"record_every": 0}, "record_every"),
        (normal(2, 50, 4), {}, "4 channels"),
        (normal(2, 50, 3) * torch.inf, {}, "finite"),
        (normal(2, 50, 3), {"state": normal(3, 5)}, r"start|state"),
    ],
)
def test_what_makes_no_sense_is_refused(inputs, options, message):
    with pytest.raises(ValueError, match=message):
        noisy().evolve(inputs, generator=torch_generator(1), **options)


def test_noise_needs_a_source():
    with pytest.raises(ValueError, match="explicit source"):
        noisy().evolve(normal(2, 3), 10)
