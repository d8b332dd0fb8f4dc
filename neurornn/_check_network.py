"""Check that a network family keeps the contract that rules and analyses rely on."""

__all__ = ["NetworkCheckError", "check_network"]

import copy

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from neurornn._untouched import fingerprint, global_random_state
from neurornn.networks import AbstractNetwork, Trajectory
from neurornn.random import torch_generator

_N_TRIALS, _N_STEPS = 4, 6
_CHECK = "call self.check_inputs(inputs) in forward"


class NetworkCheckError(ValueError):
    """A network breaks the contract of networks."""


def check_network(network: AbstractNetwork, *, seed: int = 0) -> None:
    """Check that a network keeps the contract of :class:`~neurornn.networks.AbstractNetwork`.

    The step follows the drift for ``dt``; the drift holds no noise and broadcasts; ``forward`` is the step
    repeated, trial by trial, and resumes from ``final``; noise comes from the generator alone and vanishes in
    ``noiseless()``; analytic Jacobians, where there are any, are those of automatic differentiation; declared
    cell types hold in the effective matrix; inputs that do not fit are refused; a saved state loads; and nothing
    of this changes the network or a global random state.

    Args:
        network: The network; the check works on a float64 copy of it.
        seed: Seed of the states, inputs and noise that are tried.

    Raises:
        NetworkCheckError: If the network breaks the contract; the message says where.

    Examples:
        >>> import neurornn
        >>> check_network(neurornn.CTRNN(3, 10, 2, dale=neurornn.Dale(), sigma_rec=0.1))
    """
    before, random_state = fingerprint(network), global_random_state()
    try:
        twin = copy.deepcopy(network).double()
        draw = _Draw(twin, seed)
        with torch.no_grad():
            _check_structure(twin)
            _check_drift(twin, draw)
            _check_forward(twin, draw)
            _check_noise(twin, draw)
            _check_rescaling(twin, draw)
            _check_refusals(twin, draw)
            _check_saving(twin)
        _check_untouched(network, draw, before)
        _check_jacobians(twin, draw)
        _require(global_random_state() == random_state, "it used or changed a global random state")
    except NetworkCheckError as error:
        raise NetworkCheckError(f"{type(network).__name__}: {error}.") from None


class _Draw:
    """Reproducible normal numbers in the shapes of a network."""

    def __init__(self, network: AbstractNetwork, seed: int) -> None:
        self.network, self.seed = network, seed
        self.device = next(network.parameters()).device

    def generator(self, name: str = "noise") -> torch.Generator:
        return torch_generator(self.seed, "check", name, device=self.device)

    def normal(self, name: str, *shape: int) -> Tensor:
        generator = self.generator(name)
        return torch.randn(*shape, generator=generator, dtype=torch.float64, device=self.device)

    def states(self) -> Tensor:
        return self.normal("state", _N_TRIALS, self.network.n_units)

    def inputs(self) -> Tensor:
        return self.normal("input", _N_TRIALS, _N_STEPS, self.network.n_inputs)

    def noise(self) -> Tensor:
        return self.normal("noise", _N_TRIALS, _N_STEPS, self.network.n_units)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise NetworkCheckError(message)


def _require_close(found: Tensor, expected: Tensor, message: str) -> None:
    shapes = f"shape {tuple(found.shape)} and not {tuple(expected.shape)}"
    _require(found.shape == expected.shape, f"{message}: {shapes}")
    if expected.numel():
        worst = (found - expected).detach().abs().max().item()
        scale = max(1.0, expected.detach().abs().max().item())
        _require(worst <= 1e-9 * scale, f"{message} (they differ by {worst:.3g})")


def _check_structure(network: AbstractNetwork) -> None:
    n = network.n_units
    _require(network.dt > 0, f"dt={network.dt} ms is not positive")
    _require(network.sigma_rec >= 0, f"sigma_rec={network.sigma_rec} is negative")
    shape = tuple(network.W_rec.shape)
    _require(shape == (n, n), f"W_rec has shape {shape} and not (n_units, n_units) = {(n, n)}")
    start = network.initial_state(_N_TRIALS)
    _require(tuple(start.shape) == (_N_TRIALS, n), f"initial_state has shape {tuple(start.shape)}")
    types = network.cell_types
    _require(types.shape == (n,), f"cell_types has shape {types.shape} for {n} units")
    for kind, sign in (("E", 1.0), ("I", -1.0)):
        columns = network.W_rec[:, torch.as_tensor(types == kind, device=network.W_rec.device)]
        _require(bool((sign * columns >= 0).all()), f"W_rec breaks Dale's law in a column of type {kind}")


def _check_drift(network: AbstractNetwork, draw: _Draw) -> None:
    x, u = draw.states(), draw.inputs()[:, 0]
    velocity = network.drift(x, u)
    _require(
        velocity.shape == x.shape, f"drift has shape {tuple(velocity.shape)} for states {tuple(x.shape)}"
    )
    _require(bool(velocity.isfinite().all()), "drift is not finite")
    _require(
        torch.equal(network.drift(x, u), velocity), "drift differs between two calls: it must hold no noise"
    )
    one = torch.stack([network.drift(state, u[0]) for state in x])
    _require_close(
        network.drift(x, u[0]), one, "drift of many states under one input is not that of each state"
    )
    _require_close(
        network.step(x, u),
        x + network.dt * velocity,
        "the step without noise does not follow the drift for dt",
    )


