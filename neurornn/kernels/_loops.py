r"""The time loop and its adjoint in plain torch without autograd: tensors of fixed size, few operations in a step.

A long run is cut into stretches. All tensors of a stretch are made once and its operations read and write nothing else, so that they can be
recorded and replayed. Steps come first, batch second. With :math:`s` the state, :math:`a` the potential and noise
:math:`\eta = \sqrt{2/\alpha}\,\sigma\,\xi` a step is one product and two elementwise operations,

.. math::
    \text{current:}\quad a_t &= (1-\alpha)\,a_{t-1} + \alpha\,(W r_{t-1} + W_{in} u_t + b + \eta_t), \quad r_t = \phi(a_t) \\
    \text{rate:}\quad a_t &= W r_{t-1} + W_{in} u_t + b + [\eta_t], \quad r_t = (1-\alpha)\,r_{t-1} + \alpha\,(\phi(a_t) + [\eta_t])

where the noise of the rate form stands in one of its two places. The potentials, and the state before the stretch, are
all that the adjoint is given of the activity: rates and slopes are computed from them again, and the rates of the rate
form are relaxed through time once more. The recursion
:math:`m_t = S_t + F_{t+1} \odot m_{t+1} + H(m_{t+1})` is again one product and two operations in a step, carried out on
the credit that reaches the potential

.. math::
    \text{current:}\quad A_t &= (1-\alpha) A_{t+1} + \alpha\,\phi'(a_t)\,(S_t + H(A_{t+1})), \qquad A = \alpha m \\
    \text{rate:}\quad m_t &= S_t + (1-\alpha)\,m_{t+1} + H(A_{t+1}), \qquad A_t = \alpha\,\phi'(a_t)\,m_t

and each gradient of a weight is one product over batch and time.
"""

__all__ = ["Stretch"]

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor

from neurornn.activations import Activation
from neurornn.kernels._device_noise import normals_at
from neurornn.kernels._plan import Backward, Plan


