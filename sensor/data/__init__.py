"""Files that travel with the package, and the one way to find them."""

from __future__ import annotations

from pathlib import Path

from sensor.errors import SensorError

_PACKAGE_DATA = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE_DATA.parents[1]


def resource(name: str) -> Path:
    """Path of a bundled file or folder, as ``demo.pcap``, ``rules`` or ``dashboards/dist``.

    A wheel holds ``rules`` and ``dashboards`` beside this module; a checkout has them at its top.
    """
    roots = [_PACKAGE_DATA]
    # Outside a checkout, two folders up are other people's packages.
    if (_CHECKOUT / "pyproject.toml").is_file():
        roots.append(_CHECKOUT)
    for root in roots:
        path = root / name
        if path.exists():
            return path
    raise SensorError(f"bundled file {name!r} is missing: install v6tunnel-sensor again")
