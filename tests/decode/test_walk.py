from __future__ import annotations

import pytest

from sensor.capture.batch import batch_of
from sensor.decode.inner import digest, summarize
from sensor.decode.scalar import Frame, decode_batch, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.decode.span import Span
from sensor.decode.trace import SILENCE
from sensor.decode.verdict import Carrier, Outer, Verdict
from sensor.decode.walk import NOWHERE, USUAL_TUNNELS, Next, Step, Walk
from sensor.schema.rows import Observation
from sensor.schema.words import (
    Anomaly,
    Confidence,
    Evidence,
    Kind,
    Layer,
    Reason,
    Transport,
)
from sensor.wire import gre, icmpv4, ipv4, ipv6, tsp
from sensor.wire.addresses import SIXA44_RELAY
from sensor.wire.cursor import Cursor
from sensor.wire.ports import SIXA44_PORT, TSP_PORT

from .. import build
from ..build import CLIENT, NATIVE, OTHER, PEER, V4A, V4B, ethernet, in_four, six_in_six, tcp6
from .seen import DEFAULTS, all_seen, anomalies, decode, only_row, seen, stack

TUNNEL = in_four(tcp6(), 41)
WEAK = ipv6.build(NATIVE, OTHER, 50, b"weak")
PAYLOAD = Span(0, 60, 60, Anomaly(0))


def walk(layers: int = 16, tunnels: int = 8) -> Walk:
    frame = Frame(tcp6(), 101, 60, number=3, time=4, source=5)
    return Walk(frame, DecodeSettings(layers=layers, tunnels=tunnels), SILENCE)


def verdict(confidence: Confidence = Confidence.STRONG, kind: Kind = Kind.AYIYA) -> Verdict:
    return Verdict(kind, 1 << kind, confidence, Evidence.AYIYA, Anomaly.FLOW_LABEL)


def holding(state: Walk, packet: bytes = tcp6()) -> Walk:
    """The same walk, which has looked into a packet."""
    state.inner = summarize(packet, 0, ipv6.parse(Cursor(packet)), len(packet))
    return state


def tunnel(state: Walk, confidence: Confidence = Confidence.STRONG) -> Next | Reason:
    return holding(state).tunnel(verdict(confidence), Transport.UDP, PAYLOAD)


# layers


def test_layers_up_to_the_limit() -> None:
    state = walk(layers=2)
    assert state.push(Layer.ETHERNET)
    assert state.push(Layer.IPV4)
    assert (state.unfollowed, state.too_deep) == (False, False)
    assert not state.push(Layer.UDP)
    assert (state.unfollowed, state.too_deep) == (True, True)
    assert state.stack == [Layer.ETHERNET, Layer.IPV4]


def test_an_ip_header_begins_anew() -> None:
    state = walk()
    state.bridge = Kind.GRE6
    state.name_ports(1, 2)
    met = (state.outer.source_port, state.outer.destination_port, state.over_udp)
    assert met == (1, 2, True)
    state.enter(Outer(4, V4A, V4B))
    assert state.outer == Outer(4, V4A, V4B)
    assert (state.bridge or state.over_udp) is False


# rows


def test_a_row_is_what_the_walk_has_met() -> None:
    state = walk()
    state.push(Layer.IPV4)
    state.enter(Outer(4, V4A, V4B, identification=6, key=7))
    state.name_ports(8, 9)
    state.vlan = 10
    assert tunnel(state) == Next(Step.INSIDE, PAYLOAD)
    row = state.finish()[0]
    assert (row.frame, row.time, row.source, row.wire_length, row.captured_length) == (
        3,
        4,
        5,
        60,
        60,
    )
    assert (row.outer_version, row.outer_id, row.outer_key, row.vlan) == (4, 6, 7, 10)
    assert (row.outer_source_port, row.outer_destination_port) == (8, 9)
    assert (row.outer_source, row.outer_destination) == (V4A.ljust(16, b"\0"), V4B.ljust(16, b"\0"))
    assert (row.kind, row.kinds, row.confidence, row.quoted) == (9, 1 << 9, 2, 0)
    assert (row.reasons, row.anomalies) == (Evidence.AYIYA, Anomaly.FLOW_LABEL)
    assert (row.inner_length, row.inner_source, row.inner_destination_port) == (60, NATIVE, 443)
    assert (stack(row), row.depth, row.payload_offset, row.tail_length) == ("ipv4 ipv6", 0, 0, 0)


