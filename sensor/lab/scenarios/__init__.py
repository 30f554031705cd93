"""Named, seeded stories of tunnels, told by real endpoints in virtual time, with their truth."""
