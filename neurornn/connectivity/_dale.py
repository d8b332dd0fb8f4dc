"""Dale's law: a neuron excites all its targets or inhibits all of them."""

__all__ = ["Dale"]

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Dale:
    r"""Dale's law as a parametrisation of the weights.

    .. math:: W_{ij} = f(V_{ij})\, s_j\, M_{ij}, \qquad f(v) = |v| \text{ or } [v]_+

    where :math:`s_j = +1` if the presynaptic unit :math:`j` is excitatory and :math:`-1` if it is inhibitory,
    :math:`M` is the connectivity mask and :math:`V` is what the optimiser moves. Whatever the optimiser does,
    :math:`W` obeys the law, so what is trained, saved, evaluated and analysed is the same matrix.

    With ``rectifier="relu"`` a weight that reaches 0 receives no gradient any more; with ``"abs"`` it bounces. A
    weight assigned exactly 0 stays 0 under both: give it a small value if it is to learn.

    Attributes:
        fraction_excitatory: Fraction of excitatory units, in each area.
        rectifier: ``"abs"`` or ``"relu"``.
        excitatory_readout: Read the output from excitatory units alone, as projection neurons are.
        nonnegative_readout: Also keep the read-out weights non-negative.
        nonnegative_inputs: Keep the input weights non-negative, as long-range afferents are.

    Raises:
        ValueError: If the fraction is outside (0, 1] or the rectifier is unknown.

    References:
        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792

    Examples:
        >>> Dale(fraction_excitatory=0.75).cell_types(np.array(["", "", "", ""])).tolist()
        ['E', 'E', 'E', 'I']
    """

    fraction_excitatory: float = 0.8
    rectifier: Literal["abs", "relu"] = "abs"
    excitatory_readout: bool = True
    nonnegative_readout: bool = False
    nonnegative_inputs: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.fraction_excitatory <= 1:
            raise ValueError(
                f"fraction_excitatory must lie in (0, 1]: got {self.fraction_excitatory}. The usual cortical value is 0.8."
            )
        if self.rectifier not in ("abs", "relu"):
            raise ValueError(f"rectifier must be 'abs' or 'relu': got '{self.rectifier}'.")

    def cell_types(self, areas: NDArray[np.str_]) -> NDArray[np.str_]:
        """Cell type of each unit: in every area the excitatory units come first.

        Args:
            areas: Area of each unit.

        Returns:
            ``"E"`` or ``"I"`` for each unit.
        """
        types = np.full(areas.shape, "I", dtype="<U1")
        for area in np.unique(areas):
            members = np.flatnonzero(areas == area)
            types[members[: round(self.fraction_excitatory * members.size)]] = "E"
        return types
