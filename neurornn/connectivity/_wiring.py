"""Which synapses exist and which of them are plastic."""

__all__ = ["AbstractConnectivity", "AllToAll", "Areas", "FixedWeights", "Projection", "Sparse", "Wiring"]

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.random import derive_seed, uniform_array


class Wiring(NamedTuple):
    """Synapses of a recurrent matrix, rows postsynaptic and columns presynaptic.

    Attributes:
        mask: True where a synapse exists, ``(unit, unit)``.
        fixed: Weight of the synapses that do not learn and NaN elsewhere, ``(unit, unit)``; None if all learn.
    """

    mask: NDArray[np.bool_]
    fixed: NDArray[np.float64] | None = None


class AbstractConnectivity(ABC):
    """A wiring plan: it names the area of each unit and says which synapses exist."""

    @abstractmethod
    def areas(self, n_units: int) -> NDArray[np.str_]:
        """Area of each unit.

        Args:
            n_units: Number of units.

        Returns:
            A name for each unit; empty where there are no areas.
        """

    @abstractmethod
    def wiring(self, cell_types: NDArray[np.str_], seed: int) -> Wiring:
        """Lay the synapses.

        Args:
            cell_types: ``"E"`` or ``"I"`` for each unit; empty strings without Dale's law.
            seed: Seed of whatever is random.

        Returns:
            The synapses.
        """


@dataclass(frozen=True)
class AllToAll(AbstractConnectivity):
    """Every unit projects to every other unit.

    Attributes:
        autapses: Whether a unit also projects to itself.

    Examples:
        >>> AllToAll().wiring(np.array(["", ""]), seed=0).mask.tolist()
        [[False, True], [True, False]]
    """

    autapses: bool = False

    @override
    def areas(self, n_units: int) -> NDArray[np.str_]:
        return np.full(n_units, "", dtype="<U1")

    @override
    def wiring(self, cell_types: NDArray[np.str_], seed: int) -> Wiring:
        return Wiring(_without_autapses(np.ones((cell_types.size,) * 2, dtype=bool), self.autapses))


@dataclass(frozen=True)
class Sparse(AbstractConnectivity):
    """Each synapse exists with a probability that may depend on the two cell types.

    Attributes:
        density: One probability, or one for each block named ``"pre->post"``, for instance
            ``{"E->E": 0.1, "I->E": 0.5}``; a block that is not named has probability 1.
        autapses: Whether a unit may project to itself.

    Raises:
        ValueError: If a density lies outside [0, 1] or a block is not named like ``"E->I"``.
    """

    density: float | Mapping[str, float]
    autapses: bool = False

    def __post_init__(self) -> None:
        blocks = self.density if isinstance(self.density, Mapping) else {"E->E": self.density}
        for block, density in blocks.items():
            if block not in ("E->E", "E->I", "I->E", "I->I"):
                raise ValueError(f"A block is named 'pre->post' with E and I, like 'E->I': got '{block}'.")
            _check_density(density, block)

    @override
    def areas(self, n_units: int) -> NDArray[np.str_]:
        return np.full(n_units, "", dtype="<U1")

    @override
    def wiring(self, cell_types: NDArray[np.str_], seed: int) -> Wiring:
        n = cell_types.size
        density = np.full((n, n), 1.0 if isinstance(self.density, Mapping) else self.density)
        if isinstance(self.density, Mapping):
            if not np.isin(cell_types, ["E", "I"]).all():
                raise ValueError(
                    "Densities per block need cell types. Give the network dale=Dale() or one density."
                )
            for block, value in self.density.items():
                pre, post = block.split("->")
                density[np.ix_(cell_types == post, cell_types == pre)] = value
        return Wiring(_without_autapses(_bernoulli(density, seed), self.autapses))


@dataclass(frozen=True)
class Projection:
    """Synapses from one area to another.

    Attributes:
        density: Probability of each synapse.
        sources: ``"E"``, ``"I"`` or ``"all"``: which units of the first area project.
        targets: ``"E"``, ``"I"`` or ``"all"``: which units of the other area receive.

    Raises:
        ValueError: If an entry is out of range.
    """

    density: float = 1.0
    sources: str = "all"
    targets: str = "all"

    def __post_init__(self) -> None:
        _check_density(self.density, "projection")
        for name in ("sources", "targets"):
            if getattr(self, name) not in ("E", "I", "all"):
                raise ValueError(f"{name} must be 'E', 'I' or 'all': got '{getattr(self, name)}'.")


