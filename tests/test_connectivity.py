"""Who may connect to whom: cell types, densities, areas, projections, fixed synapses."""

import math

import numpy as np
import pytest
import torch

from neurornn import CTRNN, Dale
from neurornn.connectivity import AllToAll, Areas, FixedWeights, Gaussian, Projection, Sparse, Wiring

N = 200


def density_is(mask, probability):
    """Within 4.5 standard deviations of a binomial count, exactly at the ends."""
    return abs(mask.mean() - probability) <= 4.5 * math.sqrt(probability * (1 - probability) / mask.size)


def cell_types(n_units=N, fraction=0.8):
    return Dale(fraction_excitatory=fraction).cell_types(np.full(n_units, ""))


# Cell types


@pytest.mark.parametrize(("fraction", "n_excitatory"), [(0.8, 160), (0.5, 100), (1.0, 200), (0.001, 0)])
def test_the_fraction_of_excitatory_units(fraction, n_excitatory):
    types = cell_types(fraction=fraction)
    assert types.tolist() == ["E"] * n_excitatory + ["I"] * (N - n_excitatory)


def test_every_area_has_its_own_inhibitory_units():
    plan = Areas({"V1": 10, "PFC": 20})
    types = Dale(fraction_excitatory=0.8).cell_types(plan.areas(30))
    assert "".join(types) == "E" * 8 + "I" * 2 + "E" * 16 + "I" * 4
    network = CTRNN(2, 30, 1, dale=Dale(), connectivity=plan)
    assert network.areas.tolist() == ["V1"] * 10 + ["PFC"] * 20
    assert network.cell_types.tolist() == types.tolist()


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1, math.nan])
def test_impossible_fractions_are_refused(fraction):
    with pytest.raises(ValueError, match=r"fraction_excitatory must lie in \(0, 1\].*0\.8"):
        Dale(fraction_excitatory=fraction)


def test_an_unknown_rectifier_is_refused():
    with pytest.raises(ValueError, match="rectifier must be 'abs' or 'relu': got 'square'"):
        Dale(rectifier="square")


# Masks


def test_the_default_is_everything_and_autapses_only_without_dales_law():
    assert CTRNN(1, 5, 1).recurrent.mask is None
    mask = CTRNN(1, 5, 1, dale=Dale()).recurrent.mask
    assert torch.equal(mask, 1 - torch.eye(5))
    assert CTRNN(1, 5, 1, dale=Dale(), connectivity=AllToAll(autapses=True)).recurrent.mask is None


@pytest.mark.parametrize("autapses", [True, False])
@pytest.mark.parametrize("density", [0.0, 0.1, 0.5, 1.0])
def test_one_density(density, autapses):
    mask = Sparse(density, autapses=autapses).wiring(cell_types(), seed=0).mask
    off_diagonal = mask[~np.eye(N, dtype=bool)]
    assert density_is(off_diagonal, density)
    assert density_is(np.diag(mask), density) if autapses else not np.diag(mask).any()


def test_one_density_for_each_block():
    densities = {"E->E": 0.1, "I->E": 0.5, "E->I": 0.0}
    mask, types = Sparse(densities).wiring(cell_types(), seed=0).mask, cell_types()
    off_diagonal = ~np.eye(N, dtype=bool)
    for pre in "EI":
        for post in "EI":
            block = np.ix_(types == post, types == pre)
            assert density_is(mask[block][off_diagonal[block]], densities.get(f"{pre}->{post}", 1.0)), (
                pre,
                post,
            )


def test_the_wiring_is_random_but_repeatable():
    first, again, other = (Sparse(0.3).wiring(cell_types(), seed).mask for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    agreement = (first == other).mean()
    assert abs(agreement - (0.3**2 + 0.7**2)) < 0.01


@pytest.mark.parametrize(
    ("density", "message"),
    [
        (1.5, r"a probability in \[0, 1\]: got 1\.5"),
        (math.nan, r"a probability in \[0, 1\]: got nan"),
        ({"E->E": -0.1}, r"density of 'E->E' is a probability in \[0, 1\]: got -0\.1"),
        ({"E->X": 0.1}, "named 'pre->post' with E and I, like 'E->I': got 'E->X'"),
    ],
)
def test_impossible_densities_are_refused(density, message):
    with pytest.raises(ValueError, match=message):
        Sparse(density)


def test_blocks_need_cell_types():
    with pytest.raises(
        ValueError, match=r"Densities per block need cell types\. Give the network dale=Dale\(\)"
    ):
        CTRNN(1, 10, 1, connectivity=Sparse({"E->E": 0.1}))


# Areas


def test_only_named_projections_join_areas():
    projections = {
        "A->B": Projection(density=0.3, sources="E"),
        "B->A": Projection(density=0.6, sources="E", targets="I"),
        "B->C": Projection(),
    }
    plan = Areas({"A": 80, "B": 80, "C": 40}, projections, within=0.5)
    area = plan.areas(N)
    types = Dale().cell_types(area)
    mask = plan.wiring(types, seed=0).mask
    for source in "ABC":
        for target in "ABC":
            for pre in "EI":
                for post in "EI":
                    rows, columns = (area == target) & (types == post), (area == source) & (types == pre)
                    block = mask[np.ix_(rows, columns)]
                    if source == target:
                        off_diagonal = ~np.eye(N, dtype=bool)[np.ix_(rows, columns)]
                        assert density_is(block[off_diagonal], 0.5)
                        continue
                    expected = {
                        ("A", "B"): 0.3 * (pre == "E"),
                        ("B", "A"): 0.6 * (pre == "E" and post == "I"),
                        ("B", "C"): 1.0,
                    }.get((source, target), 0.0)
                    assert density_is(block, expected), (source, target, pre, post)
    assert not np.diag(mask).any()


def test_a_silent_projection_keeps_areas_apart_in_the_running_network():
    plan = Areas({"A": 4, "B": 4}, {"A->B": Projection()})
    network = CTRNN(1, 8, 1, connectivity=plan, activation="tanh", dtype=torch.float64)
    start = torch.zeros(2, 8, dtype=torch.float64)
    start[1, 4:] = 1.0  # trial 1 differs in area B alone
    run = network(torch.ones(2, 10, 1, dtype=torch.float64), start).state
    assert torch.equal(run[0, :, :4], run[1, :, :4])
    start[1] = 0.0
    start[1, :4] = 1.0
    run = network(torch.ones(2, 10, 1, dtype=torch.float64), start).state
    assert not torch.equal(run[0, :, 4:], run[1, :, 4:])


@pytest.mark.parametrize("name", ["A->C", "A->A", "A-B", "A->B->A"])
def test_projections_between_unknown_areas_are_refused(name):
    with pytest.raises(ValueError, match=r"two different areas of \['A', 'B'\]: got '"):
        Areas({"A": 2, "B": 2}, {name: Projection()})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"density": 2.0}, "density of 'projection' is a probability"),
        ({"sources": "X"}, "sources must be 'E', 'I' or 'all': got 'X'"),
        ({"targets": "e"}, "targets must be 'E', 'I' or 'all': got 'e'"),
    ],
)
def test_impossible_projections_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Projection(**options)


