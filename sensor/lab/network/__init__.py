"""A network in virtual time: segments, hosts, NAT boxes, native IPv6, and taps that capture it."""
