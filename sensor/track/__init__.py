"""From Observation rows to tunnels, exposures and conversations, in packet-time order."""
