"""What the eigenvalues of the recurrent matrix say before and after training."""

__all__ = ["SpectrumReport", "spectrum_report"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from neurornn.networks import AbstractNetwork


@dataclass(frozen=True, eq=False)
class SpectrumReport:
    r"""Spectrum of the effective recurrent matrix.

    Attributes:
        eigenvalues: All eigenvalues, largest modulus first.
        spectral_radius: Largest modulus.
        bulk_radius: Radius random-matrix theory predicts for weights of the same variances,
            :math:`\sqrt{\sum_j \mathrm{Var}(W_{\cdot j})}` with one variance for each presynaptic cell type.
        outliers: Eigenvalues beyond :math:`1 + 2/\sqrt{n}` times the bulk radius, largest first: structure, not
            randomness. The edge of a finite random matrix is blurred by about :math:`1/\sqrt{n}`, where
            :math:`n = (\sum_j v_j)^2 / \sum_j v_j^2` counts the presynaptic units that carry the variance :math:`v`.
        ei_balance: For each unit :math:`(E - I)/(E + I)` of its summed recurrent input weights: 0 is balance and 1
            is excitation alone; NaN for a unit without recurrent input.

    References:
        Eigenvalue spectra of random matrices for neural networks (Rajan & Abbott, 2006)
        https://doi.org/10.1103/PhysRevLett.97.188104
    """

    eigenvalues: NDArray[np.complex128]
    spectral_radius: float
    bulk_radius: float
    outliers: NDArray[np.complex128]
    ei_balance: NDArray[np.float64]

    @property
    def outlier(self) -> complex:
        """The largest outlier, or NaN if the spectrum has none."""
        return complex(self.outliers[0]) if self.outliers.size else complex("nan")

    def __str__(self) -> str:
        found = f"{self.outlier:.3g}" if self.outliers.size else "none"
        driven = self.ei_balance[~np.isnan(self.ei_balance)]
        balance = f"E/I balance {driven.mean():+.3f}" if driven.size else "no recurrent input"
        return (
            f"spectral radius {self.spectral_radius:.3f}, bulk radius {self.bulk_radius:.3f}, "
            f"{self.outliers.size} outliers (largest: {found}), {balance}"
        )


def spectrum_report(network: "AbstractNetwork") -> SpectrumReport:
    """Spectral radius, outlier eigenvalues and E/I balance of the matrix the network really uses.

    Args:
        network: A network with a recurrent matrix.

    Returns:
        The report; printing it gives one line.

    Examples:
        >>> import neurornn
        >>> report = spectrum_report(neurornn.CTRNN(2, 100, 1, dale=neurornn.Dale()))
        >>> round(report.spectral_radius, 4), bool(abs(report.ei_balance).max() < 1e-6)
        (1.5, True)
    """
    W = network.W_rec.detach().cpu().double().numpy()
    types = network.cell_types
    eigenvalues = np.linalg.eigvals(W)
    eigenvalues = eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")]
    variance = np.empty(types.size)
    for kind in np.unique(types):
        variance[types == kind] = W[:, types == kind].var()
    bulk = float(np.sqrt(variance.sum()))
    blur = 2 * np.sqrt(np.square(variance).sum()) / variance.sum() if bulk > 0 else 0.0
    excitation, inhibition = np.clip(W, 0, None).sum(1), np.clip(-W, 0, None).sum(1)
    total = excitation + inhibition
    balance = np.divide(excitation - inhibition, total, out=np.full(total.shape, np.nan), where=total > 0)
    return SpectrumReport(
        eigenvalues=eigenvalues,
        spectral_radius=float(np.abs(eigenvalues[0])),
        bulk_radius=bulk,
        outliers=eigenvalues[np.abs(eigenvalues) > (1 + blur) * bulk],
        ei_balance=balance,
    )