@dataclass(frozen=True)
class Areas(AbstractConnectivity):
    """Several areas joined by named projections; within an area all connect with one density.

    Attributes:
        sizes: Number of units of each area, in order.
        projections: Projections named ``"from->to"``; areas not joined by one do not connect.
        within: Density inside each area.
        autapses: Whether a unit may project to itself.

    Raises:
        ValueError: If a projection names an unknown area, or the sizes do not add up.

    Examples:
        >>> plan = Areas({"sensory": 2, "motor": 1}, {"sensory->motor": Projection()})
        >>> plan.wiring(np.array(["", "", ""]), seed=0).mask.astype(int).tolist()
        [[0, 1, 0], [1, 0, 0], [1, 1, 0]]
    """

    sizes: Mapping[str, int]
    projections: Mapping[str, Projection] = field(default_factory=dict)
    within: float = 1.0
    autapses: bool = False

    def __post_init__(self) -> None:
        _check_density(self.within, "within")
        for name in self.projections:
            ends = name.split("->")
            if len(ends) != 2 or ends[0] == ends[1] or not set(ends) <= set(self.sizes):
                raise ValueError(
                    f"A projection is named 'from->to' with two different areas of {list(self.sizes)}: got '{name}'."
                )

    @override
    def areas(self, n_units: int) -> NDArray[np.str_]:
        if sum(self.sizes.values()) != n_units:
            raise ValueError(
                f"The areas hold {sum(self.sizes.values())} units ({dict(self.sizes)}) but the network has "
                f"n_units={n_units}. Make them equal."
            )
        return np.repeat(np.array(list(self.sizes)), list(self.sizes.values()))

    @override
    def wiring(self, cell_types: NDArray[np.str_], seed: int) -> Wiring:
        area = self.areas(cell_types.size)
        density = np.where(area[:, None] == area[None, :], self.within, 0.0)
        for name, projection in self.projections.items():
            source, target = name.split("->")
            pre = (area == source) & _of_type(cell_types, projection.sources)
            post = (area == target) & _of_type(cell_types, projection.targets)
            density[np.ix_(post, pre)] = projection.density
        return Wiring(_without_autapses(_bernoulli(density, seed), self.autapses))


@dataclass(frozen=True, eq=False)
class FixedWeights(AbstractConnectivity):
    """Some synapses keep a given weight while the others learn.

    Attributes:
        weights: Matrix ``(post, pre)`` with the weight of each fixed synapse and NaN where the base plan holds.
        base: Plan of all other synapses.

    Raises:
        ValueError: If the matrix is not square.
    """

    weights: Sequence[Sequence[float]] | NDArray[np.float64]
    base: AbstractConnectivity = AllToAll()

    def __post_init__(self) -> None:
        shape = np.shape(self.weights)
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ValueError(
                f"Fixed weights need a square matrix (post, pre), NaN where plastic: got shape {shape}."
            )

    @override
    def areas(self, n_units: int) -> NDArray[np.str_]:
        return self.base.areas(n_units)

    @override
    def wiring(self, cell_types: NDArray[np.str_], seed: int) -> Wiring:
        fixed = np.asarray(self.weights, dtype=np.float64)
        mask, inner = self.base.wiring(cell_types, seed)
        if fixed.shape != mask.shape:
            raise ValueError(
                f"Fixed weights are {fixed.shape[0]} x {fixed.shape[1]} but the network has {mask.shape[0]} units."
            )
        if inner is not None:
            fixed = np.where(np.isnan(fixed), inner, fixed)
        return Wiring(mask | ~np.isnan(fixed), fixed)


def _check_density(density: float, where: str) -> None:
    if not 0 <= density <= 1:
        raise ValueError(f"The density of '{where}' is a probability in [0, 1]: got {density}.")


def _of_type(cell_types: NDArray[np.str_], kind: str) -> NDArray[np.bool_]:
    if kind == "all":
        return np.ones(cell_types.shape, dtype=bool)
    if not np.isin(cell_types, ["E", "I"]).all():
        raise ValueError(f"A projection of '{kind}' cells needs cell types. Give the network dale=Dale().")
    return np.asarray(cell_types == kind)


def _bernoulli(density: NDArray[np.float64], seed: int) -> NDArray[np.bool_]:
    return uniform_array(derive_seed(seed, "wiring"), *density.shape) < density


def _without_autapses(mask: NDArray[np.bool_], autapses: bool) -> NDArray[np.bool_]:
    if not autapses:
        np.fill_diagonal(mask, False)
    return mask