class Stretch:
    r"""Tensors and operations of a stretch of the time loop.

    Write what goes in, call :meth:`forward`, read what comes out, all in place; then the same with :meth:`backward`,
    which needs ``kept`` and everything that went into the forward loop.

    Attributes:
        W_rec, W_in, bias, W_out, bias_out, alpha: The circuit, with one ``alpha`` for each unit. (in)
        loud: Size :math:`\sqrt{2/\alpha}\,\sigma` of the noise. (in)
        words: Key of the noise and number of the first step. (in)
        xi: Normal numbers, if they are given. (in)
        inputs: Inputs. (in)
        start: State before the first step. (in)
        kept: Potentials. (out, and in for the adjoint)
        rates: Rates before the first step and after each. (out)
        output: Read-out. (out)
        sizes: Means of the sizes and of the squares of the rates. (out)
        hop, feedback: Matrices through which credit goes back. (in)
        at_output, at_state, at_rate, at_sizes, at_last: Gradients that arrive, the last of them at the last state. (in)
        later: Credit, and in rate form the adjoint, of the step after the last. (in)
        earlier: The same of the first step. (out)
        at_start: Gradient of the start. (out)
        at_inputs: Gradient of the inputs. (out)
        gradient: Gradients of the circuit, one behind the other. (out)

    Args:
        plan: What the stretch is made of.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        t, b, n = plan.n_steps, plan.n_trials, plan.n_units
        self._new = partial(torch.zeros, dtype=plan.dtype, device=plan.device)
        self.W_rec, self.W_in, self.bias = self._new(n, n), self._new(n, plan.n_inputs), self._new(n)
        self.W_out, self.bias_out = self._new(plan.n_outputs, n), self._new(plan.n_outputs)
        self.alpha, self.loud = self._new(n), self._new(n)
        self.words = torch.zeros(3, dtype=torch.int64, device=plan.device)
        self.xi = self._new(*((0, 0, 0) if plan.noise == "none" else (t, b, n)))
        self.inputs, self.start = self._new(t, b, plan.n_inputs), self._new(b, n)
        self.kept, self.rates = self._new(t, b, n), self._new(t + 1, b, n)
        self.output = self._new(t, b, plan.n_outputs)
        self.sizes = self._new(2, t, b)
        self.current = plan.form == "current"
        self._kicked = plan.noise != "none" and not self.current and not plan.inside
        if plan.backward is not None:
            self._prepare_backward(plan.backward)

    @property
    def states(self) -> Tensor:
        """States after each step."""
        return self.kept if self.current else self.rates[1:]

    def forward(self) -> None:
        """Run from ``start`` to the end of the stretch."""
        plan = self.plan
        self._draw()
        torch.addmm(self.bias, self.inputs.flatten(0, 1), self.W_in.t(), out=self.kept.flatten(0, 1))
        if plan.noise != "none" and not self._kicked:
            self.kept.addcmul_(self.xi, self.loud)
        W, before, rates = self.W_rec.t(), self.start, self.rates.unbind()
        self._begin()
        for t, potential in enumerate(self.kept.unbind()):
            potential.addmm_(rates[t], W)
            if self.current:
                torch.lerp(before, potential, self.alpha, out=potential)
                before = potential
                _apply(plan.activation, potential, rates[t + 1])
            else:
                _apply(plan.activation, potential, rates[t + 1])
                if self._kicked:
                    rates[t + 1].addcmul_(self.xi[t], self.loud)
                torch.lerp(rates[t], rates[t + 1], self.alpha, out=rates[t + 1])
        after = self.rates[1:]
        torch.addmm(self.bias_out, after.flatten(0, 1), self.W_out.t(), out=self.output.flatten(0, 1))
        if plan.costs:
            torch.mean(after.abs(), -1, out=self.sizes[0])
            torch.mean(after.square(), -1, out=self.sizes[1])

    def backward(self) -> None:
        """Run from the end of the stretch to ``start``, from the potentials and the gradients that arrive."""
        plan, phi = self.plan, self.plan.activation
        if self._kicked or (plan.backward is not None and plan.backward.alpha):
            self._draw()
        keep = 1 - self.alpha
        self._rates_again()
        torch.mul(phi.derivative(self.kept), self.alpha, out=self._slopes)
        self._collect()
        credits, signals, slopes = self._credit.unbind(), self._signal.unbind(), self._slopes.unbind()
        for t in range(plan.n_steps - 1, -1, -1):
            if self.current:
                self._hop_back(signals[t], credits[t + 1])
                credits[t].addcmul_(credits[t + 1], keep).addcmul_(slopes[t], signals[t])
            else:
                signals[t].addcmul_(signals[t + 1], keep)
                self._hop_back(signals[t], credits[t + 1])
                torch.mul(slopes[t], signals[t], out=credits[t])
        if self.current:
            self.at_start.zero_()
            self._hop_back(self.at_start, credits[0])
            self.at_start.mul_(phi.derivative(self.start)).addcmul_(credits[0], keep / self.alpha)
        else:
            torch.mul(signals[0], keep, out=self.at_start)
            self._hop_back(self.at_start, credits[0])
        self._multiply()

    def _prepare_backward(self, backward: Backward) -> None:
        plan, new = self.plan, self._new
        t, b, n, n_in, n_out = plan.n_steps, plan.n_trials, plan.n_units, plan.n_inputs, plan.n_outputs
        self.hop = new(*{"matrix": (n, n), "diagonal": (n,), "none": (0,)}[backward.hop])
        self.feedback, self.at_output = new(n_out, n), new(t, b, n_out)
        recorded = (t, b, n) if backward.recorded else (0, 0, 0)
        self.at_rate, self.at_state = new(*recorded), new(*(recorded if self.current else (0, 0, 0)))
        self.at_sizes, self.at_last, self.at_start = new(2, t, b), new(b, n), new(b, n)
        self.at_inputs = new(*((t, b, n_in) if backward.inputs else (0, 0, 0)))
        self._slopes, self._credit = new(t, b, n), new(t + 1, b, n)
        self._signal = new(t + 1, b, n)
        whole = self._credit, self._signal
        self.later = [each[t] for each in whole[: 1 if self.current else 2]]
        self.earlier = [each[0] for each in whole[: 1 if self.current else 2]]
        self.gradient = new(sum(map(math.prod, plan.shapes)))

    def _draw(self) -> None:
        plan = self.plan
        if plan.noise == "drawn":
            self.xi.copy_(normals_at(self.words, plan.n_steps, plan.n_trials, plan.n_units))

    def _begin(self) -> None:
        if self.current:
            _apply(self.plan.activation, self.start, self.rates[0])
        else:
            self.rates[0].copy_(self.start)

    def _rates_again(self) -> None:
        self._begin()
        _apply(self.plan.activation, self.kept, self.rates[1:])
        if self.current:
            return
        if self._kicked:
            self.rates[1:].addcmul_(self.xi, self.loud)
        for before, after in pairwise(self.rates.unbind()):
            torch.lerp(before, after, self.alpha, out=after)

    def _collect(self) -> None:
        """Everything that reaches a step from outside the loop."""
        plan = self.plan
        signal, after, n = self._signal[:-1], self.rates[1:], plan.n_units
        torch.mm(self.at_output.flatten(0, 1), self.feedback, out=signal.flatten(0, 1))
        recorded = plan.backward is not None and plan.backward.recorded
        if recorded:
            signal.add_(self.at_rate)
        if plan.costs:
            signal.addcmul_(after.sign(), self.at_sizes[0].unsqueeze(-1), value=1 / n)
            signal.addcmul_(after, self.at_sizes[1].unsqueeze(-1), value=2 / n)
        if not self.current:
            signal[-1].add_(self.at_last)
            return
        credit = self._credit[:-1]
        if recorded:
            torch.mul(self.at_state, self.alpha, out=credit)
        else:
            credit.zero_()
        credit[-1].addcmul_(self.at_last, self.alpha)

    def _hop_back(self, onto: Tensor, credit: Tensor) -> None:
        if self.hop.ndim == 2:
            onto.addmm_(credit, self.hop)
        elif self.hop.numel():
            onto.addcmul_(credit, self.hop)

    def _multiply(self) -> None:
        """Gradients of the circuit and of the inputs from the credit of all steps."""
        at_rec, at_in, at_bias, at_out, at_bias_out, at_alpha = self.plan.parts(self.gradient)
        credit, errors = self._credit[:-1].flatten(0, 1), self.at_output.flatten(0, 1)
        torch.mm(credit.t(), self.rates[:-1].flatten(0, 1), out=at_rec)
        torch.mm(credit.t(), self.inputs.flatten(0, 1), out=at_in)
        torch.sum(credit, 0, out=at_bias)
        torch.mm(errors.t(), self.rates[1:].flatten(0, 1), out=at_out)
        torch.sum(errors, 0, out=at_bias_out)
        backward = self.plan.backward
        if backward is not None and backward.inputs:
            torch.mm(credit, self.W_in, out=self.at_inputs.flatten(0, 1))
        if backward is not None and backward.alpha:
            self._at_alpha(at_alpha)

    def _at_alpha(self, gradient: Tensor) -> None:
        r""":math:`\sum_t m_t\,(s_t - s_{t-1})/\alpha`, and what the size of the noise takes from it."""
        credit, work = self._credit[:-1], self._slopes
        if self.current:
            torch.sub(self.kept[0], self.start, out=work[0])
            torch.sub(self.kept[1:], self.kept[:-1], out=work[1:])
        else:
            torch.sub(self.rates[1:], self.rates[:-1], out=work)
        work.mul_(credit if self.current else self._signal[:-1])
        torch.sum(work, (0, 1), out=gradient)
        if self.current:
            gradient.div_(self.alpha)
        if self.plan.noise != "none":
            torch.mul(self._signal[:-1] if self._kicked else credit, self.xi, out=work)
            swing = work.sum((0, 1)).mul_(self.loud)
            gradient.sub_(swing.mul_(self.alpha) if self._kicked else swing, alpha=0.5)
        gradient.div_(self.alpha)


_INTO: Final[dict[Any, Callable[..., Any]]] = {  # functions that can write where they are told
    torch.tanh: torch.tanh,
    torch.sigmoid: torch.sigmoid,
    torch.relu: partial(torch.clamp, min=0),
    torch.nn.functional.softplus: torch.nn.functional.softplus,
}


def _apply(phi: Activation, potential: Tensor, out: Tensor) -> None:
    into = _INTO.get(phi.function)
    if into is None:
        out.copy_(phi.function(potential))
    else:
        into(potential, out=out)
