"""Reservoirs: leaky networks of which the read-out alone is trained."""

__all__ = ["reservoir"]

import torch

from neurornn.activations import Activation
from neurornn.connectivity import Gaussian, Sparse
from neurornn.networks._checks import whole
from neurornn.networks._ctrnn import CTRNN
from neurornn.random import derive_seed, uniform_array


def reservoir(
    n_inputs: int,
    n_units: int,
    n_outputs: int,
    *,
    spectral_radius: float = 0.9,
    density: float = 0.1,
    leak: float = 1.0,
    input_scale: float = 1.0,
    bias_scale: float = 0.0,
    output_feedback: float = 0.0,
    activation: str | Activation = "tanh",
    sigma_rec: float = 0.0,
    dt: float = 20.0,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> CTRNN:
    r"""An echo state network: a sparse random network with a given spectral radius.

    .. math:: r_t = (1 - a)\, r_{t-1} + a\,\phi(W r_{t-1} + W_{in} u_t + b), \qquad y_t = W_{out} r_t + b_{out}

    It is a :class:`~neurornn.CTRNN` in rate form with :math:`\tau = dt / a`, and everything that takes one takes it. Recurrent and input
    weights and the biases of the units are frozen (``requires_grad=False``), so that any rule trains the read-out alone;
    :class:`~neurornn.rules.RidgeReadout` solves for it.

    Args:
        n_inputs: Number of input channels.
        n_units: Number of units.
        n_outputs: Number of outputs.
        spectral_radius: Largest modulus of the eigenvalues of the recurrent matrix. Below 1 the network usually forgets where it started.
        density: Probability of a synapse.
        leak: :math:`a`, in (0, 1]; 1 keeps nothing but what the synapses carry.
        input_scale: Input weights are uniform between minus and plus this.
        bias_scale: Biases of the units are uniform between minus and plus this.
        output_feedback: As in :class:`~neurornn.CTRNN`.
        activation: Name or :class:`~neurornn.Activation`.
        sigma_rec: Recurrent noise, in units of the state.
        dt: Time step in ms.
        seed: Seed of the wiring and of all weights.
        dtype: Floating-point type.
        device: Device.

    Returns:
        The network.

    Raises:
        ValueError: If a number makes no sense.

    References:
        Harnessing nonlinearity: predicting chaotic systems and saving energy in wireless communication (Jaeger & Haas, 2004)
        https://doi.org/10.1126/science.1091277

    Examples:
        >>> network = reservoir(1, 100, 1, spectral_radius=0.8, dtype=torch.float64)
        >>> round(float(torch.linalg.eigvals(network.W_rec).abs().max()), 9)
        0.8
        >>> [name for name, each in network.named_parameters() if each.requires_grad]
        ['bias_out', 'readout.raw']
    """
    if not 0 < leak <= 1:
        raise ValueError(f"leak must lie in (0, 1]: got {leak}.")
    n_units = whole("n_units", n_units, 1)
    network = CTRNN(
        n_inputs,
        n_units,
        n_outputs,
        tau=dt / leak,
        dt=dt,
        activation=activation,
        form="rate",
        sigma_rec=sigma_rec,
        connectivity=Sparse(density, autapses=True),
        init=Gaussian(spectral_radius),
        output_feedback=output_feedback,
        seed=seed,
        dtype=dtype,
        device=device,
    )

    def uniform(purpose: str, scale: float, *shape: int) -> torch.Tensor:
        return torch.from_numpy(scale * (2 * uniform_array(derive_seed(seed, purpose), *shape) - 1))

    network.W_in = uniform("reservoir inputs", input_scale, n_units, network.n_inputs)
    if network.bias is not None:
        with torch.no_grad():
            network.bias.copy_(uniform("reservoir biases", bias_scale, n_units))
        network.bias.requires_grad_(False)
    network.recurrent.raw.requires_grad_(False)
    network.input.raw.requires_grad_(False)
    return network
