"""What every endpoint does with the IPv6 packets that it carries, and the words it refuses by."""
