from __future__ import annotations

from sensor.wire import icmpv6, ipv6, sixbed4
from sensor.wire.addresses import text
from sensor.wire.cursor import Cursor
from sensor.wire.ports import SIXBED4_PORT


def test_the_solicitation_octet_by_octet() -> None:
    assert sixbed4.build_solicitation() == bytes.fromhex(
        "60000000 0010 3a ff"
        "00000000000000000000000000000000"
        "ff020000000000000000000000000002"
        "8500 7aae 00000000"
        "01 01 000000000001"
    )


def test_its_parts_are_read() -> None:
    cursor = Cursor(sixbed4.build_solicitation())
    header = ipv6.parse(cursor)
    assert (text(header.source), text(header.destination)) == ("::", "ff02::2")
    message = icmpv6.parse(cursor)
    option = icmpv6.Option(icmpv6.OPTION_SOURCE_LINK_LAYER, bytes(5) + b"\x01")
    assert icmpv6.parse_router_solicitation(message.body).options == (option,)


def test_the_default_server() -> None:
    assert (text(sixbed4.SERVER), SIXBED4_PORT) == ("145.136.0.1", 25790)
