"""Configurations: what is written is rebuilt identically, and nothing else is accepted."""

import json
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from neurornn import config, connectivity, rules
from neurornn.activations import Activation, power
from neurornn.networks import CTRNN, LearnedTau
from neurornn.objective import CrossEntropy, Objective

_FIXED = np.full((20, 20), np.nan)
_FIXED[3, 4] = 0.25

NETWORKS = {
    "plain": partial(CTRNN, 3, 20, 2),
    "every argument": partial(
        CTRNN,
        3,
        20,
        2,
        tau=[50.0 + 0.1 * i for i in range(20)],
        dt=10.0,
        activation="tanh",
        form="rate",
        sigma_rec=0.1,
        noise="state",
        init=connectivity.Orthogonal(1.1),
        bias=False,
        train_initial_state=True,
        seed=7,
        dtype=torch.float64,
    ),
    "Dale's law, sparse": partial(
        CTRNN,
        3,
        20,
        2,
        dale=connectivity.Dale(0.75, "relu", nonnegative_inputs=True),
        connectivity=connectivity.Sparse({"E->E": 0.3, "I->E": 0.5}),
        init=connectivity.Gaussian(1.2),
        activation=power(),
        seed=3,
    ),
    "areas with fixed weights": partial(
        CTRNN,
        3,
        20,
        2,
        connectivity=connectivity.FixedWeights(
            _FIXED,
            connectivity.Areas(
                {"type": 12, "motor": 8}, {"type->motor": connectivity.Projection(0.5)}, within=0.6
            ),
        ),
    ),
    "learned time constants": partial(CTRNN, 3, 20, 2, tau=LearnedTau(100.0, (30.0, 300.0))),
    "no inputs": partial(
        CTRNN, 0, 20, 2, init=connectivity.Identity(0.9), connectivity=connectivity.AllToAll(True)
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_rebuilt_with_the_same_wiring_and_initial_weights(name: str):
    network = NETWORKS[name]()
    written = json.loads(json.dumps(config.network_to_config(network), allow_nan=False))
    twin = config.network_from_config(written)
    assert config.network_to_config(twin) == written
    assert repr(twin) == repr(network) or name == "learned time constants"
    assert (twin.cell_types == network.cell_types).all() and (twin.areas == network.areas).all()
    expected, found = network.state_dict(), twin.state_dict()
    assert expected.keys() == found.keys()
    for key, value in expected.items():
        if key != "time_constant.raw" or network.time_constant.bounds is None:
            assert found[key].dtype == value.dtype
            assert torch.equal(found[key].nan_to_num(9.0), value.nan_to_num(9.0)), key
    twin.load_state_dict(expected)
    x, u = (
        torch.randn(5, 20, generator=torch.Generator().manual_seed(0)).to(twin.start),
        torch.zeros(network.n_inputs),
    )
    assert torch.equal(twin.drift(x, u.to(x)), network.drift(x, u.to(x)))
    assert [p.requires_grad for p in twin.parameters()] == [p.requires_grad for p in network.parameters()]


def test_the_configuration_does_not_depend_on_what_was_learned():
    network = NETWORKS["learned time constants"]()
    before = config.network_to_config(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    assert config.network_to_config(network) == before


def test_a_copy_without_noise_has_the_same_configuration_but_for_the_noise():
    network = CTRNN(3, 10, 2, activation=power(), sigma_rec=0.2)
    expected = config.network_to_config(network) | {"sigma_rec": 0.0}
    assert config.network_to_config(network.noiseless()) == expected


class _Plan(connectivity.AllToAll):
    pass


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            partial(CTRNN, 3, 10, 2, activation=Activation("cube", lambda x: x**3, lambda x: 3 * x**2)),
            "The activation 'cube' can be used but not written to a configuration",
        ),
        (
            partial(
                CTRNN, 3, 10, 2, activation=Activation("relu", torch.tanh, lambda x: 1 - torch.tanh(x) ** 2)
            ),
            "The activation 'relu' can be used but not written",
        ),
        (
            partial(CTRNN, 3, 10, 2, activation=power(3.0)),
            r"The activation 'power\(3, gain=1\)' can be used but",
        ),
        (
            partial(CTRNN, 3, 10, 2, connectivity=_Plan()),
            r"network.connectivity is .*_Plan, which can be used but not written.*AllToAll",
        ),
        (partial(type("Mine", (CTRNN,), {}), 3, 10, 2), "A Mine can be used but not written"),
    ],
)
def test_what_cannot_be_read_back_is_refused_when_written(network: Any, message: str):
    with pytest.raises(ValueError, match=message):
        config.network_to_config(network())


