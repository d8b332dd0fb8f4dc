"""Groups of units that work for the same tasks."""

__all__ = ["cluster"]

from collections.abc import Sequence

import numpy as np
import xarray as xr
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score


def cluster(
    variances: xr.Dataset,
    *,
    n_clusters: int | Sequence[int] = tuple(range(2, 30)),
    n_init: int = 20,
    seed: int = 0,
) -> xr.Dataset:
    """Cluster units by their normalised task variance with k-means; the silhouette score chooses how many clusters.

    Args:
        variances: What :func:`task_variance` gave.
        n_clusters: Number of clusters, or numbers to choose from; those that the active units do not allow are left out.
        n_init: Random starts of k-means for each number.
        seed: Seed of the starts.

    Returns:
        The dataset with ``cluster`` ``(unit)``, -1 for inactive units, ordered by the task each cluster works for most;
        ``silhouette`` for each of ``n_clusters``, between -1 and 1; ``preferred_rule`` of each cluster.

    Raises:
        ValueError: If no number of clusters is possible.

    References:
        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019)
        https://doi.org/10.1038/s41593-018-0310-2
    """
    active = variances["active"].values
    points = variances["normalised_variance"].values.T[active]
    wanted = [n_clusters] if isinstance(n_clusters, int) else list(n_clusters)
    n_points = len(np.unique(points, axis=0))
    tried = [k for k in wanted if 2 <= k < n_points]
    if not tried:
        raise ValueError(
            f"k-means needs from 2 to {n_points - 1} clusters for {n_points} different active units: got {wanted}."
        )
    labels = [KMeans(k, n_init=n_init, random_state=seed).fit_predict(points) for k in tried]
    scores = np.array([silhouette_score(points, each) for each in labels])
    chosen = labels[int(scores.argmax())]
    totals = np.stack([points[chosen == k].sum(0) for k in range(chosen.max() + 1)])
    order = np.lexsort((-totals.max(1), totals.argmax(1)))
    place = np.argsort(order)
    member = np.full(active.size, -1)
    member[active] = place[chosen]
    preferred = variances["rule"].values[totals.argmax(1)[order]]
    return variances.assign(
        cluster=("unit", member, {"long_name": "cluster", "units": "1"}),
        silhouette=("n_clusters", scores, {"long_name": "silhouette score", "units": "1"}),
        preferred_rule=(
            "cluster_number",
            preferred,
            {"long_name": "task with the largest variance", "units": "1"},
        ),
    ).assign_coords(n_clusters=("n_clusters", tried, {"long_name": "number of clusters", "units": "1"}))
