"""What a server's advertisement holds, field by field; test_server.py asks for it."""

from __future__ import annotations

from sensor.lab.teredo.advertisement import build
from sensor.lab.teredo.settings import ServerSettings
from sensor.wire import icmpv6, ipv6
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv6 import PrefixInformation, RouterAdvertisement
from tests.lab.teredo.parties import PRIMARY, SECONDARY, SERVER_LOCAL, SOLICITING


def test_its_fields() -> None:
    cursor = Cursor(build(ServerSettings(PRIMARY.ip, SECONDARY.ip), SOLICITING))
    header = ipv6.parse(cursor)
    assert (header.source, header.destination) == (SERVER_LOCAL, SOLICITING)
    assert (header.hop_limit, header.next_header) == (255, icmpv6.PROTOCOL)
    message = icmpv6.parse(cursor)
    assert (message.type, message.code) == (icmpv6.ROUTER_ADVERTISEMENT, 0)
    prefix = PrefixInformation(64, 0x40, 0xFFFFFFFF, 0xFFFFFFFF, packed("2001:0:cb00:7101::"))
    assert icmpv6.parse_router_advertisement(message.body) == RouterAdvertisement(
        hop_limit=0,
        flags=0,
        router_lifetime=0,
        reachable=0,
        retransmit=2000,
        prefixes=(prefix,),
        mtu=1280,
    )
