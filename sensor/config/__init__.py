"""Settings: strict YAML and ``--set`` arguments -> the frozen settings each layer declares.

``document`` reads them. Where nothing is set it is not imported: the layers know the defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sensor.data.known import known_servers, listed_names
from sensor.decode.names import name_hashes
from sensor.decode.settings import DecodeSettings
from sensor.track.settings import TrackSettings


class Settings(NamedTuple):
    """Everything a person may set, as the layers take it."""

    site: str | None
    decode: DecodeSettings
    track: TrackSettings


def load(path: str | None, overrides: Sequence[str] = ()) -> Settings:
    """Settings of a YAML file (None: defaults) under ``--set`` arguments; ConfigError if wrong."""
    if path is None and not overrides:
        return _defaults()
    from sensor.config.document import read_document, settings

    return settings(read_document(path, overrides))


def _defaults() -> Settings:
    servers, names = known_servers(), name_hashes(*listed_names())
    return Settings(
        None,
        DecodeSettings(known_servers=servers, names=names),
        TrackSettings(known_servers=servers),
    )
