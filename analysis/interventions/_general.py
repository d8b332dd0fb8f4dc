"""Any other network or drift step by step: what is done to its state, and to a copy of it."""

__all__ = ["General"]

import copy
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurornn import kernels
from neurornn.analysis._system import plain
from neurornn.analysis.interventions._base import Action, Readout, Subject, clamped, pushed
from neurornn.analysis.interventions._variants import Variants
from neurornn.networks import AbstractNetwork, Trajectory
from neurornn.trials import Trials

_STRETCH = 128  # steps whose noise is in memory at a time


class General:
    """A network or an object with a drift, run by its own steps.

    Args:
        network: The network.
        trials: Trials it is to run.
        readout: What is read from its states, or None for its own.
        start: State before the first step, or None for its own.

    Raises:
        TypeError: If nothing can be read from it.
        ValueError: If it is noisy without saying how noise enters its steps, or something does not fit.
    """

    def __init__(self, network: Subject, trials: Trials, readout: Readout | None, start: Any) -> None:  # noqa: ANN401
        self.network = cast(Any, network)
        own = isinstance(network, AbstractNetwork)
        self.n_units, self.n_inputs = int(self.network.n_units), trials.inputs.shape[2]
        self.n_outputs, self.dt = len(trials.info.output_names), float(network.dt)
        self.sigma_rec = float(getattr(network, "sigma_rec", 0.0))
        if self.sigma_rec and not own:
            raise ValueError(
                f"How noise enters the steps of {type(network).__name__} is not known: got sigma_rec={self.sigma_rec:g}. Pass its "
                "deterministic part."
            )
        named = getattr(network, "cell_types", None)
        self.cell_types = np.full(self.n_units, "", dtype="<U1") if named is None else named
        self.areas = getattr(network, "areas", np.full(self.n_units, "", dtype="<U1"))
        self._readout = _matrix(readout, self.n_units, self.n_outputs)
        if self._readout is None and not (_has(network, "rate") and _has(network, "read_out")):
            raise TypeError(
                f"{type(network).__name__} says neither what its rates are nor what is read from them (methods rate and "
                "read_out). Pass readout=..., a matrix (output, unit) or a function from states to outputs."
            )
        self._start = None if start is None else torch.as_tensor(plain(start))
        if self._start is not None and self._start.shape not in {
            (self.n_units,),
            (trials.n_trials, self.n_units),
        }:
            raise ValueError(
                f"start is a state of {self.n_units} units, (unit,) or (trial, unit): got shape {tuple(self._start.shape)}."
            )

    def check_trials(self, trials: Trials) -> None:
        """Refuse trials of another time step or with other inputs.

        Args:
            trials: The trials.

        Raises:
            ValueError: If they do not fit.
        """
        AbstractNetwork.check_trials(self, trials)  # type: ignore[arg-type]
        known = getattr(self.network, "n_inputs", None)
        if known is not None and known != self.n_inputs:
            raise ValueError(f"The trials have {self.n_inputs} input channels and the network takes {known}.")

    def check_actions(self, actions: list[Action]) -> None:
        """Refuse what only the equations of a leaky network allow.

        Args:
            actions: What is to be done.

        Raises:
            TypeError: If one is a current.
            ValueError: If silent units would not be silent.
        """
        name = type(self.network).__name__
        if any(each.current is not None for each in actions):
            raise TypeError(
                f"Drive adds a current beside the input, and {name} does not say where its currents enter (it is no CTRNN). Use "
                "Push, which adds to the velocity of the state."
            )
        for each in actions:
            if each.silent is not None:
                rest = self.rate(self.like().new_zeros(1, self.n_units))[0, each.silent]
                if bool((rest != 0).any()):
                    raise ValueError(
                        f"Silent units of {name} are held at state 0, where their rate is {rest.abs().max().item():.3g} and not 0. "
                        "Clamp them at the state that is silent."
                    )

    def parameters(self) -> Any:  # noqa: ANN401
        """Parameters of the network, or a number of the type that it computes in."""
        yield self.like()

    def like(self) -> Tensor:
        """A tensor of the type and on the device of the network."""
        if isinstance(self.network, nn.Module):
            for each in (*self.network.parameters(), *self.network.buffers()):
                if each.is_floating_point():
                    return each
        return torch.zeros((), dtype=torch.float64)

    def rate(self, state: Tensor) -> Tensor:
        """Rates of states: the states themselves if the network says nothing else."""
        return self.network.rate(state) if _has(self.network, "rate") else state

    def run(self, inputs: Tensor, key: int, actions: list[Action]) -> Trajectory:
        """Run trials.

        Args:
            inputs: Inputs, ``(batch, time, input)``.
            key: Key of the noise.
            actions: What is done.

        Returns:
            What the network did.
        """
        n_trials, n_steps, _ = inputs.shape
        versions = Variants(
            self.network,
            [(each.active, _edited(each.edit)) for each in actions if each.edit is not None],
            inputs.device,
        )
        noisy = any(float(getattr(each, "sigma_rec", 0.0)) > 0 for each in versions.all())
        state = self._imposed(actions, 0, self._initial(n_trials, inputs), None)
        states, rates = (inputs.new_empty(n_trials, n_steps, self.n_units) for _ in range(2))
        outputs = inputs.new_empty(n_trials, n_steps, self.n_outputs)
        for k in range(n_steps):
            if k % _STRETCH == 0 and noisy:
                noise = kernels.normal_numbers(
                    key, n_trials, min(_STRETCH, n_steps - k), self.n_units, inputs, k
                )
            xi = noise[:, k % _STRETCH] if noisy else None
            before = state
            for rows, each in versions.at(k):
                after = _step(each, before, inputs[:, k], xi)
                state = after if rows is None else torch.where(rows[:, None], after, state)
            state = self._imposed(actions, k, pushed(actions, k, state, self.dt), before)
            states[:, k], rates[:, k] = state, self.rate(state)
            for rows, each in versions.at(k):
                read = self._read(each, state, rates[:, k])
                outputs[:, k] = read if rows is None else torch.where(rows[:, None], read, outputs[:, k])
        return Trajectory(states, rates, outputs, state)

    def _initial(self, n_trials: int, inputs: Tensor) -> Tensor:
        if self._start is not None:
            return self._start.to(inputs).expand(n_trials, self.n_units).clone()
        if _has(self.network, "initial_state"):
            return self.network.initial_state(n_trials).to(inputs).clone()
        return inputs.new_zeros(n_trials, self.n_units)

    def _imposed(self, actions: list[Action], k: int, state: Tensor, before: Tensor | None) -> Tensor:
        state = clamped(actions, k, state, before)
        for each in actions:
            if each.silent is not None:
                state = state.masked_fill(each.active[:, k, None] & each.silent, 0.0)
        return state

    def _read(self, network: Any, state: Tensor, rate: Tensor) -> Tensor:  # noqa: ANN401
        if self._readout is None:
            return network.read_out(rate)
        if isinstance(self._readout, Tensor):
            return state @ self._readout.to(state).T
        read = self._readout(state)
        if not isinstance(read, Tensor) or read.shape != (len(state), self.n_outputs):
            found = tuple(read.shape) if isinstance(read, Tensor) else type(read).__name__
            raise ValueError(
                f"The read-out must take states {tuple(state.shape)} to outputs ({len(state)}, {self.n_outputs}): got {found}."
            )
        return read


def _step(network: Any, state: Tensor, input: Tensor, xi: Tensor | None) -> Tensor:  # noqa: ANN401
    if isinstance(network, AbstractNetwork):
        return network.step(state, input, xi if network.sigma_rec > 0 else None)
    return torch.as_tensor(state + network.dt * network.drift(state, input))


def _edited(edit: Callable[[Any], None]) -> Callable[[Any], Any]:
    def version(network: Any) -> Any:  # noqa: ANN401
        twin = copy.deepcopy(network)
        edit(twin)
        return twin

    return version


def _matrix(
    readout: Readout | None, n_units: int, n_outputs: int
) -> Tensor | Callable[[Tensor], Tensor] | None:
    if readout is None or (callable(readout) and not isinstance(readout, Tensor)):
        return readout
    values: NDArray[np.float64] = np.atleast_2d(plain(readout))
    if values.shape != (n_outputs, n_units) or not np.isfinite(values).all():
        raise ValueError(
            f"readout must be a finite matrix (output, unit), ({n_outputs}, {n_units}) for these trials, or a function from states "
            f"to outputs: got shape {values.shape}."
        )
    return torch.as_tensor(values)


def _has(network: object, name: str) -> bool:
    return callable(getattr(network, name, None))
