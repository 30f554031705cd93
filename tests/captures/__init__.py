"""Captures made by this project itself, and the scenes they show."""
