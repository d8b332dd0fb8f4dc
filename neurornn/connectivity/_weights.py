"""A weight matrix that cannot break its own rules."""

__all__ = ["SynapticWeights"]

from collections.abc import Mapping
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override


class SynapticWeights(nn.Module):
    r"""A weight matrix with declared signs, missing synapses and fixed synapses.

    .. math:: W = f(V) \odot s \odot M \text{ where plastic}, \qquad W = W^{\text{fixed}} \text{ elsewhere}

    ``raw`` is :math:`V`, what the optimiser moves; calling the module gives :math:`W`. Without signs
    :math:`f(V) = V`. A saved state holds both ``raw`` and, where there is any constraint, ``weight``
    (:math:`W` itself, for readers that know nothing of the parametrisation). Loading compares the two and
    refuses a state whose weights violate the declared signs, mask or fixed values.

    Args:
        n_post: Rows.
        n_pre: Columns.
        sign: +1 or -1 for each presynaptic unit, or None if signs are free.
        rectifier: ``"abs"`` or ``"relu"``, used where signs are declared.
        mask: True where a synapse exists, or None if all exist.
        fixed: Weight where a synapse does not learn and NaN elsewhere, or None if all learn.
        dtype: Floating-point type.
        device: Device.

    Raises:
        ValueError: If a fixed weight violates the signs or the mask.
    """

    raw: nn.Parameter
    sign: Tensor | None
    mask: Tensor | None
    fixed: Tensor | None

    def __init__(
        self,
        n_post: int,
        n_pre: int,
        *,
        sign: Tensor | None = None,
        rectifier: Literal["abs", "relu"] = "abs",
        mask: Tensor | None = None,
        fixed: Tensor | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        dtype = torch.get_default_dtype() if dtype is None else dtype
        self.rectifier = rectifier
        self.raw = nn.Parameter(torch.zeros(n_post, n_pre, dtype=dtype, device=device))
        self.register_buffer("sign", None if sign is None else sign.to(self.raw))
        self.register_buffer("mask", None if mask is None or bool(mask.all()) else mask.to(self.raw))
        self.register_buffer("fixed", None if fixed is None else fixed.to(self.raw))
        if self.fixed is not None:
            self._check(
                torch.where(self.fixed.isnan(), torch.zeros_like(self.fixed), self.fixed), "The fixed weights"
            )

    @property
    def constrained(self) -> bool:
        """Whether anything but the size of the matrix is prescribed."""
        return self.sign is not None or self.mask is not None or self.fixed is not None

    def forward(self) -> Float[Tensor, "post pre"]:
        """The effective matrix, differentiable with respect to ``raw``."""
        return self._effective(self.raw)

    def _effective(self, raw: Tensor) -> Tensor:
        weight = raw
        if self.sign is not None:
            weight = (raw.abs() if self.rectifier == "abs" else raw.relu()) * self.sign.to(raw)
        if self.mask is not None:
            weight = weight * self.mask.to(raw)
        if self.fixed is not None:
            weight = torch.where(self.fixed.isnan(), weight, self.fixed.to(raw))
        return weight

    @torch.no_grad()
    def assign_(self, weight: Tensor) -> None:
        """Set the effective matrix.

        Args:
            weight: New matrix ``(post, pre)``; it must obey the signs, the mask and the fixed weights.

        Raises:
            ValueError: If it has another shape, is not finite, or violates a constraint.
        """
        weight = torch.as_tensor(weight).detach().to(self.raw)
        if weight.shape != self.raw.shape:
            raise ValueError(f"The matrix is {tuple(self.raw.shape)} (post, pre): got {tuple(weight.shape)}.")
        self._check(weight, "The matrix")
        self.raw.copy_(self._raw_of(weight))

    def _raw_of(self, weight: Tensor) -> Tensor:
        return weight if self.sign is None else weight.abs()

    def _check(self, weight: Tensor, what: str) -> None:
        """Refuse an effective matrix that breaks the declared structure.

        Raises:
            ValueError: Naming the first synapse at fault and how many there are.
        """
        zero = torch.zeros((), dtype=weight.dtype, device=weight.device)
        faults = [("holds values that are not finite", ~weight.isfinite())]
        if self.sign is not None:
            faults.append(("violates the declared signs (Dale's law)", weight * self.sign.to(weight) < zero))
        if self.mask is not None:
            faults.append(("puts weight on synapses that do not exist", (self.mask == 0) & (weight != zero)))
        if self.fixed is not None:
            faults.append(("changes fixed weights", ~self.fixed.isnan() & (weight != self.fixed.to(weight))))
        for fault, where in faults:
            if where.any():
                post, pre = (int(i) for i in where.nonzero()[0])
                raise ValueError(
                    f"{what} {fault} at {int(where.sum())} of {weight.numel()} synapses, the first from unit {pre} "
                    f"to unit {post} (weight {weight[post, pre].item():.4g}). Correct it, or build a network that "
                    "declares this structure."
                )

    def check_state(self, state: Mapping[str, Any], prefix: str) -> None:
        """Refuse a saved state that does not belong to this structure; nothing is changed.

        Args:
            state: A state dictionary.
            prefix: Prefix of this module's keys, for instance ``"recurrent."``.

        Raises:
            ValueError: If signs, mask or fixed weights differ from the declared ones, or the weights violate them.
        """
        if not any(name.startswith(prefix) for name in state):
            return  # a partial load that leaves this matrix alone
        for name in ("sign", "mask", "fixed"):
            if not _same(getattr(self, name), state.get(prefix + name)):
                raise ValueError(
                    f"The saved '{prefix}{name}' is not the one this network declares. Build the network with the "
                    "configuration the weights were saved with (same Dale's law, connectivity and seed)."
                )
        saved = (state.get(prefix + name) for name in ("weight", "raw"))
        weight, raw = (None if value is None else _coarsened(value, self.raw) for value in saved)
        if weight is not None:
            self._check(weight, f"The saved '{prefix}weight'")
        if weight is not None and raw is not None and not torch.equal(self._effective(raw), weight.to(raw)):
            raise ValueError(
                f"The saved '{prefix}raw' and '{prefix}weight' disagree: one was edited without the other. To change "
                "weights, assign to network.W_rec, network.W_in or network.W_out and save again."
            )
        if weight is None and raw is not None and not raw.isfinite().all():
            raise ValueError(f"The saved '{prefix}raw' holds values that are not finite.")

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.constrained:
            destination[prefix + "weight"] = self._effective(self.raw.detach())

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:  # noqa: ANN401
        self.check_state(state_dict, prefix)
        weight = state_dict.pop(prefix + "weight", None)
        if weight is not None and prefix + "raw" not in state_dict:
            state_dict[prefix + "raw"] = self._raw_of(weight)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @override
    def extra_repr(self) -> str:
        parts = [f"{self.raw.shape[0]} x {self.raw.shape[1]}"]
        if self.sign is not None:
            negative = int((self.sign < 0).sum())
            parts.append(f"signs={self.rectifier}({self.sign.numel() - negative}+, {negative}-)")
        if self.mask is not None:
            parts.append(f"density={self.mask.mean().item():.3g}")
        if self.fixed is not None:
            parts.append(f"fixed={int((~self.fixed.isnan()).sum())}")
        return ", ".join(parts)


def _same(declared: Tensor | None, stored: Tensor | None) -> bool:
    """Whether two optional arrays are equal in the coarser of their types, NaN included."""
    if declared is None or stored is None:
        return declared is stored
    stored = _coarsened(stored, declared)
    return torch.equal(declared.to(stored).nan_to_num(7e7), stored.nan_to_num(7e7))


def _coarsened(stored: Tensor, own: Tensor) -> Tensor:
    """A saved array on the network's device, in the coarser of both types, where both round alike."""
    finer = torch.finfo(stored.dtype).bits > torch.finfo(own.dtype).bits
    return stored.to(own) if finer else stored.to(own.device)
