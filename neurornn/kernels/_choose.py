"""Which implementation of the time loop runs, and why."""

__all__ = ["Path", "choose", "explain", "run"]

import importlib.util
import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from neurornn.activations import activation as find_activation
from neurornn.kernels._problem import Circuit, Credit, Noise, Request, Run
from neurornn.kernels._reference import run_reference, run_segments

if TYPE_CHECKING:
    from neurornn.networks import AbstractNetwork

_log = logging.getLogger(__name__)
_COMPILED_TYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Path:
    """An implementation of the time loop.

    Attributes:
        name: ``"compiled"``: machine code for the CPU. ``"captured"``: CUDA graphs. ``"reference"``: plain PyTorch.
        reason: Why it was chosen.
    """

    name: Literal["compiled", "captured", "reference"]
    reason: str


def choose(circuit: Circuit, *others: Tensor) -> Path:
    """The implementation for a circuit.

    Args:
        circuit: The network.
        others: Further tensors that take part in the run.

    Returns:
        The fastest one that gives the right answer.
    """
    tensors = [each for each in (*circuit, *others) if isinstance(each, Tensor)]
    phi = circuit.activation
    kinds, devices = {each.dtype for each in tensors}, {each.device for each in tensors}
    if len(devices) > 1 or circuit.W_rec.device.type not in {"cpu", "cuda"}:
        return Path("reference", f"the network is on {', '.join(sorted(map(str, devices)))}")
    device = devices.pop()
    if len(kinds) > 1 or not kinds.issubset(_COMPILED_TYPES):
        return Path(
            "reference",
            f"there is compiled code for float32 and float64, not for {', '.join(map(str, kinds))}",
        )
    if device.type == "cuda":
        return _choose_on_cuda(circuit, tensors)
    if not _is_known(phi):
        return Path(
            "reference",
            f"there is no compiled code for the activation '{phi.name}', which is not one of the package's own",
        )
    if _transformed(tensors):
        return Path("reference", "a function transform or forward-mode differentiation is at work")
    problem = _compiler_problem()
    if problem:
        return Path("reference", problem)
    return Path("compiled", f"{circuit.form} form, {phi.name}, {kinds.pop()} on the CPU")


def run(
    circuit: Circuit,
    inputs: Tensor,
    start: Tensor,
    noise: Noise | None,
    credit: Credit = Credit(),
    *,
    record: bool = True,
    costs: bool = False,
    checkpoint_every: int | None = None,
) -> Run:
    """Run a leaky network through time by the fastest means there is.

    Args:
        circuit: The network.
        inputs: Inputs ``(batch, time, input)``.
        start: States before the first step ``(batch, unit)``.
        noise: Recurrent noise, or None.
        credit: How gradients are handed back.
        record: Whether states and rates are wanted.
        costs: Whether the sizes and squares of the rates are.
        checkpoint_every: Keep no activity for the backward pass but the states so many steps apart, and compute the rest again.

    Returns:
        The run; every array is differentiable.

    Raises:
        ValueError: If the shapes do not fit together.
    """
    given = [] if noise is None or noise.values is None else [noise.values]
    _check_shapes(circuit, inputs, start, *given)
    path = choose(circuit, inputs, start, *given)
    if torch.is_grad_enabled() and any(each.requires_grad for each in given):
        path = Path("reference", "the gradient of the given noise is wanted")
    options: Any = {"record": record, "costs": costs, "checkpoint_every": checkpoint_every}
    if path.name == "captured":
        from neurornn.kernels._captured import lend
        from neurornn.kernels._node import run_loops

        return run_loops(circuit, inputs, start, noise, credit, lend=lend, **options)
    if path.name == "compiled":
        from neurornn.kernels._cpu import prepare, run_compiled  # the compiler is slow to import

        prepare(inputs.dtype)
        return run_compiled(Request(circuit, noise, credit, **options), inputs, start)
    _say(path.reason)
    if checkpoint_every is not None:
        return run_segments(circuit, inputs, start, noise, credit, costs=costs, every=checkpoint_every)
    result = run_reference(circuit, inputs, start, noise, credit, costs=costs)
    return result if record else result._replace(state=None, rate=None)


