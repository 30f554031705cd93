"""Endpoints that misbehave on purpose: machines as the honest ones, with rules of their own."""