def test_a_carriers_oddities_are_those_of_the_next_row_alone() -> None:
    state = walk()
    state.oddities = Anomaly.LENGTH_MISMATCH
    state.enter(Outer(4, V4A, V4B))
    tunnel(state)
    tunnel(state)
    first, second = state.finish()
    assert anomalies(first) == ["length-mismatch", "flow-label"]
    assert anomalies(second) == ["flow-label"]


def test_a_control_row_names_no_inner_packet() -> None:
    state = walk()
    assert state.control(verdict(), Transport.TCP, PAYLOAD) is Reason.TUNNELLED
    row = state.finish()[0]
    assert (row.inner_length, row.inner_source, row.outer_transport) == (0, bytes(16), 4)
    assert row.inner_digest != 0
    assert state.outcome(Reason.UDP) is Reason.TUNNELLED


def test_tunnels_and_control_rows_up_to_the_limit() -> None:
    for write in (tunnel, lambda state: state.control(verdict(), Transport.UDP, PAYLOAD)):
        state = walk(tunnels=1)
        tunnel(state)
        assert write(state) is Reason.TOO_MANY_LAYERS
        assert [anomalies(row) for row in state.finish()] == [["too-many-layers", "flow-label"]]


def test_the_third_tunnel_is_deep() -> None:
    found = all_seen(build.sixinfour_frame(six_in_six(six_in_six(six_in_six(tcp6())))))
    assert USUAL_TUNNELS == 2
    assert [row.anomalies for row in found] == ["", "", "deep-nesting", "deep-nesting"]


# how sure a carrier is


def test_trust_is_that_of_the_least_sure_around() -> None:
    weak, strong, certain = Confidence.WEAK, Confidence.STRONG, Confidence.CERTAIN
    state = walk()
    assert state.holding(PAYLOAD) == Carrier(60, certain, strong)
    tunnel(state, strong)
    assert state.holding(PAYLOAD) == Carrier(60, strong, strong)
    tunnel(state, weak)
    assert state.holding(PAYLOAD) == Carrier(60, weak, strong)
    state.ceiling, state.vague = strong, True
    assert state.holding(PAYLOAD) == Carrier(60, weak, weak)
    tunnel(state, certain)
    assert state.holding(PAYLOAD) == Carrier(60, strong, weak)


# belief


def confidences(*given: Confidence, quoted: int = 0) -> list[int]:
    state = walk()
    for confidence in given:
        tunnel(state, confidence)
    state.rows = [row._replace(quoted=quoted) for row in state.rows]
    return [row.confidence for row in state.finish()]


def test_what_is_believed_proves_the_weak_around_it() -> None:
    weak, strong, certain = Confidence.WEAK, Confidence.STRONG, Confidence.CERTAIN
    assert confidences(weak, weak, strong, weak) == [strong, strong, strong, weak]
    assert confidences(weak, certain) == [strong, certain]
    assert confidences(certain, weak) == [certain, weak]
    assert confidences(weak, weak) == [weak, weak]


def test_weak_quotes_are_dropped() -> None:
    weak, strong = Confidence.WEAK, Confidence.STRONG
    assert confidences(weak, weak, quoted=1) == []
    assert confidences(weak, strong, weak, quoted=1) == [strong, strong]