def _edited(**changes: Any) -> dict[str, Any]:
    return config.network_to_config(NETWORKS["Dale's law, sparse"]()) | changes


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_edited(n_units="20"), "network.n_units must be a whole number: got '20'"),
        (_edited(n_units=True), "network.n_units must be a whole number: got True"),
        (_edited(n_units=20.5), "network.n_units must be a whole number: got 20.5"),
        (_edited(bias=1), "network.bias must be true or false: got 1"),
        (_edited(dt=None), "network.dt must be a number: got None"),
        (_edited(form="rates"), "network.form must be 'current' or 'rate': got 'rates'"),
        (_edited(dtype="int8"), "network.dtype must be .*'float32'.*: got 'int8'"),
        (
            _edited(tau="slow"),
            "network.tau must be a number or a list or a dictionary with a 'type' among LearnedTau",
        ),
        (_edited(tau=[1.0, "x"]), r"network.tau\[1\] must be a number: got 'x'"),
        (_edited(dt=1000.0), r"network describes no network: dt must lie in \(0, tau\]"),
        (_edited(n_unit=3), "network has an unknown key 'n_unit'. Did you mean 'n_units'"),
        (_edited(type="LSTM"), "network must be a configuration of type 'CTRNN'"),
        ([1, 2], "network must be a configuration of type 'CTRNN'"),
        (_edited(dale={"type": "Dale"}), "network.dale lacks fraction_excitatory, rectifier"),
        (_edited(dale={"type": "Gaussian"}), "network.dale cannot be of type 'Gaussian'. Possible: Dale"),
        (
            _edited(init={"type": "Gausian"}),
            "network.init cannot be of type 'Gausian'. Did you mean 'Gaussian'",
        ),
        (
            _edited(init={"type": "os.system"}),
            "network.init cannot be of type 'os.system'. Possible: BalancedGamma",
        ),
        (_edited(init={"type": ["Gaussian"]}), r"network.init cannot be of type \['Gaussian'\]"),
        (
            _edited(init={"spectral_radius": 1}),
            "network.init must be a dictionary with a 'type' among BalancedGamma",
        ),
        (
            _edited(connectivity={"type": "Sparse", "density": {"E->E": "x"}, "autapses": False}),
            "network.connectivity.density.E->E must be a number: got 'x'",
        ),
        (
            _edited(connectivity={"type": "Sparse", "density": 2.0, "autapses": False}),
            "network.connectivity: The density of 'E->E' is a probability",
        ),
        (
            _edited(
                connectivity={
                    "type": "FixedWeights",
                    "weights": [[1, "x"], [2, 3]],
                    "base": {"type": "AllToAll"},
                }
            ),
            "network.connectivity.weights must be a rectangular array of numbers",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_place(data: Any, message: str):
    with pytest.raises(ValueError, match=message):
        config.network_from_config(data)


def test_a_missing_key_is_named():
    data = _edited()
    del data["sigma_rec"], data["dale"]
    with pytest.raises(ValueError, match=r"network lacks sigma_rec, dale. Write the whole configuration"):
        config.network_from_config(data)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (rules.TruncatedBPTT(10, 5), rules.AbstractRule),
        (rules.BPTT(), rules.AbstractRule),
        (Objective(CrossEntropy(), 0.1, weight_l2=1e-3), Objective),
        (Objective(), Objective),
        (LearnedTau(50.0, (20.0, 80.0)), LearnedTau),
    ],
)
def test_rules_and_objectives_come_back_equal(value: Any, kind: type):
    assert config.decode(json.loads(json.dumps(config.encode(value))), kind) == value


