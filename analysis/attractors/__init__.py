"""Lines, rings and planes of fixed points as objects."""

__all__ = []
