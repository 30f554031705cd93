"""Layers and packets as pyshark hands them out, made without tshark."""

from __future__ import annotations

from typing import Any


class FakeLayer:
    """Fields of one layer, as pyshark hands them out."""

    def __init__(self, name: str, fields: dict[str, str]) -> None:
        self.layer_name = name
        self._fields = {f"{name}.{key}": value for key, value in fields.items()}

    def get_field(self, name: str) -> Any:
        if name not in self._fields:
            return None
        return type("Field", (), {"show": self._fields[name]})()


class FakePacket:
    def __init__(self, *layers: FakeLayer) -> None:
        self.layers = layers
