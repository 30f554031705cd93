"""From a frame's bytes to Observation rows: a pure function that remembers nothing."""
