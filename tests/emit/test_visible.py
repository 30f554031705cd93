from __future__ import annotations

import pytest

from sensor.emit.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b.pcap", "a b.pcap"),
        ("é.pcap", "é.pcap"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines", "two\\nlines"),
        ("raw\udcff", "raw\\udcff"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
    ],
)
def test_only_what_is_printable_stays(text: str, shown: str) -> None:
    assert visible(text) == shown
