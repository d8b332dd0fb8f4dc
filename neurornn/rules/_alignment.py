r"""How far the gradient of a learning rule points where the exact gradient points."""

__all__ = ["alignment"]

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any, Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective
from neurornn.provenance import provenance
from neurornn.rules._base import AbstractRule
from neurornn.rules._bptt import BPTT
from neurornn.rules._gradient import contributions, feedback_cosine, gradient, names
from neurornn.trials import Trials

_MEASURES: Final = {
    "cosine": "cosine to the exact gradient",
    "sign_agreement": "entries with the sign of the exact gradient",
    "norm_ratio": "norm relative to the exact gradient",
    "n_zero": "entries without a sign",
}


def alignment(
    network: AbstractNetwork,
    trials: Trials,
    rules: Sequence[AbstractRule] | Mapping[str, AbstractRule],
    *,
    objective: Objective = Objective(),
    by: str | None = None,
    steps: bool = True,
    seed: int = 0,
) -> xr.Dataset:
    r"""Compare the gradients of rules with the exact one: same network, same trials, same noise.

    .. math::
        \text{cosine} = \frac{\langle \hat g, g \rangle}{\lVert \hat g \rVert\,\lVert g \rVert}, \qquad
        \text{sign agreement} = \frac{|\{i : \hat g_i g_i > 0\}|}{|\{i : \hat g_i g_i \ne 0\}|}, \qquad
        \text{norm ratio} = \frac{\lVert \hat g \rVert}{\lVert g \rVert}

    where :math:`g` is the gradient of :class:`BPTT` and :math:`\hat g` that of the rule. Each is taken for every
    trained parameter, and for ``"all"`` of them as one long vector; the effective matrices are called by their names,
    ``"W_rec"`` for ``recurrent.raw``. What has no value is NaN: the cosine where one gradient is 0, the sign agreement
    where no entry has two signs. Entries without a sign in one of the two gradients are left out of the agreement and
    counted in ``n_zero``.

    A step :math:`t` of the trial contributes :math:`\sum_b A_t r_{t-1}^\top` to the gradient of ``W_rec``, summed over
    trials, where :math:`A_t` is what the rule takes for the credit of the recurrent current of that step. These
    contributions add up to the gradient, penalties on the weights aside. Rules that never form them are NaN here: those
    that carry influence forward in time, rules of your own, and all rules in a network that is no :class:`~neurornn.CTRNN`.

    The gradient of a condition is that of the objective on the trials of this condition alone, with the noise they have
    in the whole batch.

    Args:
        network: The network; it is left untouched, and so are its ``.grad`` and what a rule remembers of it.
        trials: One batch.
        rules: The rules, named by what distinguishes them from their defaults; a mapping gives names of your own.
        objective: What the gradients are of.
        by: Condition variable of the trials by whose values they are told apart, or None.
        steps: Whether to look at each step of the trial. Needs memory for the activity of the batch.
        seed: Seed of the recurrent noise and of rules that draw random numbers. Such a rule is drawn once: its gradient
            is an estimate, and the mean cosine of several seeds says how good a single one is.

    Returns:
        A dataset with dimensions ``rule`` and ``parameter``: ``cosine``, ``sign_agreement``, ``norm_ratio``, ``n_zero``
        and, without ``rule``, ``exact_norm`` and ``n_entries``; ``feedback_cosine`` between the read-out matrix and the
        matrix that carries errors back, NaN for rules without one. With ``by`` the first four also as ``condition_cosine``
        and so on, along ``condition``; with ``steps`` as ``step_cosine`` and so on, of ``W_rec``, along ``time`` in ms.

    Raises:
        TypeError: If a rule is no rule.
        ValueError: If there is no rule, two have the same name, nothing is trained, or no condition is called ``by``.

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> from neurornn.rules import BPTT, TruncatedBPTT
        >>> task = tasks.make("context-decision")
        >>> network = CTRNN(task.n_inputs, 20, task.n_outputs)
        >>> ds = alignment(network, task.sample(8, seed=0), [BPTT(), TruncatedBPTT(5)])
        >>> ds.rule.values.tolist(), ds.parameter.values.tolist()
        (['BPTT', 'TruncatedBPTT(depth=5)'], ['W_rec', 'W_in', 'W_out', 'bias', 'bias_out', 'all'])
        >>> bool(ds.cosine.sel(rule="TruncatedBPTT(depth=5)", parameter="W_rec") < 1)
        True
    """
    from neurornn.config import describe  # it knows the rules by name

    named = _named(rules)
    parameters = [*names(network).values()]
    if not parameters:
        raise ValueError("The network has no parameter to train: all have requires_grad=False.")
    exact = gradient(BPTT(), network, trials, objective, seed)
    found = {name: gradient(rule, network, trials, objective, seed) for name, rule in named.items()}
    data: dict[str, Any] = _compared(("rule", "parameter"), "", [[*_pairs(g, exact)] for g in found.values()])
    lengths = [each.numel() for _, each in _pairs(exact, exact)]
    norms = [float(each.norm()) for _, each in _pairs(exact, exact)]
    readout = [feedback_cosine(rule, network) for rule in named.values()]
    data["exact_norm"] = ("parameter", norms, _label("norm of the exact gradient"))
    data["n_entries"] = ("parameter", lengths, _label("entries"))
    data["feedback_cosine"] = ("rule", readout, _label("cosine between read-out and feedback"))
    coords: dict[str, Any] = {
        "rule": ("rule", [*named], {"long_name": "learning rule"}),
        "parameter": ("parameter", [*parameters, "all"], {"long_name": "parameter"}),
    }
    if by is not None:
        added, index, n_without = _by_condition(network, trials, named, objective, by, seed)
        data |= added
        coords["condition"] = index
        coords["n_trials"] = n_without
    if steps:
        data |= _by_step(network, trials, named, objective, seed)
        coords["time"] = ("time", trials.time, {"units": "ms", "long_name": "time from trial onset"})
    attrs = provenance("neurornn.Alignment/1") | {
        "task": trials.info.task,
        "dt": trials.info.dt,
        "n_trials_in_batch": trials.n_trials,
        "trial_seed": trials.info.seed,
        "noise_seed": int(seed),
        "sigma_rec": network.sigma_rec,
        "network": json.dumps(describe(network)),
        "rules": json.dumps({name: describe(rule) for name, rule in named.items()}),
        "objective": json.dumps(describe(objective)),
    }
    return xr.Dataset(data, coords, attrs)


