"""Cognitive tasks."""