@dataclass(frozen=True, eq=False)
class _Mine:
    kind: ClassVar[str] = "shared by all and not a setting"
    pair: tuple[int, str]
    scale: float = 1.0
    names: list[str] = field(default_factory=list)
    array: NDArray[np.float64] | None = None
    rule: rules.AbstractRule | None = None
    derived: int = field(init=False, default=3)


def test_a_class_of_the_caller_is_understood_only_when_it_is_listed():
    mine = _Mine((np.int64(2), "a"), np.float32(0.5), ["x"], np.array([[1.0, np.nan]]), rules.BPTT())
    data = json.loads(json.dumps(config.encode(mine, (_Mine, rules.BPTT)), allow_nan=False))
    assert data["array"] == [[1.0, None]] and not {"derived", "kind"} & set(data)
    back = config.decode(data, _Mine, (_Mine, rules.BPTT))
    assert (back.pair, back.scale, back.names, back.rule) == ((2, "a"), 0.5, ["x"], rules.BPTT())
    assert np.array_equal(back.array, mine.array, equal_nan=True) and back.array.dtype == np.float64
    with pytest.raises(ValueError, match=r"config is .*_Mine, which can be used but not written.*Dale"):
        config.encode(mine)
    with pytest.raises(ValueError, match=r"config cannot be of type '_Mine'"):
        config.decode(data, _Mine)
    with pytest.raises(ValueError, match=r"config.rule is .*BPTT, which can be used but not written"):
        config.encode(mine, (_Mine,))
    with pytest.raises(ValueError, match=r"config.pair needs 2 entries: got 1"):
        config.decode(data | {"pair": [1]}, _Mine, (_Mine, rules.BPTT))
    with pytest.raises(ValueError, match=r"config.scale must be finite to be written to a file: got inf"):
        config.encode(replace(mine, scale=float("inf")), (_Mine, rules.BPTT))
    with pytest.raises(ValueError, match=r"config.array must hold finite numbers"):
        config.encode(replace(mine, array=np.array([np.inf])), (_Mine, rules.BPTT))


class _Task:
    def __init__(self, delay: float, timing: Any = None) -> None:
        self.delay, self.timing, self._cache = delay, timing, object()


def test_descriptions_change_with_the_settings_and_with_nothing_else():
    same = [
        (rules.TruncatedBPTT(5), rules.TruncatedBPTT(5)),
        (_Task(3.0, rules.BPTT()), _Task(3.0, rules.BPTT())),
        (CTRNN(3, 10, 2, activation=power(3.0)), CTRNN(3, 10, 2, activation=power(3.0))),
        (np.arange(3), [0, 1, 2]),
    ]
    other = [
        (rules.TruncatedBPTT(5), rules.TruncatedBPTT(6)),
        (_Task(3.0), _Task(4.0)),
        (_Task(3.0, rules.BPTT()), _Task(3.0, rules.TruncatedBPTT(5))),
        (_Task(3.0, torch.tanh), _Task(3.0, torch.relu)),
        (CTRNN(3, 10, 2, activation=power(3.0)), CTRNN(3, 10, 2, activation=power(4.0))),
        (CTRNN(3, 10, 2, seed=0), CTRNN(3, 10, 2, seed=1)),
        ({"a": float("nan")}, {"a": 0.0}),
    ]
    for a, b in same:
        assert config.describe(a) == config.describe(b)
    for a, b in other:
        assert config.describe(a) != config.describe(b)
        json.dumps([config.describe(a), config.describe(b)], allow_nan=False)
