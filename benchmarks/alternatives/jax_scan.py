"""The same network as a jitted ``jax.lax.scan`` on the CPU, written in two ways.

Which of the two is faster depends on the size, so both are timed and the faster one counts. JAX's default generator
is used: "rbg" was slower on the CPU.
"""

__all__ = ["ScanDrawsBefore", "ScanDrawsWithin"]

import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from alternatives.case import DT, SIGMA, TAU, Alternative, Case

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax
import jax.numpy as jnp

ALPHA = DT / TAU
KICK = (2 * ALPHA) ** 0.5 * SIGMA


class _Scan(Alternative):
    """What the two have in common."""

    equation: ClassVar = {"form": "current", "activation": "tanh"}

    def __init__(self, case: Case, parameters: Mapping[str, Tensor]) -> None:
        self.double = case.dtype == torch.float64
        self.shape = (case.steps, case.batch, case.units)
        with jax.enable_x64(self.double):
            self.parameters = {name: jnp.asarray(value.numpy()) for name, value in parameters.items()}
            time_major = (
                values.transpose(0, 1).contiguous().numpy() for values in (case.inputs, case.targets)
            )
            self.inputs, self.targets = map(jnp.asarray, time_major)
            self.dtype = self.inputs.dtype
            self.key = jax.random.key(0)
            self.step = jax.jit(self._step)
            self.step_with = jax.jit(jax.value_and_grad(self._loss_with))

    @abstractmethod
    def _loss(self, parameters, inputs, targets, key):
        """Loss under noise drawn from a key."""

    @abstractmethod
    def _loss_with(self, parameters, inputs, targets, noise):
        """Loss under this noise, by the same code."""

    def _step(self, parameters, inputs, targets, key):
        key, here = jax.random.split(key)
        return key, jax.value_and_grad(self._loss)(parameters, inputs, targets, here)

    def _backward(self) -> jax.Array:
        with jax.enable_x64(self.double):
            self.key, results = self.step(self.parameters, self.inputs, self.targets, self.key)
            return jax.block_until_ready(results)[0]

    def run(self) -> None:
        """One step, until all its results are there."""
        self._backward()

    def gradients(self, noise: Tensor) -> dict[str, Tensor]:
        """One step with this noise."""
        with jax.enable_x64(self.double):
            noise = jnp.asarray(noise.transpose(0, 1).contiguous().numpy())
            loss, gradients = self.step_with(self.parameters, self.inputs, self.targets, noise)
            return {
                name: torch.from_numpy(np.array(value)) for name, value in {"loss": loss, **gradients}.items()
            }


class ScanDrawsBefore(_Scan):
    """All noise and the input currents are made before the loop: faster where the network is small."""

    def _loss(self, parameters, inputs, targets, key):
        return self._loss_with(parameters, inputs, targets, jax.random.normal(key, self.shape, self.dtype))

    def _loss_with(self, parameters, inputs, targets, noise):
        def step(x, now):
            drive, xi = now
            x = (1 - ALPHA) * x + ALPHA * (jnp.tanh(x) @ parameters["W_rec"].T + drive) + KICK * xi
            return x, x

        drives = inputs @ parameters["W_in"].T + parameters["bias"]
        _, states = jax.lax.scan(step, jnp.zeros(self.shape[1:], self.dtype), (drives, noise))
        return _mean_squared_error(parameters, states, targets)


class ScanDrawsWithin(_Scan):
    """Each step draws its noise and weighs its inputs: nothing of the size of the activity is made before the loop."""

    def _loss(self, parameters, inputs, targets, key):
        def draw(key):
            return jax.random.normal(key, self.shape[1:], self.dtype)

        return self._scan(parameters, inputs, targets, jax.random.split(key, self.shape[0]), draw)

    def _loss_with(self, parameters, inputs, targets, noise):
        return self._scan(parameters, inputs, targets, noise, lambda xi: xi)

    def _scan(self, parameters, inputs, targets, sources, draw):
        def step(x, now):
            u, source = now
            current = jnp.tanh(x) @ parameters["W_rec"].T + u @ parameters["W_in"].T + parameters["bias"]
            x = (1 - ALPHA) * x + ALPHA * current + KICK * draw(source)
            return x, x

        _, states = jax.lax.scan(step, jnp.zeros(self.shape[1:], self.dtype), (inputs, sources))
        return _mean_squared_error(parameters, states, targets)


def _mean_squared_error(parameters, states, targets):
    outputs = jnp.tanh(states) @ parameters["W_out"].T + parameters["bias_out"]
    return jnp.mean(jnp.square(outputs - targets))
