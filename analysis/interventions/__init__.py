"""What a network does when it is silenced, driven or lesioned."""

__all__ = []
