"""The XML of TSP, and all the XML that is refused."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.brokers.markup import DEEPEST, LONGEST, MOST_ELEMENTS, Element, parse
from sensor.lab.inner.refusal import Refused

OFFER = (
    b"""<tunnel action="info" type='' >
""".replace(b" type=''", b' type="v6v4" lifetime = "1440"')
    + b"""
  <server><address type="ipv4">192.0.2.1</address>
    <address type="ipv6">2001:db8::1</address></server>
  <client> <keepalive interval="30"/> </client>
</tunnel>\r\n"""
)


def shape(element: Element) -> object:
    children = [shape(child) for child in element.children]
    return element.name, element.attributes, element.text, children


def reference(element: ElementTree.Element) -> object:
    """The same of the standard library's reader, which expands what it is told to expand."""
    texts = [element.text or "", *(child.tail or "" for child in element)]
    text = ""
    for each in texts:
        text = (text + each).strip()
    return element.tag, dict(element.attrib), text, [reference(child) for child in element]


@pytest.mark.parametrize(
    "document",
    [
        OFFER,
        b"<a/>",
        b"<a></a>",
        b" <a> x </a > ",
        b'<a b="" c="d e"><f g=">"/></a>'.replace(b'>"', b'h"'),
        b"<a>x<b/>y<b>z</b></a>",
        b'<a-b c-d="1"/>',
    ],
)
def test_it_reads_as_the_standard_library_does(document: bytes) -> None:
    assert shape(parse(document)) == reference(ElementTree.fromstring(document))


def test_children_by_name() -> None:
    root = parse(OFFER)
    server = root.first("server")
    assert server is not None
    assert [each.text for each in server.all("address")] == ["192.0.2.1", "2001:db8::1"]
    assert root.first("router") is None


@pytest.mark.parametrize(
    "document",
    [
        b"", b"text", b"<a>", b"</a>", b"<a></b>", b"<a/><b/>", b"<a/>text", b"text<a/>", b"<a",
        b"<>", b"< a/>", b"<a b/>", b"<a b=c/>", b"<a b='c'/>", b'<a b="c/>', b'<a b="c" b="d"/>',
        b'<a "b"/>', b'<a b="c"d="e" f/>', b'<a b=="c"/>', b"<1/>", b"<a:b/>", b"<a></a></a>",
        b"<a><b></a></b>", b"<a>&amp;</a>", b"<a>&#65;</a>", b"<a b=\"&lt;\"/>", b"<!-- --><a/>",
        b"<?xml version=\"1.0\"?><a/>", b"<!DOCTYPE a><a/>", b"<a><![CDATA[x]]></a>", b"<\xe9/>",
        b"<a>\xe9</a>", b"<a>\0</a>", b"\x7f<a/>", b'<a b="c"d="e"/>', b'<a b="c" d="e"f="g"/>',
        b'<a b="<"/>', b"<a<b/>",
    ],
)  # fmt: skip
def test_everything_else_is_refused(document: bytes) -> None:
    with pytest.raises(Refused, match="bad-markup"):
        parse(document)


LAUGHS = b"""<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>"""


def test_nothing_expands() -> None:
    """The standard library's reader laughs; ours does not get the joke."""
    assert ElementTree.fromstring(LAUGHS).text == "hahahaha"
    with pytest.raises(Refused, match="bad-markup"):
        parse(LAUGHS)


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


def test_depth_number_and_length_are_limited() -> None:
    parse(nested(DEEPEST))
    parse(b"<a>" + b"<b></b>" * (MOST_ELEMENTS - 1) + b"</a>")
    parse(b"<a>" + b"x" * (LONGEST - 7) + b"</a>")
    for document in (
        nested(DEEPEST + 1),
        b"<a>" + b"<b></b>" * MOST_ELEMENTS + b"</a>",
        b"<a>" + b"x" * (LONGEST - 6) + b"</a>",
    ):
        with pytest.raises(Refused, match="markup-limit"):
            parse(document)


@given(st.binary(max_size=40) | st.text("<>/ab=\" '!?&-", max_size=40).map(str.encode))
def test_any_octets_are_read_or_refused(document: bytes) -> None:
    try:
        element = parse(document)
    except Refused:
        return
    assert shape(element) == reference(ElementTree.fromstring(document))
