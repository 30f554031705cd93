"""v6tunnel-sensor: finds IPv6-in-IPv4 tunnels and the services they expose."""

__version__ = "0.1.0"