def explain(network: "AbstractNetwork") -> str:
    """Which implementation of the time loop a network runs on, and why.

    Args:
        network: A network.

    Returns:
        One sentence.

    Examples:
        >>> import neurornn
        >>> print(explain(neurornn.CTRNN(2, 10, 1, activation="tanh")))
        compiled: current form, tanh, torch.float32 on the CPU
    """
    circuit = getattr(network, "circuit", None)
    if circuit is None:
        return f"own: {type(network).__name__} is not a leaky network and runs its own loop"
    with torch.no_grad():
        path = choose(circuit())
    return f"{path.name}: {path.reason}"


def _choose_on_cuda(circuit: Circuit, tensors: list[Tensor]) -> Path:
    phi, W_rec = circuit.activation, circuit.W_rec
    if _transformed(tensors):
        return Path("reference", "a function transform or forward-mode differentiation is at work")
    if not _is_known(phi):
        with torch.enable_grad():
            if phi(W_rec.new_zeros(1)).requires_grad:
                return Path("reference", f"the activation '{phi.name}' has trained numbers of its own")
    return Path("captured", f"{circuit.form} form, {phi.name}, {W_rec.dtype} on {W_rec.device}")


def _check_shapes(circuit: Circuit, inputs: Tensor, start: Tensor, *noise: Tensor) -> None:
    n_trials, n_steps, n_inputs = inputs.shape
    n_outputs, n_units = circuit.W_out.shape
    expected: list[tuple[str, Tensor | None, list[tuple[int, ...]]]] = [
        ("W_rec", circuit.W_rec, [(n_units, n_units)]),
        ("W_in", circuit.W_in, [(n_units, n_inputs)]),
        ("bias", circuit.bias, [(n_units,)]),
        ("bias_out", circuit.bias_out, [(n_outputs,)]),
        ("alpha", circuit.alpha, [(), (n_units,)]),
        ("start", start, [(n_trials, n_units)]),
    ]
    expected += [("noise", each, [(n_trials, n_steps, n_units)]) for each in noise]
    for name, tensor, shapes in expected:
        if tensor is not None and tensor.shape not in shapes:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}, and {n_units} units, {n_outputs} outputs and inputs of shape "
                f"{tuple(inputs.shape)} need {' or '.join(map(str, shapes))}."
            )


def _is_known(phi: Any) -> bool:  # noqa: ANN401
    """Whether an activation is one of the package's own, and not only named like one."""
    try:
        own = find_activation(phi.name)
    except ValueError:
        return False
    return own is phi or all(
        _same(getattr(own, part), getattr(phi, part)) for part in ("function", "derivative")
    )


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether two functions are the same; copies of a partial function are."""
    parts = [(getattr(each, "func", each), getattr(each, "keywords", None)) for each in (one, other)]
    return parts[0] == parts[1]


def _transformed(tensors: list[Tensor]) -> bool:
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return True
    return (
        any(torch.autograd.forward_ad.unpack_dual(each).tangent is not None for each in tensors)
        if _dual_level()
        else False
    )


def _dual_level() -> bool:
    return torch.autograd.forward_ad._current_level >= 0


@cache
def _compiler_problem() -> str:
    """Why there is no compiler, or nothing."""
    if importlib.util.find_spec("numba") is None:
        return "the package numba is not installed"
    try:
        import neurornn.kernels._cpu  # noqa: F401
    except Exception as problem:
        return f"the compiler does not work here: {problem}"
    return ""


@cache
def _say(reason: str) -> None:
    _log.debug("The time loop runs in plain PyTorch: %s.", reason)
