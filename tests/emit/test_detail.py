from __future__ import annotations

import random

from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.decode.trace import Trace
from sensor.emit.detail import WIDTH, detail, verdict
from sensor.schema.words import Anomaly, Evidence, Kind, Reason
from sensor.wire import icmpv6, ipv6, teredo
from sensor.wire.addresses import SixRdDomain, packed

from .. import build
from ..track import rows as made_rows
from .test_rows import rows_of

SIXRD = (SixRdDomain(packed("2001:db8::"), 32, 0),)


def lines(data: bytes, link_type: int = 1) -> list[str]:
    trace = Trace()
    frame = Frame(data, link_type, len(data))
    _, rows = decode_frame(frame, DecodeSettings(sixrd=SIXRD), trace)
    return list(detail(trace.steps, rows, data, SIXRD))


def squeezed(data: bytes, link_type: int = 1) -> str:
    """With the columns closed up, so that a test need not count spaces."""
    return "\n".join(" ".join(line.split()) for line in lines(data, link_type))


def test_every_layer_stands_at_its_offset() -> None:
    payload = build.authentication() + build.origin() + build.advertisement()
    data = build.udp_frame(build.SERVER, build.CLIENT, payload)
    headings = [line for line in lines(data) if line[:6].strip().isdigit()]
    assert [line.split(maxsplit=1) for line in headings] == [
        ["0", "ethernet"],
        ["14", "ipv4"],
        ["34", "udp"],
        ["42", "udp payload, read as [authentication] [origin] ipv6 [trailers]"],
        ["42", "authentication"],
        ["55", "origin indication"],
        ["63", "Teredo router-advertisement: inner ipv6"],
        ["103", "ipv6-icmp"],
    ]
    text = squeezed(data)
    assert "nonce 0102030405060708" in text
    assert "mapped 203.0.113.2:41658" in text
    assert "advertised prefix 2001:0:c633:6401::/64" in text
    assert "Teredo server 198.51.100.1" in text
    assert "yes server link-local address embeds the outer source" in text
    assert "no bubble" in text


def test_teredo_addresses_are_decoded() -> None:
    packet = build.tcp6(build.TEREDO, build.NATIVE, (8080, 49138), flags=0x12)
    text = squeezed(build.udp_frame(build.CLIENT, build.RELAY, packet))
    assert "Teredo mapped 203.0.113.2:41658" in text
    assert "Teredo flags 0x180e: C 0 z 0 R1 0110 U 0 G 0 R2 00001110" in text
    assert "ports 8080 > 49138" in text
    assert "flags SA" in text
    assert "checksum right" in text


def test_trailers_stand_behind_the_packet() -> None:
    trailers = teredo.build_trailer_nonce(b"nnnn") + b"\x09"
    data = build.udp_frame(build.RELAY, build.CLIENT, build.bubble() + trailers)
    told = squeezed(data).splitlines()
    assert told.index("82 trailer: nonce 6e6e6e6e") > told.index("42 Teredo bubble: inner ipv6")
    assert told[-1] == "behind it 1 bytes that are no trailers"
    assert "odd trailing-bytes" in told


def test_what_the_windows_xp_option_remembers() -> None:
    option = icmpv6.Option(1, bytes(6) + bytes.fromhex("8000f12ab9c82815"))
    payload = build.authentication() + build.solicitation(options=(option,))
    data = build.udp_frame(build.CLIENT, build.SERVER, payload)
    assert "address before 70.55.215.234:3797" in squeezed(data)


def test_damaged_options_are_named() -> None:
    broken = icmpv6.Option(1, bytes(6))
    packet = build.solicitation(options=(broken,))
    # An option of no length, under a right checksum: no matter, its frame is only shown.
    data = build.udp_frame(build.CLIENT, build.SERVER, packet[:-7] + b"\0" + packet[-6:])
    assert "options damaged: " in squeezed(data)


def test_a_payload_that_is_no_tunnel_shows_what_was_tried() -> None:
    packet = ipv6.build(build.NATIVE, build.OTHER, 17, bytes(13))
    text = squeezed(build.udp_frame(build.CLIENT, build.RELAY, build.origin() + packet[:-2]))
    assert "50 what would be the ipv6 header" in text
    assert "no inner length fits the datagram" in text


