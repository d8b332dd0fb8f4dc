r"""Long noisy runs from several starts, the raw material of a quasi-potential."""

__all__ = ["noisy_states"]

import math

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._system import check_drift, freeze, plain
from neurornn.analysis.landscape._flow import held_input
from neurornn.analysis.systems import HasDrift
from neurornn.networks import AbstractNetwork
from neurornn.provenance import provenance
from neurornn.random import derive_seed, normal_array, torch_generator

_BLOCK = 64  # steps whose noise is drawn at a time


def noisy_states(
    network: HasDrift,
    *,
    input: ArrayLike | Tensor,
    starts: ArrayLike | Tensor,
    duration: float,
    n_runs: int = 16,
    burn_in: float = 0.0,
    every: float | None = None,
    diffusion: float | None = None,
    seed: int = 0,
) -> xr.DataArray:
    r"""States of independent noisy runs while the input is held.

    A network of the library runs with its own noise. Another system, or a noiseless network, is given white noise,
    :math:`x_{t+1} = x_t + dt\,F(x_t) + \sqrt{2 D\,dt}\;\xi_t`.

    Args:
        network: A network with recurrent noise; or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms.
        input: Input held, one number for each channel.
        starts: States to start from, ``(start, unit)``. Several starts far apart tell whether the runs have forgotten
            them.
        duration: Length of each run in ms, without the burn-in.
        n_runs: Runs from each start.
        burn_in: Time in ms that is run first and thrown away.
        every: Time in ms between two states kept; the time step if None.
        diffusion: :math:`D` in units of the state squared per ms; for systems without noise of their own.
        seed: Seed of the noise.

    Returns:
        States over ``(trial, time, unit)``, the schema of simulations and recordings, with the coordinate ``start``
        of each trial: the row of ``starts`` it came from.

    Raises:
        TypeError: If the network has no drift.
        ValueError: If there is no noise or there are two kinds, a shape does not fit or a duration is shorter than a
            time step.

    Examples:
        >>> import neurornn
        >>> network = neurornn.CTRNN(1, 2, 1, sigma_rec=0.1, dt=10.0)
        >>> states = noisy_states(network, input=[0.0], starts=[[0.0, 0.0]], duration=1000.0, n_runs=5)
        >>> dict(states.sizes)
        {'trial': 5, 'time': 100, 'unit': 2}
    """
    own = float(getattr(network, "sigma_rec", 0.0))
    if (own > 0) == (diffusion is not None) or (diffusion is not None and not diffusion > 0):
        raise ValueError(
            "A quasi-potential needs noise, and of one kind: the network's own, or a diffusion above 0 for a system "
            f"without. Got sigma_rec={own:g} and diffusion={diffusion}."
        )
    first = np.atleast_2d(plain(starts))
    n_units = getattr(network, "n_units", first.shape[-1])
    if first.ndim != 2 or first.shape[1] != n_units or not len(first) or not np.isfinite(first).all():
        raise ValueError(
            f"starts must be finite states (start, unit) of {n_units} units: got shape {first.shape}."
        )
    dt = float(network.dt)
    kept = dt if every is None else every
    if not (kept >= dt * (1 - 1e-9) and duration >= kept and burn_in >= 0) or n_runs < 1:
        raise ValueError(
            f"A run needs duration >= every >= dt={dt:g} ms, burn_in >= 0 and n_runs >= 1: got duration={duration}, "
            f"every={every}, burn_in={burn_in} and n_runs={n_runs}."
        )
    held = held_input(input, getattr(network, "n_inputs", None))
    stride = round(kept / dt)
    n_kept, n_burn = math.floor(duration / (stride * dt) * (1 + 1e-12)), round(burn_in / dt)
    begin = np.repeat(first, n_runs, axis=0)
    with torch.no_grad(), single_threaded():
        if own > 0 and isinstance(network, AbstractNetwork):
            values = _own_noise(network, held, begin, n_burn, n_kept, stride, seed)
        elif own > 0:
            raise ValueError(
                f"{type(network).__name__} says sigma_rec={own:g} but is no network of this library: how its noise enters is "
                "not known. Pass its deterministic part and a diffusion."
            )
        else:
            values = _white_noise(network, held, begin, n_burn, n_kept, stride, float(diffusion or 0.0), seed)
    return xr.DataArray(
        values,
        dims=("trial", "time", "unit"),
        coords={
            "trial": np.arange(len(begin)),
            "time": (
                "time",
                burn_in + stride * dt * np.arange(1, n_kept + 1),
                {"units": "ms", "long_name": "time"},
            ),
            "unit": np.arange(n_units),
            "start": (
                "trial",
                np.repeat(np.arange(len(first)), n_runs),
                {"long_name": "start", "units": "1"},
            ),
        },
        name="state",
        attrs=provenance("neurornn.NoisyStates/1")
        | {
            "long_name": "state",
            "units": "1",
            "dt": dt,
            "seed": seed,
            "sigma_rec": own,
            "diffusion": diffusion or 0.0,
        },
    )


def _own_noise(
    network: AbstractNetwork,
    held: NDArray[np.float64],
    begin: NDArray[np.float64],
    n_burn: int,
    n_kept: int,
    stride: int,
    seed: int,
) -> NDArray[np.float64]:
    like = next(network.parameters())
    inputs = torch.as_tensor(held).to(like).expand(len(begin), -1)
    state = torch.as_tensor(begin).to(like)
    generator = torch_generator(seed, "noisy states", device=like.device)
    if n_burn:
        state = network.evolve(inputs, n_burn, state, generator=generator).final
    run = network.evolve(inputs, n_kept * stride, state, generator=generator, record_every=stride)
    return run.state.double().cpu().numpy()


def _white_noise(
    network: HasDrift,
    held: NDArray[np.float64],
    begin: NDArray[np.float64],
    n_burn: int,
    n_kept: int,
    stride: int,
    diffusion: float,
    seed: int,
) -> NDArray[np.float64]:
    system = freeze(network, begin.shape[1])
    x = torch.as_tensor(begin, device=system.device).clone()
    input = torch.as_tensor(held, device=system.device)
    check_drift(system, x, input)
    values = np.empty((len(begin), n_kept, begin.shape[1]))
    size = math.sqrt(2 * diffusion * system.dt)
    n_steps = n_burn + n_kept * stride
    for first in range(0, n_steps, _BLOCK):
        noise = normal_array(derive_seed(seed, "noisy states", first), _BLOCK, *begin.shape)
        for k in range(first, min(first + _BLOCK, n_steps)):
            x = system.step(x, input) + size * torch.as_tensor(noise[k - first], device=x.device)
            done = k + 1 - n_burn
            if done > 0 and done % stride == 0:
                values[:, done // stride - 1] = x.cpu().numpy()
    return values