def test_at_the_limit_the_innermost_is_believed() -> None:
    packet = WEAK
    for _ in range(9):
        packet = six_in_six(packet)
    found, rows = decode(build.udp_frame(CLIENT, PEER, packet))
    assert found is Reason.TUNNELLED
    assert {row.confidence for row in rows} == {Confidence.STRONG}
    assert anomalies(rows[-1]) == ["too-many-layers", "deep-nesting"]


def test_too_many_extension_headers_are_told_but_prove_nothing_around() -> None:
    chain = b"".join(ipv6.build_extension(60, 60, bytes(6)) for _ in range(65))
    packet = six_in_six(ipv6.build(NATIVE, OTHER, 60, chain + bytes(4)))
    _, rows = decode(ethernet(in_four(packet, 41)))
    assert anomalies(rows[-1])[0] == "too-many-layers"


# what became of the frame


def row(kind: Kind, confidence: Confidence = Confidence.STRONG, quoted: int = 0) -> Observation:
    state = walk()
    state.control(verdict(confidence, kind), Transport.UDP, PAYLOAD)
    return state.rows[0]._replace(quoted=quoted)


STRONG, QUOTED = row(Kind.TEREDO), row(Kind.TEREDO, quoted=1)
LIMIT = row(Kind.NONE)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], Reason.UDP),
        ([STRONG], Reason.TUNNELLED),
        ([STRONG, QUOTED], Reason.TUNNELLED),
        ([row(Kind.TEREDO, Confidence.WEAK)], Reason.WEAK),
        ([row(Kind.TEREDO, Confidence.WEAK), QUOTED], Reason.TUNNELLED),
        ([QUOTED], Reason.QUOTED),
        ([LIMIT], Reason.TOO_MANY_LAYERS),
        ([LIMIT._replace(quoted=1)], Reason.TOO_MANY_LAYERS),
    ],
)
def test_the_reason_follows_from_the_rows(rows: list[Observation], expected: Reason) -> None:
    state = walk()
    state.rows = rows
    assert state.outcome(Reason.UDP) is expected


def test_of_an_error_that_quotes_nothing_the_reason_is_its_own() -> None:
    state = walk()
    state.quoting = Reason.ICMP
    assert state.outcome(Reason.UDP) is Reason.ICMP


def test_a_row_of_no_kind_says_between_whom() -> None:
    state = walk(layers=0)
    assert state.outer == NOWHERE
    state.enter(Outer(4, V4A, V4B, source_port=7))
    state.stop_nesting()
    (found,) = state.finish()
    assert (found.kind, found.kinds, found.reasons, found.confidence) == (0, 0, 0, 2)
    assert (found.outer_version, found.outer_source[:4], found.outer_source_port) == (4, V4A, 0)
    assert anomalies(found) == ["too-many-layers"]


def test_a_limit_inside_a_quote() -> None:
    packet = TUNNEL
    for _ in range(13):
        packet = in_four(packet)
    message = icmpv4.build_error(icmpv4.UNREACHABLE, 1, packet)
    found, rows = decode(ethernet(in_four(message, icmpv4.PROTOCOL)))
    assert found is Reason.TOO_MANY_LAYERS
    assert [(each.kind, each.quoted) for each in rows] == [(Kind.NONE, 1)]


# fragments


def fragment(packet: bytes, offset: int = 0, more: bool = True, protocol: int = 41) -> bytes:
    return ipv4.build(V4A, V4B, protocol, packet, fragment_offset=offset, more_fragments=more)


def six_fragment(packet: bytes, offset: int = 0, more: bool = True) -> bytes:
    header = ipv6.build_fragment(4, 9, offset, more)
    return ipv6.build(NATIVE, OTHER, ipv6.FRAGMENT, header + packet)


def noted(*frames: bytes) -> list[list[int]]:
    found: list[list[int]] = decode_batch(batch_of(list(frames)), DEFAULTS).fragments.tolist()
    return found


