"""A flat sheet through state space."""

__all__ = ["Plane"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurornn.analysis._plotting import component_label


@dataclass(frozen=True, eq=False)
class Plane:
    r"""The states :math:`x = o + s\,a_1 + t\,a_2`, with coordinates :math:`(s, t)` in units of the state.

    Attributes:
        origin: State :math:`o` with coordinates (0, 0), ``(unit,)``.
        axes: Orthonormal axes :math:`a_1, a_2`, ``(2, unit)``.
        names: What the two coordinates are called on a plot.

    Raises:
        ValueError: If the shapes do not fit, a number is not finite or the axes are not orthonormal.

    Examples:
        >>> plane = Plane(np.array([0.0, 0.0, 5.0]), np.eye(3)[:2])
        >>> plane.embed([[1.0, 2.0]]).tolist(), plane.coordinates([1.0, 2.0, 7.0]).tolist()
        ([[1.0, 2.0, 5.0]], [1.0, 2.0])
        >>> float(plane.distance([1.0, 2.0, 7.0]))
        2.0
    """

    origin: NDArray[np.float64]
    axes: NDArray[np.float64]
    names: tuple[str, str] = ("x", "y")

    def __post_init__(self) -> None:
        origin, axes = np.array(self.origin, dtype=np.float64), np.array(self.axes, dtype=np.float64)
        if origin.ndim != 1 or axes.shape != (2, origin.size):
            raise ValueError(
                f"A plane needs an origin (unit,) and axes (2, unit): got shapes {origin.shape} and {axes.shape}."
            )
        if not (np.isfinite(origin).all() and np.isfinite(axes).all()):
            raise ValueError("A plane needs finite numbers: its origin or its axes hold NaN or infinity.")
        gram = axes @ axes.T
        if not np.allclose(gram, np.eye(2), atol=1e-6):
            raise ValueError(
                f"The axes of a plane must be orthonormal: their inner products are {gram.round(6).tolist()}. "
                "Use Plane.through(points) to have them made so."
            )
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "axes", axes)

    @classmethod
    def from_pca(
        cls, fit: xr.Dataset, components: Sequence[int] = (0, 1), *, origin: ArrayLike | None = None
    ) -> Self:
        """The plane of two principal components; its coordinates are those of ``pca.project``.

        Args:
            fit: Principal components of the ``"state"``: a network moves in the space of its states, not of its
                rates.
            components: Two components, counted from 0.
            origin: A state the plane shall pass through, for instance a fixed point; the mean of the fit if None.
                The plane is moved along the components it does not show, so coordinates stay those of the
                projection and trajectories can be drawn over it.

        Returns:
            The plane.

        Raises:
            ValueError: If the components are of another variable or do not exist.
        """
        if fit.attrs["variable"] != "state":
            raise ValueError(
                f"A plane lies in the space of states but these components are of '{fit.attrs['variable']}'. "
                "Fit them with pca.fit(ds, variable='state')."
            )
        if len(components) != 2 or not all(0 <= k < fit.sizes["component"] for k in components):
            raise ValueError(
                f"components must be two of 0 to {fit.sizes['component'] - 1}: got {tuple(components)}."
            )
        first, second = components
        axes = fit["component_vector"].values[[first, second]]
        middle = fit["mean"].values
        if origin is not None:
            state = _states(origin, middle.size)
            middle = state - ((state - middle) @ axes.T) @ axes
        return cls(middle, axes, (component_label(fit, first), component_label(fit, second)))

    @classmethod
    def through(cls, points: ArrayLike) -> Self:
        """The plane through three states.

        Args:
            points: States ``(3, unit)``. The first is the origin, the second lies on the first axis and the third
                on the side where the second coordinate is positive.

        Returns:
            The plane.

        Raises:
            ValueError: If there are not three points or they lie on a line.

        Examples:
            >>> plane = Plane.through([[1.0, 0.0, 0.0], [3.0, 0.0, 0.0], [2.0, 5.0, 0.0]])
            >>> plane.axes.tolist()
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
        """
        corners = np.array(points, dtype=np.float64)
        if corners.ndim != 2 or len(corners) != 3:
            raise ValueError(f"A plane goes through three states, (3, unit): got shape {corners.shape}.")
        along, across = corners[1] - corners[0], corners[2] - corners[0]
        length, span = np.linalg.norm(along), np.linalg.norm(across)
        if length > 0:
            along = along / length
            across = across - (across @ along) * along
            across = (
                across - (across @ along) * along
            )  # twice: the first leaves rounding for nearly aligned points
        height = np.linalg.norm(across)
        if not (length > 0 and height > 1e-9 * span):
            raise ValueError(
                "The three states lie on a line and span no plane. Take one of them elsewhere: "
                f"the distance of the third from the line is {height:.3g}."
            )
        return cls(corners[0], np.stack([along, across / height]))

    def embed(self, coordinates: ArrayLike) -> NDArray[np.float64]:
        """States of points on the plane.

        Args:
            coordinates: Coordinates ``(..., 2)``.

        Returns:
            States ``(..., unit)``.
        """
        return self.origin + np.asarray(coordinates, dtype=np.float64) @ self.axes

    def coordinates(self, states: ArrayLike | xr.DataArray) -> NDArray[np.float64]:
        """Coordinates of the point of the plane nearest to each state.

        Args:
            states: States ``(..., unit)``, for instance fixed points to draw over the flow.

        Returns:
            Coordinates ``(..., 2)``.
        """
        return (_states(states, self.origin.size) - self.origin) @ self.axes.T

    def distance(self, states: ArrayLike | xr.DataArray) -> NDArray[np.float64]:
        """Distance of states from the plane: what a drawing on it does not show.

        Args:
            states: States ``(..., unit)``.

        Returns:
            Distances in units of the state.
        """
        away = _states(states, self.origin.size) - self.origin
        return np.asarray(np.linalg.norm(away - (away @ self.axes.T) @ self.axes, axis=-1))

    def extent(
        self, states: ArrayLike | xr.DataArray, *, margin: float = 0.15
    ) -> tuple[float, float, float, float]:
        """A rectangle that holds states.

        Args:
            states: States ``(..., unit)``; NaN, as in padding, is passed over.
            margin: Room left on each side, as a fraction of the width or height.

        Returns:
            ``(x_min, x_max, y_min, y_max)``.

        Raises:
            ValueError: If no state is finite.
        """
        everywhere = self.coordinates(states).reshape(-1, 2)
        where = everywhere[np.isfinite(everywhere).all(1)]
        if not len(where):
            raise ValueError("No state is finite: there is nothing to surround.")
        low, high = where.min(0), where.max(0)
        size = high - low
        room = margin * np.where(size > 0, size, size.max() if size.max() > 0 else 1.0)
        (x_min, y_min), (x_max, y_max) = (low - room).tolist(), (high + room).tolist()
        return x_min, x_max, y_min, y_max


def _states(states: ArrayLike | xr.DataArray, n_units: int) -> NDArray[np.float64]:
    if isinstance(states, xr.DataArray) and "unit" in states.dims:
        states = states.transpose(..., "unit")
    values = np.asarray(states, dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] != n_units:
        raise ValueError(f"The plane lies in a space of {n_units} units: got states of shape {values.shape}.")
    return values
