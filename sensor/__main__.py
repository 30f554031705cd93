"""``python -m sensor``: the same command as ``sensor``."""

from __future__ import annotations

from sensor.cli.main import main

if __name__ == "__main__":
    main()
