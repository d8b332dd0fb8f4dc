"""The result of a comparison as table and figure, and one analysis of both sides side by side."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from populations import latents, mixed, one_unit_a_session, trials

from neurornn.analysis import compare, pca
from neurornn.analysis.compare._views import _share_colours
from neurornn.analysis.similarity import RSA, LinearCKA, Procrustes

S = mixed(latents(0), 12, 1)
SIDE = ("trial", np.tile(np.arange(10), 12) % 2)


@pytest.fixture(scope="module")
def sides():
    return trials(S, noise=0.2, seed=1, side=SIDE), trials(S[..., :9], noise=3.0, seed=2, side=SIDE)


@pytest.fixture(scope="module")
def result(sides):
    models = [trials(S, 1), trials(mixed(latents(3), 12, 4), 1)]
    return compare.run(
        models, sides[1], by="stimulus", measures=[LinearCKA(), Procrustes(), RSA()], n_subsamples=3, n_shuffles=9, n_bootstrap=9,
        untrained=[trials(mixed(latents(9), 12, 4), 1)] * 2,
    )  # fmt: skip


def test_the_table_says_every_number_of_the_result(result):
    heading, *rows = compare.table(result).splitlines()
    assert heading.split()[:2] == ["measure", "networks"] and len(rows) == 3
    assert len({len(row) for row in (heading, *rows)}) == 1
    for name, row in zip(result["measure"].values, rows, strict=True):
        one = result.sel(measure=name)
        assert row.startswith(str(name))
        for value in (
            one["mean"].sel(quantity="trained"),
            one["mean"].sel(quantity="untrained"),
            one["ceiling"],
        ):
            assert f"{value.item():.3f}" in row
    assert "Procrustes (distance)" in rows[1] and "*" in rows[1] and "*" not in rows[0] + rows[2]
    assert "~" not in compare.table(result)
    searched = compare.table(result.assign(n_unverified=("measure", [0, 2, 0]))).splitlines()
    assert [line.count("~") for line in searched] == [0, 0, 1, 0]  # not proven to be the optimum
    with pytest.raises(ValueError, match="no 'score'"):
        compare.table(xr.Dataset())


def test_the_figure_draws_means_ceilings_and_names(result):
    ax = compare.plot(result)
    labels = [text.get_text().replace("\n", " ") for text in ax.get_xticklabels()]
    assert labels == ["linear CKA", "Procrustes (distance)", "RSA"]
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"networks", "untrained", "noise ceiling", "ceiling, limits", "conditions permuted"} == set(
        entries
    )
    drawn = {round(float(y), 9) for line in ax.get_lines() for y in np.atleast_1d(line.get_ydata())}
    for quantity in ("trained", "untrained"):
        assert {round(float(y), 9) for y in result["mean"].sel(quantity=quantity)} <= drawn


def test_both_sides_have_the_same_conditions_and_bins_and_their_own_units(sides):
    network, recording = sides
    other = recording.rename(stimulus="percent").assign_coords(
        percent=("trial", recording["stimulus"].values * 100)
    )
    left, right = compare.aligned(
        network,
        other,
        by="stimulus",
        conditions={"stimulus": ("percent", lambda v: v / 100)},
        bin_width=40.0,
        window=(0, 80),
    )
    assert left["time"].values.tolist() == right["time"].values.tolist() == [0.0, 40.0]
    assert np.allclose(np.unique(left["stimulus"]), np.unique(right["stimulus"]))
    binned = recording["rate"].values[:, :4].reshape(120, 2, 2, 9).mean(2)
    assert np.allclose(right["rate"], binned, atol=1e-5)
    means = compare.aligned(network, recording, by="stimulus", averaged=True)[1]
    single = compare.aligned(network, recording, by="stimulus")[1]
    fits = [pca.fit(ds, condition="stimulus") for ds in (means, single)]
    assert np.allclose(fits[0]["explained_variance_ratio"], fits[1]["explained_variance_ratio"], atol=1e-6)


@pytest.mark.parametrize(
    ("view", "by", "options"),
    [
        ("psth", "stimulus", {}),
        ("psth", "stimulus", {"unit": "mean"}),
        ("pca", "stimulus", {}),
        ("tdr", ["stimulus", "side"], {}),
        ("tdr", "stimulus", {}),
        ("dpca", "stimulus", {"regularisation": 1e-3}),
        ("jpca", "stimulus", {"n_components": 4}),
        ("decoding", "side", {"n_folds": 2}),
    ],
)
def test_every_view_draws_the_network_left_and_the_recording_right(sides, view, by, options):
    figure = compare.plot_side_by_side(*sides, view=view, by=by, figure=Figure(), **options)
    left, right, *_ = figure.axes
    assert left.get_title().startswith("network: 12 units") and right.get_title().startswith(
        "recording: 9 units"
    )
    assert left.get_xlabel() and left.get_ylabel()
    if view == "decoding":
        (a,), (b,) = ([*ax.get_images(), *ax.collections][:1] for ax in (left, right))
        assert a.get_clim() == b.get_clim()
    else:
        assert len(left.get_lines()) == len(right.get_lines()) >= 10
        assert right.get_legend() is not None


def test_decoders_that_mislead_do_not_wash_out_the_colours():
    axes = Figure().subplots(1, 3)
    for ax, low in zip(axes, (-6.0, 0.0, 0.5), strict=True):
        ax.imshow(np.array([[low, 1.0]]))
    _share_colours(axes[:2])
    assert [ax.get_images()[0].get_clim() for ax in axes] == [(-1.0, 1.0), (-1.0, 1.0), (0.5, 1.0)]
    _share_colours(axes[2:])
    assert axes[2].get_images()[0].get_clim() == (0.5, 1.0)


def test_a_pseudo_population_has_views_and_what_does_not_match_is_an_error(sides):
    network, recording = sides
    pseudo = one_unit_a_session(recording)
    figure = compare.plot_side_by_side(network, pseudo, view="pca", by="stimulus", figure=Figure())
    assert "recording: 9 units" in figure.axes[1].get_title()
    with pytest.raises(ValueError, match="There is no view 'umap'"):
        compare.plot_side_by_side(network, recording, view="umap", by="stimulus")
    with pytest.raises(ValueError, match="has no option 'bins'"):
        compare.plot_side_by_side(network, recording, view="psth", by="stimulus", bins=3)
    with pytest.raises(ValueError, match="The recording has no condition 'side'"):
        compare.plot_side_by_side(network, recording.drop_vars("side"), view="pca", by="side")