def _check_forward(network: AbstractNetwork, draw: _Draw) -> None:
    inputs = draw.inputs()
    noise = draw.noise() if network.sigma_rec > 0 else None
    run = network(inputs, noise=noise)
    _require(isinstance(run, Trajectory), f"forward returns {type(run).__name__} and not a Trajectory")
    expected = {"state": network.n_units, "rate": network.n_units, "output": network.n_outputs}
    for name, size in expected.items():
        part: Tensor = getattr(run, name)
        shape = (_N_TRIALS, _N_STEPS, size)
        _require(
            tuple(part.shape) == shape, f"forward gives {name} of shape {tuple(part.shape)} and not {shape}"
        )
        _require(bool(part.isfinite().all()), f"forward gives {name} that is not finite")
    _require(torch.equal(run.final, run.state[:, -1]), "final is not the last state")

    state, states = network.initial_state(_N_TRIALS), []
    for t in range(_N_STEPS):
        state = network.step(state, inputs[:, t], None if noise is None else noise[:, t])
        states.append(state)
    _require_close(run.state, torch.stack(states, 1), "forward is not the step repeated")

    first, second = slice(None, _N_STEPS // 2), slice(_N_STEPS // 2, None)
    head = network(inputs[:, first], noise=None if noise is None else noise[:, first])
    tail = network(inputs[:, second], head.final, noise=None if noise is None else noise[:, second])
    for name in expected:
        joined = torch.cat([getattr(head, name), getattr(tail, name)], 1)
        _require_close(joined, getattr(run, name), f"{name} changes when forward is interrupted and resumed")
    alone = network(inputs[:1], noise=None if noise is None else noise[:1])
    for name in expected:
        own, shared = getattr(alone, name)[0], getattr(run, name)[0]
        _require_close(own, shared, f"{name} of a trial depends on the others in its batch")


def _check_noise(network: AbstractNetwork, draw: _Draw) -> None:
    inputs = draw.inputs()
    quiet = network.noiseless()
    _require(quiet.sigma_rec == 0, "noiseless() still has noise")
    if network.sigma_rec == 0:
        return
    zero = torch.zeros_like(draw.noise())
    _require_close(
        network(inputs, noise=zero).state, quiet(inputs).state, "noise of 0 is not the network without noise"
    )
    try:
        network(inputs)
    except ValueError:
        pass
    else:
        raise NetworkCheckError("it draws noise without a generator")
    first, again, other = (network(inputs, generator=draw.generator(name)).state for name in ("a", "a", "b"))
    _require(torch.equal(first, again), "one generator seed gives two trajectories")
    _require(not torch.equal(first, other), "sigma_rec is positive and the generator changes nothing")


def _check_rescaling(network: AbstractNetwork, draw: _Draw) -> None:
    rescale = getattr(network.noiseless(), "rescale_dt", None)
    if rescale is None:
        return
    x, u = draw.states(), draw.inputs()[:, 0]
    _require_close(rescale(network.dt / 2).drift(x, u), network.drift(x, u), "rescale_dt changes the drift")


def _check_refusals(network: AbstractNetwork, draw: _Draw) -> None:
    inputs = draw.inputs()
    wrong = {
        "inputs with one channel too many": torch.cat([inputs, inputs.new_zeros(*inputs.shape[:2], 1)], 2)
    }
    if network.n_inputs:
        wrong["inputs with NaN"] = torch.full_like(inputs, torch.nan)
    for what, bad in wrong.items():
        try:
            network.noiseless()(bad)
        except ValueError:
            continue
        except Exception as error:
            raise NetworkCheckError(f"{what} end in {type(error).__name__}: {_CHECK}") from error
        raise NetworkCheckError(f"it accepts {what}: {_CHECK}")


def _check_saving(network: AbstractNetwork) -> None:
    twin = copy.deepcopy(network)
    for parameter in twin.parameters():
        parameter.zero_()
    twin.load_state_dict(network.state_dict())
    for name, value in network.state_dict().items():
        same = torch.equal(twin.state_dict()[name].nan_to_num(), value.nan_to_num())
        _require(same, f"'{name}' does not survive saving and loading")


def _check_jacobians(network: AbstractNetwork, draw: _Draw) -> None:
    x, u = draw.states(), draw.inputs()[:, 0]
    for argument, name in enumerate(("drift_jacobian", "input_jacobian")):
        if hasattr(network, name):
            expected = vmap(jacrev(network.drift, argument))(x, u)
            _require_close(
                getattr(network, name)(x, u), expected, f"{name} is not the derivative of the drift"
            )


def _check_untouched(network: AbstractNetwork, draw: _Draw, before: dict[str, object]) -> None:
    like = next(network.parameters())
    inputs = draw.inputs().to(like)
    network(inputs, generator=torch_generator(draw.seed, "check", "noise", device=like.device))
    network.drift(draw.states().to(like), inputs[:, 0])
    after = fingerprint(network)
    for what, value in before.items():
        _require(after.get(what) == value, f"running it changes {what}")
