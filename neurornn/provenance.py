"""Where a result comes from."""

__all__ = ["provenance"]

from datetime import UTC, datetime


def provenance(schema: str) -> dict[str, str]:
    """Attributes every result carries: what it is, and what made it when.

    Args:
        schema: Name and version of the layout, for instance ``"neurornn.Trials/1"``.

    Returns:
        Attributes that netCDF can store.
    """
    from neurornn import __version__

    return {
        "schema": schema,
        "neurornn_version": __version__,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
