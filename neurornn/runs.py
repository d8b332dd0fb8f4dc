"""The folder that holds everything about one trained network."""

__all__ = ["Run"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, final

import torch
import xarray as xr

from neurornn import storage
from neurornn._environment import environment
from neurornn._run_files import RunFiles
from neurornn.config import differences, network_from_config, network_to_config
from neurornn.networks import AbstractNetwork

_SCHEMA: Final = "neurornn.Run/1"
_WEIGHTS: Final = "neurornn.Weights/1"


@final
@dataclass(frozen=True, eq=False)
class Run(RunFiles):
    """A run folder. Every file in it is written atomically, and none is ever a pickle.

    ============================  =========================================================
    ``config.json``               task, network, rule and everything else that was decided
    ``environment.json``          versions and machine
    ``checkpoint.safetensors``    what training needs to go on
    ``weights.safetensors``       the trained network
    ``history.nc``                learning curves
    ``trials.nc``                 simulated trials
    ``analysis.nc``               what the analyses found
    ``metrics.json``              headline numbers
    ``report.html``               the page to look at
    ============================  =========================================================

    Make one with :meth:`create` or :meth:`open`.

    Attributes:
        path: The folder.
        config: Content of ``config.json``.

    Examples:
        >>> import neurornn, tempfile
        >>> network = neurornn.CTRNN(3, 10, 2, dale=neurornn.Dale())
        >>> folder = Path(tempfile.mkdtemp()) / "run"
        >>> run = Run.create(folder, {"network": network_to_config(network)})
        >>> run.save_weights(network)
        >>> torch.equal(Run.open(folder).load_network().W_rec, network.W_rec)
        True
    """

    config: Mapping[str, Any]

    @classmethod
    def create(cls, path: str | Path, config: Mapping[str, Any], *, may_change: Sequence[str] = ()) -> "Run":
        """Make a run folder, or open the one that is there if it has the same configuration.

        Args:
            path: The folder.
            config: What JSON can hold; ``"network"`` is what :func:`neurornn.config.network_to_config` gives.
            may_change: Settings that may differ from those of a run that is there, like ``"training.n_steps"``; the
                new ones are written.

        Returns:
            The run.

        Raises:
            ValueError: If a run with other settings is there.
        """
        path = Path(path)
        storage.make_folder(path)
        wanted = {"schema": _SCHEMA, **config}
        if not (path / "config.json").exists():
            storage.write_json(path / "config.json", wanted)
            return cls.open(path)
        there = cls.open(path)
        found = differences(
            _without(there.config, may_change), _without(wanted, may_change), ("there", "here")
        )
        if found:
            raise ValueError(
                f"There is already a run in '{path}' with other settings: {found}. Choose another folder, or give the "
                "settings of that run to continue it."
            )
        if differences(there.config, wanted, ("there", "here")):
            storage.write_json(there.config_path, wanted)
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """Open a run folder.

        Args:
            path: The folder.

        Returns:
            The run.

        Raises:
            FileNotFoundError: If there is no run.
            CorruptFile: If its configuration is not JSON.
            ValueError: If a version this one does not know wrote it.
        """
        path = Path(path)
        if not (path / "config.json").exists():
            raise FileNotFoundError(
                f"There is no run in '{path}': it has no config.json. Check the path, or start a run there with "
                "neurornn train."
            )
        config = storage.read_json(path / "config.json")
        schema = config.get("schema") if isinstance(config, dict) else None
        if schema is None:
            raise storage.CorruptFile(path / "config.json", "it is not the configuration of a run")
        if schema != _SCHEMA:
            raise ValueError(
                f"'{path}' has the layout '{schema}' and this version reads '{_SCHEMA}'. Open it with the version "
                "that wrote it; its environment.json says which."
            )
        return cls(path, config)

    def save_weights(self, network: AbstractNetwork) -> None:
        """Write the weights, raw and effective.

        If other weights were there, the trials, analyses, metrics and report that came from them are removed.

        Args:
            network: The network of this run.

        Raises:
            ValueError: If the network is not the one ``config.json`` describes.
        """
        found = differences(self._network_config(), network_to_config(network), ("in the run", "here"))
        if found:
            raise ValueError(
                f"The network is not the one '{self.config_path}' describes: {found}. Save it in a run of its own."
            )
        state = network.state_dict()

        def remove_what_is_stale() -> None:
            if not self._holds(state):
                for path in (self.report_path, self.metrics_path, self.analysis_path, self.trials_path):
                    storage.remove(path)

        metadata = {"schema": _WEIGHTS, "neurornn_version": version("neurornn")}
        storage.write_tensors(self.weights_path, state, metadata, before=remove_what_is_stale)

    def load_network(self, *, device: torch.device | str | None = None) -> AbstractNetwork:
        """Build the network of this run and load its weights.

        Args:
            device: Device.

        Returns:
            The trained network.

        Raises:
            FileNotFoundError: If training has not finished.
            CorruptFile: If the weights are damaged.
            ValueError: If the weights violate what the configuration declares, Dale's law for instance.
        """
        config = self._network_config()
        self._need(self.weights_path, self._untrained())
        tensors, metadata = storage.read_tensors(self.weights_path, sealed=False)
        schema = metadata.get("schema", _WEIGHTS)
        if schema != _WEIGHTS:
            raise ValueError(f"'{self.weights_path}' holds '{schema}' and '{_WEIGHTS}' is needed.")
        network = network_from_config(config, device=device, where=f"{self.config_path}: network")
        try:
            network.load_state_dict(tensors)
        except ValueError as error:
            raise ValueError(
                f"'{self.weights_path}' does not fit the network of this run. {error}"
            ) from error
        return network

    def save_history(self, history: xr.Dataset) -> None:
        """Write the learning curves.

        Args:
            history: As in :class:`neurornn.training.TrainingResult`.
        """
        storage.write_dataset(self.history_path, history)

    def load_history(self) -> xr.Dataset:
        """Read the learning curves.

        Returns:
            The history of the training.
        """
        self._need(self.history_path, self._untrained())
        return storage.read_dataset(self.history_path)

    def save_trials(self, trials: xr.Dataset) -> None:
        """Write simulated trials.

        Args:
            trials: What :func:`neurornn.simulate` gives.
        """
        storage.write_dataset(self.trials_path, trials)

    def load_trials(self) -> xr.Dataset:
        """Read simulated trials.

        Returns:
            The trials.
        """
        self._need(self.trials_path, f"Simulate some first: neurornn simulate {self.path}")
        return storage.read_dataset(self.trials_path)

    def save_analysis(self, analysis: xr.DataTree) -> None:
        """Write what the analyses found.

        Args:
            analysis: One group for each analysis.
        """
        storage.write_tree(self.analysis_path, analysis)

    def load_analysis(self) -> xr.DataTree:
        """Read what the analyses found.

        Returns:
            One group for each analysis.
        """
        self._need(self.analysis_path, f"Analyse it first: neurornn analyze {self.path}")
        return storage.read_tree(self.analysis_path)

    def save_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write headline numbers.

        Args:
            metrics: Numbers by name; NaN and infinities become null.
        """
        storage.write_json(self.metrics_path, metrics)

    def load_metrics(self) -> dict[str, Any]:
        """Read headline numbers.

        Returns:
            Numbers by name.
        """
        self._need(self.metrics_path, f"Analyse it first: neurornn analyze {self.path}")
        metrics: dict[str, Any] = storage.read_json(self.metrics_path)
        return metrics

    def save_report(self, html: str) -> Path:
        """Write the page.

        Args:
            html: Its content.

        Returns:
            Its path.
        """
        storage.write_text(self.report_path, html)
        return self.report_path

    def write_environment(self) -> None:
        """Write the versions and the machine, and the git commit of the working directory if there is one."""
        storage.write_json(self.environment_path, environment())

    def _network_config(self) -> Mapping[str, Any]:
        if "network" not in self.config:
            raise storage.CorruptFile(self.config_path, "it describes no network")
        network: Mapping[str, Any] = self.config["network"]
        return network

    def _need(self, path: Path, advice: str) -> None:
        if not path.exists():
            raise FileNotFoundError(f"Run '{self.path}' has no {path.name}. {advice}")

    def _untrained(self) -> str:
        state = "was not finished" if self.checkpoint_path.exists() else "has not begun"
        return (
            f"Its training {state}: run neurornn train with the same settings, or neurornn.train with "
            f"checkpoint='{self.checkpoint_path}'."
        )

    def _holds(self, state: Mapping[str, torch.Tensor]) -> bool:
        """Whether these weights are already saved."""
        try:
            saved, _ = storage.read_tensors(self.weights_path)
        except (storage.CorruptFile, FileNotFoundError):
            return False
        return saved.keys() == state.keys() and all(
            torch.equal(each.nan_to_num(0.0), state[name].cpu().nan_to_num(0.0))
            for name, each in saved.items()
        )


def _without(config: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """A configuration without the settings at some dotted paths."""
    kept = {}
    for key, value in config.items():
        inner = [path.removeprefix(f"{key}.") for path in paths if path.startswith(f"{key}.")]
        if key not in paths:
            kept[key] = _without(value, inner) if inner and isinstance(value, Mapping) else value
    return kept