@pytest.mark.parametrize("protocol", [4, 17, 41, 47, 51])
def test_fragments_of_what_may_hold_a_tunnel_are_noted(protocol: int) -> None:
    first = ethernet(fragment(bytes(64), protocol=protocol))
    later = ethernet(fragment(bytes(64), 64, more=False, protocol=protocol))
    assert noted(first, ethernet(TUNNEL), later) == [[0, 14], [2, 14]]


def test_other_fragments_are_not() -> None:
    assert noted(ethernet(fragment(bytes(64), protocol=6))) == []
    assert noted(ethernet(fragment(bytes(64), 64, protocol=1))) == []
    assert noted() == []


def test_the_outermost_fragment_is_noted() -> None:
    inner = in_four(fragment(tcp6()))
    assert noted(ethernet(inner), ethernet(fragment(fragment(tcp6()), protocol=4))) == [
        [0, 34],
        [1, 14],
    ]


def test_fragments_of_ipv6_are_noted() -> None:
    assert noted(ethernet(six_fragment(TUNNEL))) == [[0, 14]]
    assert noted(ethernet(six_fragment(TUNNEL, 64, more=False))) == [[0, 14]]
    assert noted(ethernet(six_fragment(TUNNEL, more=False))) == []  # RFC 6946: of one piece
    assert noted(build.sixinfour_frame(six_fragment(TUNNEL))) == [[0, 34]]


def test_fragments_that_are_quoted_are_not() -> None:
    message = icmpv4.build_error(icmpv4.UNREACHABLE, 1, fragment(tcp6()))
    assert noted(ethernet(in_four(message, icmpv4.PROTOCOL))) == []


# packets put together


def whole(data: bytes, at: int) -> list[Observation]:
    return decode_frame(Frame(data, 1, len(data), whole_at=at), DEFAULTS)[1]


def test_a_packet_put_together_reaches_to_the_end_of_the_data() -> None:
    """Whatever its carriers announced, which counted one fragment of it."""
    packet = in_four(tcp6(payload=bytes(100)), 41)
    frame = ethernet(in_four(packet))
    short = frame[:16] + (40).to_bytes(2) + frame[18:]
    assert decode(short)[1] == []
    (found,) = whole(short, 34)
    assert (anomalies(found), found.inner_length) == ([], 160)


def test_an_ipv6_packet_put_together() -> None:
    packet = build.four_in_six(TUNNEL)
    frame = ethernet(six_in_six(packet))
    short = frame[:18] + (8).to_bytes(2) + frame[20:]
    assert decode(short)[1] == []
    (found,) = whole(short, 54)
    assert (seen(found).kind, anomalies(found)) == ("6in4", [])


def test_an_inner_packet_put_together() -> None:
    frame = ethernet(in_four(gre.build(gre.IPV6, tcp6()), 47))
    short = frame[:16] + (30).to_bytes(2) + frame[18:]
    assert decode(short)[1] == []
    (found,) = whole(short, 38)
    assert (seen(found).kind, anomalies(found)) == ("gre6", [])


def test_another_packet_is_not_put_together_there() -> None:
    assert decode_frame(Frame(ethernet(TUNNEL), 1, 94, whole_at=15), DEFAULTS) == decode(
        ethernet(TUNNEL)
    )


# rows without an inner packet, field by field


def filled(row: Observation) -> dict[str, object]:
    """The fields that are not zero, but for the digest."""
    fields = row._replace(inner_digest=0)._asdict().items()
    return {name: value for name, value in fields if (any(value) if name in _BYTES else value)}


_BYTES = Observation._fields[-7:]


def told(size: int, layers: bytes, **fields: object) -> dict[str, object]:
    """What every row says of its frame between V4A and V4B, and more."""
    return {
        "frame": 1,
        "wire_length": size,
        "captured_length": size,
        "outer_version": 4,
        "outer_source": V4A.ljust(16, b"\0"),
        "outer_destination": V4B.ljust(16, b"\0"),
        "stack": layers.ljust(16, b"\0"),
        "stack_length": len(layers),
        **fields,
    }


