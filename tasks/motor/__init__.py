"""Movements, and when to make them."""

__all__ = ["ReadySetGo"]

from neurornn.tasks.motor.ready_set_go import ReadySetGo as ReadySetGo
