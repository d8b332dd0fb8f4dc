"""Versions and machine, so that a result can be made again."""

__all__ = ["environment"]

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import torch

from neurornn.provenance import provenance

_PACKAGES: Final = (
    "neurornn",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "xarray",
    "h5netcdf",
    "safetensors",
)


def environment() -> dict[str, Any]:
    """What this process runs on, and the git commit of its working directory if there is one.

    Returns:
        What JSON can hold; what cannot be found out is None.
    """
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    return {
        **provenance("neurornn.Environment/1"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "n_cpus": os.cpu_count(),
        "n_threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": {name: _version(name) for name in _PACKAGES},
        "git_commit": commit,
        "git_modified": None if commit is None or changes is None else bool(changes),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    try:
        run = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() if run.returncode == 0 else None
