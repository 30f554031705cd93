"""Endpoints of the tunnels that ride on IPv4 protocol 41."""
