"""The names of the files in a run folder."""

__all__ = ["RunFiles"]

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, eq=False)
class RunFiles:
    """Where everything about one trained network lies.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def config_path(self) -> Path:
        """``config.json``."""
        return self.path / "config.json"

    @property
    def environment_path(self) -> Path:
        """``environment.json``."""
        return self.path / "environment.json"

    @property
    def checkpoint_path(self) -> Path:
        """``checkpoint.safetensors``."""
        return self.path / "checkpoint.safetensors"

    @property
    def weights_path(self) -> Path:
        """``weights.safetensors``."""
        return self.path / "weights.safetensors"

    @property
    def history_path(self) -> Path:
        """``history.nc``."""
        return self.path / "history.nc"

    @property
    def trials_path(self) -> Path:
        """``trials.nc``."""
        return self.path / "trials.nc"

    @property
    def analysis_path(self) -> Path:
        """``analysis.nc``."""
        return self.path / "analysis.nc"

    @property
    def metrics_path(self) -> Path:
        """``metrics.json``."""
        return self.path / "metrics.json"

    @property
    def report_path(self) -> Path:
        """``report.html``."""
        return self.path / "report.html"
