from __future__ import annotations

from pathlib import Path

import pytest

from sensor.config import load
from sensor.config.document import read_document, settings
from sensor.config.schema import SCHEMA
from sensor.config.shapes import Later

TEXT = """\
nat_pools: [198.51.100.0/28]
zones:
  dmz:
    networks: [203.0.113.0/24]
    side: outside
sixrd:
  - {prefix: "2a00:db8::/32"}
"""


def test_a_document_is_plain_data_with_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(TEXT)
    document = read_document("s.yaml", ["limits.layers=3"])
    assert document.values["nat_pools"] == ["198.51.100.0/28"]
    assert list(document.values["sixrd"][0].values()) == ["2a00:db8::/32", 0, []]
    assert str(document.places["zones.dmz.side"]) == "s.yaml:5"
    assert str(document.places["limits.layers"]) == "--set 'limits.layers=3'"
    assert "limits.conversations" not in document.places
    assert settings(document).decode.layers == 3


def test_keys_of_later_versions_have_no_value() -> None:
    values = read_document(None).values
    assert not {key.name for key in SCHEMA.keys if isinstance(key.shape, Later)} & values.keys()


def test_what_is_not_read_is_what_would_have_been_read() -> None:
    assert load(None) == settings(read_document(None))
