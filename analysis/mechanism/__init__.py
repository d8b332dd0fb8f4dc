"""What the linear dynamics select, keep and pass on."""

__all__ = []
