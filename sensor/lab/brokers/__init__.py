"""Clients and brokers of tunnels that people sign up for: AYIYA and TSP."""