def test_frames_without_tunnel_show_what_they_are() -> None:
    assert "destination 2a00:db8:1::9" in squeezed(build.ethernet(build.tcp6()))
    assert squeezed(b"\0" * 60).endswith("no carries IPv4 or IPv6")
    assert "no link-layer header can be read" in squeezed(b"\0" * 5)
    assert "vlan 5 6" in squeezed(build.ethernet(build.tcp6(), (5, 6)))
    assert "no link layer" in squeezed(build.tcp6(), 229)


def test_extension_headers_fragments_and_6rd() -> None:
    header = bytes([6, 0]) + (1).to_bytes(2) + (0xABCD).to_bytes(4)
    options = bytes([ipv6.FRAGMENT, 0, 1, 4, 0, 0, 0, 0])
    segment = build.tcp6()[ipv6.HEADER_LENGTH :]
    source = SIXRD[0].delegate(build.V4A)[0]
    packet = ipv6.build(source, build.OTHER, 0, options + header + segment + bytes(4))
    text = squeezed(build.sixinfour_frame(packet))
    assert "extension headers hop-by-hop fragment" in text
    assert "fragment 0x0000abcd at 0, more follow" in text
    assert "source 6rd 203.0.113.5" in text


def test_no_line_is_wider_than_a_page(seed: int) -> None:
    chance = random.Random(seed)
    frames = [*build.exchange(), build.sixinfour_frame(build.six_in_six(build.tcp6()))]
    long = build.authentication(bytes(200), bytes(200)) + build.solicitation()
    frames.append(build.udp_frame(build.CLIENT, build.SERVER, long))
    for _ in range(400):
        data = bytearray(chance.choice(frames))
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        told = lines(bytes(data[: chance.choice([len(data), chance.randrange(1, len(data))])]))
        assert max(map(len, told)) <= WIDTH
        assert all(line.isprintable() for line in told)


def test_a_verdict_is_one_sentence() -> None:
    rows = rows_of(build.udp_frame(build.SERVER, build.CLIENT, build.origin() + build.bubble()))
    assert verdict(Reason.TUNNELLED, rows) == (
        "a Teredo tunnel (bubble); certain: grammar, exact length, teredo address, bubble."
    )
    copy = [rows[0]._replace(copy_of=3)]
    assert verdict(Reason.COPY, copy).startswith("a mirrored copy of frame 3: a Teredo tunnel")
    assert verdict(Reason.STUN, []) == "no tunnel: STUN."
    assert verdict(Reason.TRUNCATED_LINK, []).startswith("unreadable: cut inside")


def test_the_verdict_names_nested_tunnels_and_learned_flows() -> None:
    rows = rows_of(build.sixinfour_frame(build.six_in_six(build.tcp6())))
    learned = [rows[0]._replace(reasons=int(Evidence.LEARNED_FLOW)), *rows[1:]]
    told = verdict(Reason.TUNNELLED, learned)
    assert told == "a tunnel of kind 6in4 with IPv6 in IPv6; certain: learned flow."


# other kinds


def test_messages_stand_behind_the_layers_and_take_no_inner_packet() -> None:
    data = build.sixinfour_frame(build.tcp6())
    trace = Trace()
    _, rows = decode_frame(Frame(data, 1, len(data)), DecodeSettings(), trace)
    setup = made_rows.message(
        made_rows.CLIENT, made_rows.RELAY, Kind.TSP, payload_offset=42,
        anomalies=int(Anomaly.BORROWED_PORT),
    )  # fmt: skip
    told = list(detail(trace.steps, [setup, *rows], data, ()))
    assert told[:-2] == list(detail(trace.steps, rows, data, ()))
    assert [line.split() for line in told[-2:]] == [
        ["42", "TSP", "setup"],
        ["odd", "borrowed-port"],
    ]


def test_verdicts_on_what_is_no_traffic() -> None:
    quoted = made_rows.row(made_rows.CLIENT, made_rows.RELAY, quoted=1)
    assert verdict(Reason.QUOTED, [quoted]) == (
        "no tunnel: an ICMP error that quotes a packet of an IPv6 tunnel: a Teredo tunnel (data);"
        " strong: exact length, checksum, teredo address."
    )
    assert verdict(Reason.TOO_MANY_LAYERS, [made_rows.unfollowed()]) == (
        "no tunnel: more layers than the limit before any tunnel."
    )
    around = made_rows.row(made_rows.CLIENT, made_rows.RELAY)
    assert verdict(Reason.TUNNELLED, [around, quoted._replace(depth=1)]).startswith(
        "a Teredo tunnel (data) with an error that quotes a Teredo tunnel (data); strong: "
    )