def _by_condition(
    network: AbstractNetwork,
    trials: Trials,
    named: Mapping[str, AbstractRule],
    objective: Objective,
    by: str,
    seed: int,
) -> tuple[dict[str, Any], Any, Any]:
    """The comparison for the trials of each value of a condition, the values, and how many trials each has."""
    if by not in trials.conditions:
        raise ValueError(
            f"Task '{trials.info.task}' has no condition '{by}'. It has: {', '.join(trials.conditions) or 'none'}."
        )
    values = trials.conditions[by]
    missing = values != values  # NaN
    levels = np.unique(values[~missing])
    if not levels.size:
        raise ValueError(f"No trial has a value for '{by}'.")
    table: list[list[list[tuple[Tensor, Tensor]]]] = [[] for _ in named]
    for level in levels:
        alone = _alone(trials, values == level)
        try:
            exact = gradient(BPTT(), network, alone, objective, seed)
            for row, rule in zip(table, named.values(), strict=True):
                row.append([*_pairs(gradient(rule, network, alone, objective, seed), exact)])
        except ValueError as error:
            raise ValueError(f"With {by}={level}: {error}") from error
    label = {"long_name": by.replace("_", " "), "units": trials.info.units.get(by, "1"), "condition": by}
    counts = [int((values == level).sum()) for level in levels]
    return (
        _compared(("rule", "condition", "parameter"), "condition_", table),
        ("condition", levels, label),
        ("condition", counts, _label("trials") | {"n_without": int(missing.sum())}),
    )


def _by_step(
    network: AbstractNetwork,
    trials: Trials,
    named: Mapping[str, AbstractRule],
    objective: Objective,
    seed: int,
) -> dict[str, Any]:
    """The comparison of what each step contributes to the gradient of the recurrent matrix."""
    table = np.full((len(named), trials.n_steps, len(_MEASURES)), np.nan)
    exact = contributions(BPTT(), network, trials, objective, seed)
    for row, rule in zip(table, named.values(), strict=True):
        found = contributions(rule, network, trials, objective, seed)
        if exact is not None and found is not None:
            row[:] = [_measured(found.at(t), exact.at(t)) for t in range(trials.n_steps)]
    return _variables(("rule", "time"), "step_", table)


