"""Simulations as labelled data: schema, units, round trip, determinism, and an untouched network."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from toys import toy_trials

from neurornn import CTRNN, Dale, LearnedTau, simulate
from neurornn.connectivity import Areas, Projection


class Toy:
    """Behaviour read from the outputs."""

    def behaviour(self, trials, output):
        assert output.dtype == trials.inputs.dtype
        return {"choice": output[:, -1].argmax(-1).numpy(), "correct": np.array([True, False, True])}


def labelled_trials(**options):
    trials = toy_trials(3, 6, **options)
    conditions = {
        "coherence": np.array([-0.5, np.nan, 0.5]),
        "context": np.array(["motion", "colour", "motion"]),
        "side": np.array([0, 1, 1]),
        "delay": np.array([100.0, 200.0, 300.0]),
    }
    return replace(trials, conditions=conditions, info=replace(trials.info, units={"delay": "ms"}))


def make_network(**options):
    options = {"dale": Dale(), "sigma_rec": 0.2, "tau": LearnedTau()} | options
    return CTRNN(2, 10, 2, **options)


def test_the_schema():
    ds = simulate(make_network(), labelled_trials(), task=Toy())
    assert dict(ds.sizes) == {"trial": 3, "time": 6, "unit": 10, "input": 2, "output": 2}
    assert {name: ds[name].dims for name in ds.data_vars} == {
        "inputs": ("trial", "time", "input"),
        "state": ("trial", "time", "unit"),
        "rate": ("trial", "time", "unit"),
        "outputs": ("trial", "time", "output"),
        "targets": ("trial", "time", "output"),
        "mask": ("trial", "time"),
        "valid": ("trial", "time"),
    }
    assert ds.time.values.tolist() == [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    assert ds.input.values.tolist() == ["in0", "in1"]
    assert ds.output.values.tolist() == ["out0", "out1"]
    assert "".join(ds.cell_type.values) == "EEEEEEEEII"
    assert ds.context.values.tolist() == ["motion", "colour", "motion"]
    assert ds.correct.values.tolist() == [True, False, True]
    assert ds.epoch_trial_start.values.tolist() == [0.0, 0.0, 0.0]
    assert ds.epoch_trial_end.values.tolist() == [120.0, 100.0, 80.0]


def test_everything_has_a_unit_and_a_name():
    ds = simulate(make_network(), labelled_trials(), task=Toy())
    for name in [*ds.data_vars, "time", "coherence", "context", "side", "delay", "choice", "epoch_trial_end"]:
        assert ds[name].attrs["units"], name
        assert ds[name].attrs["long_name"], name
    units = {name: ds[name].attrs["units"] for name in ("time", "delay", "epoch_trial_end", "coherence")}
    assert units == {"time": "ms", "delay": "ms", "epoch_trial_end": "ms", "coherence": "1"}


def test_provenance_says_what_made_it():
    ds = simulate(make_network(), labelled_trials(seed=7), seed=3)
    assert ds.attrs["schema"] == "neurornn.Trials/1"
    for name, value in {
        "task": "toy-v1",
        "dt": 20.0,
        "trial_seed": 7,
        "noise_seed": 3,
        "sigma_rec": 0.2,
    }.items():
        assert ds.attrs[name] == value, name
    assert json.loads(ds.attrs["epochs"]) == ["trial"]
    assert all(isinstance(value, str | int | float) for value in ds.attrs.values())


def test_the_numbers_are_those_of_the_network_and_the_trials():
    network, trials = make_network(sigma_rec=0.0), labelled_trials(dtype=torch.float32)
    ds, run = simulate(network, trials), network(trials.inputs)
    for name, expected in (
        ("inputs", trials.inputs),
        ("state", run.state),
        ("rate", run.rate),
        ("outputs", run.output),
        ("targets", trials.targets),
        ("mask", trials.mask),
        ("valid", trials.valid),
    ):
        assert np.array_equal(ds[name].values, expected.detach().numpy()), name
    np.testing.assert_allclose(ds.rate, np.log1p(np.exp(ds.state)), rtol=1e-5)


def test_areas_are_labels_of_units():
    plan = Areas({"V1": 6, "PFC": 4}, {"V1->PFC": Projection(), "PFC->V1": Projection()})
    ds = simulate(make_network(connectivity=plan), labelled_trials())
    assert ds.sel(unit=ds.area == "PFC").sizes["unit"] == 4


def test_units_and_times_can_be_chosen_by_label():
    ds = simulate(make_network(), labelled_trials())
    excitatory = ds.rate.sel(unit=ds.cell_type == "E", time=slice(40, 80))
    assert excitatory.shape == (3, 3, 8)
    assert np.array_equal(excitatory, ds.rate.values[:, 2:5, :8])


@pytest.mark.parametrize("dale", [Dale(), None])
def test_a_simulation_survives_the_disk(tmp_path, dale):
    ds = simulate(make_network(dale=dale), labelled_trials(), task=Toy())
    ds.to_netcdf(tmp_path / "trials.nc", engine="h5netcdf")
    loaded = xr.load_dataset(tmp_path / "trials.nc", engine="h5netcdf")
    assert loaded.identical(ds)
    assert loaded.rate.dtype == ds.rate.dtype


def test_a_seed_gives_one_simulation_and_another_seed_another():
    network, trials = make_network(), labelled_trials()
    first, again, other = (simulate(network, trials, seed=seed).drop_attrs() for seed in (0, 0, 1))
    assert first.identical(again)
    assert not np.array_equal(first.state, other.state)
    assert np.array_equal(first.inputs, other.inputs)


def test_a_simulation_leaves_the_network_and_the_trials_untouched():
    network, trials = make_network().train(), labelled_trials()
    weights, inputs = copy.deepcopy(network.state_dict()), trials.inputs.clone()
    network.bias.requires_grad_(False)
    simulate(network, trials, task=Toy())
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert network.training
    assert not network.bias.requires_grad
    assert network.recurrent.raw.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(trials.inputs, inputs)


def test_trials_of_another_time_step_are_refused():
    with pytest.raises(
        ValueError,
        match=r"'toy-v1' was sampled with dt=10 ms but the network steps by dt=20 ms.*dt=20, or use network.rescale_dt\(10\)",
    ):
        simulate(make_network(), labelled_trials(dt=10.0))
    rescaled = make_network().rescale_dt(10.0)
    assert simulate(rescaled, labelled_trials(dt=10.0)).time.values[1] == 10.0


def test_trials_with_other_channels_are_refused():
    with pytest.raises(ValueError, match="inputs has 3 channels but the network was built with n_inputs=2"):
        simulate(make_network(), toy_trials(3, 6, n_inputs=3))


@pytest.mark.parametrize("name", ["time", "rate", "cell_type"])
def test_a_condition_cannot_take_the_name_of_something_else(name):
    trials = replace(toy_trials(3, 6), conditions={name: np.zeros(3)})
    with pytest.raises(ValueError, match=f"condition or behaviour '{name}', and the dataset already has one"):
        simulate(make_network(), trials)
    trials = replace(toy_trials(3, 6), conditions={"choice": np.zeros(3)})
    with pytest.raises(ValueError, match="condition or behaviour 'choice'"):
        simulate(make_network(), trials, task=Toy())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_any_floating_point_type_is_simulated(dtype: torch.dtype) -> None:
    """NumPy has no bfloat16; each of its numbers is a float32 too."""
    trials = toy_trials()
    network = CTRNN(trials.inputs.shape[2], 6, trials.targets.shape[2], dtype=dtype)
    found = torch.as_tensor(simulate(network, trials).state.values)
    expected = network(trials.to(network.W_in).inputs).state
    assert torch.equal(found.to(dtype), expected.detach())
