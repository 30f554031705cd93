"""What Wireshark's dissectors say, through pyshark: a referee, never the engine."""
