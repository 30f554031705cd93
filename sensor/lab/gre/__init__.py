"""An endpoint of IPv6 in GRE."""