def test_projections_of_one_cell_type_need_cell_types():
    plan = Areas({"A": 2, "B": 2}, {"A->B": Projection(sources="E")})
    with pytest.raises(ValueError, match="A projection of 'E' cells needs cell types"):
        CTRNN(1, 4, 1, connectivity=plan)


def test_areas_must_hold_all_units():
    with pytest.raises(
        ValueError, match=r"The areas hold 5 units \(\{'A': 2, 'B': 3\}\) but the network has n_units=6"
    ):
        CTRNN(1, 6, 1, connectivity=Areas({"A": 2, "B": 3}))


# Fixed weights


def fixed_matrix(n, entries):
    weights = np.full((n, n), np.nan)
    for (post, pre), weight in entries.items():
        weights[post, pre] = weight
    return weights


def test_fixed_weights_exist_even_where_the_base_plan_has_no_synapse():
    plan = FixedWeights(fixed_matrix(4, {(0, 0): 0.5, (1, 2): -0.2, (3, 1): 0.0}), base=Sparse(0.0))
    wiring = plan.wiring(np.full(4, ""), seed=0)
    assert np.argwhere(wiring.mask).tolist() == [[0, 0], [1, 2], [3, 1]]
    network = CTRNN(1, 4, 1, connectivity=plan, init=Gaussian(spectral_radius=0.5))
    assert network.W_rec.detach().nonzero().tolist() == [[0, 0], [1, 2]]


def test_fixed_weights_nest_and_the_outer_ones_win():
    inner = FixedWeights(fixed_matrix(3, {(0, 1): 0.1, (1, 2): 0.2}))
    outer = FixedWeights(fixed_matrix(3, {(0, 1): 0.9}), base=inner)
    fixed = outer.wiring(np.full(3, ""), seed=0).fixed
    assert (fixed[0, 1], fixed[1, 2]) == (0.9, 0.2)
    assert np.isnan(fixed).sum() == 7


def test_fixed_weights_must_obey_dales_law():
    plan = FixedWeights(fixed_matrix(5, {(0, 4): 0.5}))
    with pytest.raises(
        ValueError, match=r"fixed weights violates the declared signs .* from unit 4 to unit 0"
    ):
        CTRNN(1, 5, 1, dale=Dale(), connectivity=plan)


@pytest.mark.parametrize("weight", [math.inf, -math.inf])
def test_fixed_weights_are_finite(weight):
    with pytest.raises(ValueError, match="fixed weights holds values that are not finite"):
        CTRNN(1, 5, 1, connectivity=FixedWeights(fixed_matrix(5, {(0, 4): weight})))


@pytest.mark.parametrize(
    ("shape", "message"), [((2, 3), "need a square matrix"), ((4,), "need a square matrix")]
)
def test_fixed_weights_are_square(shape, message):
    with pytest.raises(ValueError, match=message):
        FixedWeights(np.zeros(shape))


def test_fixed_weights_have_the_size_of_the_network():
    with pytest.raises(ValueError, match="Fixed weights are 3 x 3 but the network has 5 units"):
        CTRNN(1, 5, 1, connectivity=FixedWeights(np.full((3, 3), np.nan)))


def test_a_plan_of_ones_own():
    class Ring(AllToAll):
        def wiring(self, cell_types, seed):
            return Wiring(np.roll(np.eye(cell_types.size, dtype=bool), 1, axis=0))

    W = CTRNN(1, 6, 1, connectivity=Ring()).W_rec.detach()
    assert W.nonzero().tolist() == [[0, 5]] + [[k + 1, k] for k in range(5)]