def _alone(trials: Trials, chosen: NDArray[np.bool_]) -> Trials:
    """The same batch, in which the other trials have neither mask nor length: noise belongs to places in a batch."""
    rows = torch.as_tensor(chosen).to(trials.mask)
    epochs = trials.epochs or {"trial": np.stack([np.zeros(trials.n_trials), trials.duration], 1)}
    return replace(
        trials,
        mask=trials.mask * rows[:, None],
        epochs={name: np.where(chosen[:, None], bounds, 0.0) for name, bounds in epochs.items()},
    )


def _pairs(found: Mapping[str, Tensor], exact: Mapping[str, Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Both gradients of each parameter and of all."""
    both = [(found[name], exact[name]) for name in exact]
    yield from both
    one, other = zip(*both, strict=True)
    yield torch.cat(one), torch.cat(other)


def _compared(dims: tuple[str, ...], prefix: str, table: Any) -> dict[str, Any]:  # noqa: ANN401
    """Variables from nested lists of pairs, nested as the dimensions say."""

    def walk(part: Any, depth: int) -> Any:  # noqa: ANN401
        return _measured(*part) if depth == 0 else [walk(each, depth - 1) for each in part]

    return _variables(dims, prefix, np.array(walk(table, len(dims))))


def _variables(dims: tuple[str, ...], prefix: str, values: NDArray[np.float64]) -> dict[str, Any]:
    found = {name: values[..., k] for k, name in enumerate(_MEASURES)}
    return {prefix + name: (dims, each, _label(_MEASURES[name])) for name, each in found.items()}


def _measured(found: Tensor, exact: Tensor) -> tuple[float, float, float, float]:
    """Cosine, sign agreement, norm ratio and number of entries without a sign."""
    norm, exact_norm = float(found.norm()), float(exact.norm())
    product = found.sign() * exact.sign()
    signed = int(product.abs().sum()) if bool(product.isfinite().all()) else 0
    return (
        float(torch.dot(found / norm, exact / exact_norm)) if norm and exact_norm else np.nan,
        int((product > 0).sum()) / signed if signed else np.nan,
        norm / exact_norm if exact_norm else np.nan,
        float(found.numel() - signed),
    )


def _label(words: str) -> dict[str, str]:
    return {"units": "1", "long_name": words}


def _named(rules: Sequence[AbstractRule] | Mapping[str, AbstractRule]) -> dict[str, AbstractRule]:
    if isinstance(rules, AbstractRule) or not isinstance(rules, Sequence | Mapping) or isinstance(rules, str):
        raise TypeError(f"rules must be a list of rules, or a mapping from names to rules: got {rules!r}.")
    pairs = [*rules.items()] if isinstance(rules, Mapping) else [(_name(rule), rule) for rule in rules]
    if not pairs:
        raise ValueError("alignment needs at least one rule, for instance [rules.TruncatedBPTT(5)].")
    for _, rule in pairs:
        if not isinstance(rule, AbstractRule):
            hint = f" Did you mean {rule.__name__}()?" if isinstance(rule, type) else ""
            raise TypeError(f"rules must hold learning rules: got {rule!r}.{hint}")
    named = {str(name): rule for name, rule in pairs}
    if len(named) < len(pairs):
        raise ValueError(
            f"Two rules have the same name: got {', '.join(str(name) for name, _ in pairs)}. Name them yourself with a "
            "mapping, {'name': rule}."
        )
    return named


def _name(rule: object) -> str:
    """The class, and the settings that are not the defaults."""
    name = type(rule).__name__
    if not is_dataclass(rule) or isinstance(rule, type):
        return name
    told = []
    for field in fields(rule):
        value = getattr(rule, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if field.repr and not _same(value, default):
            told.append(f"{field.name}={_name(value) if is_dataclass(value) else repr(value)}")
    return f"{name}({', '.join(told)})" if told else name


def _same(value: object, default: object) -> bool:
    try:
        return bool(value == default)
    except ValueError:  # arrays
        return False