def test_signalling_of_tsp_field_by_field() -> None:
    text = b"VERSION=2.0.0\r\n"
    row = only_row(build.udp_frame((V4A, 4000), (V4B, 3653), tsp.build(1, 2, text)))
    fields = {
        "kind": 10,
        "kinds": 1 << 10,
        "confidence": 3,
        "reasons": 1 << 17 | 1 << 19,
        "outer_transport": 1,
        "outer_source_port": 4000,
        "outer_destination_port": 3653,
        "payload_offset": 42,
    }
    assert filled(row) == told(65, bytes([1, 5, 7, 27]), **fields)
    assert row.inner_digest == digest(tsp.build(1, 2, text))


def test_a_bubble_of_6a44_field_by_field() -> None:
    relay = (SIXA44_RELAY, SIXA44_PORT)
    row = only_row(build.udp_frame((V4A, 4000), relay, bytes(20)))
    fields = {
        "kind": 12,
        "kinds": 1 << 12,
        "confidence": 2,
        "reasons": 1 << 1 | 1 << 19 | 1 << 20,
        "outer_destination": SIXA44_RELAY.ljust(16, b"\0"),
        "outer_transport": 1,
        "outer_source_port": 4000,
        "outer_destination_port": 1027,
        "payload_offset": 42,
    }
    assert filled(row) == told(62, bytes([1, 5, 7]), **fields)


def test_a_short_quote_field_by_field() -> None:
    message = icmpv4.build_error(icmpv4.UNREACHABLE, 1, TUNNEL, quote=28)
    row = only_row(ethernet(in_four(message, icmpv4.PROTOCOL)))
    fields = {
        "kind": 2,
        "kinds": 1 << 2,
        "confidence": 2,
        "reasons": 1 << 9,
        "anomalies": 1 << 7,
        "quoted": 1,
        "outer_transport": 2,
        "payload_offset": 62,
    }
    assert filled(row) == told(70, bytes([1, 5, 9, 5]), **fields)


def test_a_limit_field_by_field() -> None:
    found, rows = decode(ethernet(in_four(tcp6(), 4), (7,)), settings=DecodeSettings(layers=2))
    assert found is Reason.TOO_MANY_LAYERS
    assert [filled(row) for row in rows] == [
        {
            "frame": 1,
            "wire_length": 98,
            "captured_length": 98,
            "confidence": 2,
            "anomalies": 1 << 8,
            "vlan": 8,
            "stack": bytes([1, 2]).ljust(16, b"\0"),
            "stack_length": 2,
        }
    ]
    assert rows[0].inner_digest == 0
    assert [len(rows[0]._asdict()[name]) for name in _BYTES] == [8, 4, 16, 16, 16, 16, 16]


def test_the_weak_between_two_that_are_believed_is_too() -> None:
    state = walk()
    for confidence in (Confidence.CERTAIN, Confidence.WEAK, Confidence.STRONG, Confidence.WEAK):
        tunnel(state, confidence)
    assert [row.confidence for row in state.finish()] == [
        Confidence.CERTAIN,
        Confidence.STRONG,
        Confidence.STRONG,
        Confidence.WEAK,
    ]


def test_the_digest_of_a_control_packet_is_of_all_its_octets() -> None:
    """Packets that differ in their last octet alone are no copies of each other."""
    texts = (b"VERSION=2.0.0" + bytes(60) + end for end in (b"a", b"b"))
    frames = [build.udp_frame(CLIENT, (V4B, TSP_PORT), tsp.build(1, 2, text)) for text in texts]
    first, second = map(only_row, frames)
    assert first.inner_digest != second.inner_digest


def test_a_packet_longer_than_its_carrier_has_no_tail() -> None:
    longer = tcp6()[:5] + bytes([tcp6()[5] + 7]) + tcp6()[6:]
    row = only_row(ethernet(in_four(longer, 41)))
    assert (anomalies(row), row.tail_length) == (["length-mismatch"], 0)
