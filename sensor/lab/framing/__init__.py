"""How IPv6 packets are framed in UDP, and endpoints that do little more than that."""
