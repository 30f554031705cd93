"""The little XML of TSP (RFC 5572 section 4.7.1), read so that no sender can make it more.

There are elements, attributes and text. Declarations, comments, processing instructions and
references are refused, so that nothing can expand; elements and their depth are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sensor.lab.inner.refusal import Refused

LONGEST = 4_096  # octets of a document
MOST_ELEMENTS = 64
DEEPEST = 8

_BLANKS = str.maketrans("\t\r\n", "   ")

BAD_MARKUP = "bad-markup"
MARKUP_LIMIT = "markup-limit"


@dataclass(slots=True)
class Element:
    """An element; ``text`` is what stands in it outside its children, without outer blanks."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Element]:
        """Its children of a name."""
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> Element | None:
        return next(self.all(name), None)


def parse(octets: bytes) -> Element:
    """The one element that a document is; Refused if it is none, or too much of one."""
    if len(octets) > LONGEST:
        raise Refused(MARKUP_LIMIT)
    document = Element("", {})
    open_elements = [document]
    rest, count = _decode(octets), 0
    while rest:
        text, found, behind = rest.partition("<")
        _add_text(open_elements[-1], text)
        tag, closed, rest = behind.partition(">")
        if found and (not closed or "<" in tag):
            raise Refused(BAD_MARKUP)
        if found:
            _tag(open_elements, tag)
            count += 1
        if count > 2 * MOST_ELEMENTS or len(open_elements) > DEEPEST + 1:
            raise Refused(MARKUP_LIMIT)
    if len(open_elements) > 1 or len(document.children) != 1 or document.text:
        raise Refused(BAD_MARKUP)
    return document.children[0]


def _decode(octets: bytes) -> str:
    """Printable ASCII, all blanks the same."""
    text = octets.decode("latin-1").translate(_BLANKS)
    if not (text.isascii() and text.isprintable()) or "&" in text:
        raise Refused(BAD_MARKUP)
    return text


def _add_text(element: Element, text: str) -> None:
    element.text = (element.text + text).strip()


def _tag(open_elements: list[Element], tag: str) -> None:
    """What stands between < and >."""
    if tag.startswith("/"):
        if open_elements.pop().name != tag[1:].rstrip() or not open_elements:
            raise Refused(BAD_MARKUP)
        return
    element = _start(tag.removesuffix("/"))
    open_elements[-1].children.append(element)
    if not tag.endswith("/"):
        open_elements.append(element)


def _start(tag: str) -> Element:
    """A start tag: its name, then NAME="VALUE" any number of times."""
    name, blank, rest = tag.partition(" ")
    parts = (blank + rest).split('"')
    keys = parts[:-1:2]
    names = [key.strip().removesuffix("=").rstrip() for key in keys]
    well_formed = all(key.startswith(" ") and key.rstrip().endswith("=") for key in keys)
    if len(parts) % 2 == 0 or parts[-1].strip() or not well_formed:
        raise Refused(BAD_MARKUP)
    if not all(map(_is_name, [name, *names])) or len(set(names)) < len(names):
        raise Refused(BAD_MARKUP)
    return Element(name, dict(zip(names, parts[1::2], strict=True)))


def _is_name(name: str) -> bool:
    return name.replace("-", "_").isidentifier()
