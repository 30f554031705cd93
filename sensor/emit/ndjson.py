"""One document, one line."""

from __future__ import annotations

import json
from typing import TextIO

from sensor.schema.fields import Document


def line(document: Document) -> str:
    """JSON in plain ASCII without a line end: nothing from a packet can steer a terminal."""
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    # json escapes everything else that is not printable; DEL can only stand inside a string.
    return text.replace("\x7f", "\\u007f")


def write(document: Document, stream: TextIO) -> None:
    """Write one line; keys keep the order the document was made in."""
    stream.write(line(document) + "\n")
