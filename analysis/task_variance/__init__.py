"""Many tasks in one network: which units work for which, which tasks transfer, and whether rules add up."""

__all__ = [
    "cluster",
    "composition",
    "fractional_variance",
    "plot_composition",
    "plot_silhouette",
    "plot_task_variance",
    "plot_transfer",
    "rule_states",
    "task_variance",
    "transfer_matrix",
]

from neurornn.analysis.task_variance._cluster import cluster as cluster
from neurornn.analysis.task_variance._composition import composition as composition
from neurornn.analysis.task_variance._composition import rule_states as rule_states
from neurornn.analysis.task_variance._plots import plot_composition as plot_composition
from neurornn.analysis.task_variance._plots import plot_silhouette as plot_silhouette
from neurornn.analysis.task_variance._plots import plot_task_variance as plot_task_variance
from neurornn.analysis.task_variance._plots import plot_transfer as plot_transfer
from neurornn.analysis.task_variance._transfer import transfer_matrix as transfer_matrix
from neurornn.analysis.task_variance._variance import fractional_variance as fractional_variance
from neurornn.analysis.task_variance._variance import task_variance as task_variance
