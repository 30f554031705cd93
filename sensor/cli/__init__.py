"""The commands of ``sensor``, one module each."""
