"""IPv6 in a UDP payload, judged from its own octets (``sensor.decode.teredo``)."""

from __future__ import annotations

from sensor.decode.compiled.addresses import (
    among,
    is_bogon,
    is_link_local,
    is_private,
    is_teredo,
    mapped_ip,
    mapped_port,
)
from sensor.decode.compiled.bare import name_bare
from sensor.decode.compiled.inner import (
    RIGHT_CHECKSUM,
    digest,
    ipv6_fault,
    is_bubble,
    is_icmp,
    may_be_icmp,
    summarize,
)
from sensor.decode.compiled.numbers import (
    ADVERTISEMENT_LENGTH,
    ALL_ROUTERS_HIGH,
    ALL_ROUTERS_LOW,
    AUTHENTICATION_LENGTH,
    ECHO_REQUEST,
    FORBIDDEN_FLAGS,
    GENEVE_ORIGIN,
    ICMPV6,
    IPV6_LENGTH,
    LEGACY_TEREDO_PREFIX,
    LINK_LOCAL,
    MAX_INDICATORS,
    MAX_OPTIONS,
    MAX_TRAILERS,
    NO_NEXT_HEADER,
    OPTION_PREFIX,
    OPTION_PREFIX_UNITS,
    ORIGIN_LENGTH,
    ROUTER_ADVERTISEMENT,
    ROUTER_SOLICITATION,
    SERVER_IDENTIFIER,
    TRAILER_ALTERNATE_ADDRESS,
    TRAILER_NEIGHBOUR_DISCOVERY,
    TRAILER_NONCE,
    TRAILER_RANDOM_PORT,
    TRAILER_RANDOM_PORT_MISPRINT,
)
from sensor.decode.compiled.octets import (
    Array,
    Flag,
    Number,
    Record,
    Word,
    octet,
    pair_before,
    part,
    raw,
    word,
)
from sensor.decode.compiled.state import STEP_TUNNEL
from sensor.decode.compiled.verdict import inner_anomalies, proves_itself
from sensor.decode.compiled.walk import cut_or, datagram_anomalies, missing
from sensor.decode.compiled.words import (
    ANOMALY_AUTH_LENGTHS,
    ANOMALY_AUTH_ON_DATA,
    ANOMALY_BUBBLE_WITH_PAYLOAD,
    ANOMALY_DUPLICATE_ORIGIN,
    ANOMALY_EMBEDDED_MISMATCH,
    ANOMALY_EMBEDDED_NOT_GLOBAL,
    ANOMALY_FLOW_LABEL,
    ANOMALY_INDICATOR_ORDER,
    ANOMALY_LEGACY_PREFIX,
    ANOMALY_RESERVED_FLAGS,
    ANOMALY_TRAILER_JUNK,
    ANOMALY_TRAILING_BYTES,
    CERTAIN,
    EVIDENCE_BUBBLE,
    EVIDENCE_CHECKSUM,
    EVIDENCE_EXACT_LENGTH,
    EVIDENCE_GRAMMAR,
    EVIDENCE_MAPPING_EQUALS_OUTER,
    EVIDENCE_ROUTER_ADVERTISEMENT,
    EVIDENCE_ROUTER_SOLICITATION,
    EVIDENCE_SERVER_EQUALS_OUTER,
    EVIDENCE_TEREDO_ADDRESS,
    KIND_IP6_IN_UDP,
    KIND_TEREDO,
    OVER_UDP,
    PACKET_BUBBLE,
    PACKET_CONNECTIVITY_TEST,
    PACKET_DATA,
    PACKET_ROUTER_ADVERTISEMENT,
    PACKET_ROUTER_SOLICITATION,
    REASON_GENEVE,
    REASON_TRUNCATED_NETWORK,
    REASON_UDP,
    REASON_UDP_IMPLAUSIBLE,
    REASON_UDP_LENGTH,
    STRONG,
    WEAK,
)
from sensor.jit import inlined

_PROOF = EVIDENCE_MAPPING_EQUALS_OUTER | EVIDENCE_SERVER_EQUALS_OUTER
_SETUP = EVIDENCE_ROUTER_SOLICITATION | EVIDENCE_ROUTER_ADVERTISEMENT | EVIDENCE_BUBBLE
_NAMES_TEREDO = EVIDENCE_TEREDO_ADDRESS | EVIDENCE_ROUTER_ADVERTISEMENT
_TEREDO_SIGNS = EVIDENCE_TEREDO_ADDRESS | EVIDENCE_SERVER_EQUALS_OUTER | _SETUP


@inlined
def teredo(arena: Array, walk: Record, row: Record) -> Number:
    """Parse [authentication] [origin] IPv6 [trailers] and weigh what that shows."""
    walk["authentications"] = 0
    walk["auth_lengths"] = 0
    walk["origins"] = 0
    walk["trailer_junk"] = 0
    walk["order_ok"] = 1
    offset = walk["start"]
    if octet(arena, offset) == 0:
        offset = _indicators(arena, walk, row)
    fault = REASON_TRUNCATED_NETWORK if offset < 0 else ipv6_fault(arena, offset, walk["end"])
    if fault:
        return cut_or(walk, REASON_UDP) if fault == REASON_TRUNCATED_NETWORK else REASON_UDP
    rest = walk["declared"] - offset
    if is_too_long(arena, offset, rest):
        return REASON_UDP_LENGTH
    summarize(arena, walk, row, offset)
    length = walk["length"]
    walk["unparsed"] = max(0, walk["end"] - offset - length)
    if walk["unparsed"]:
        _trailers(arena, walk, row)
    evidence = _evidence(arena, walk, rest)
    if length > rest and not evidence & EVIDENCE_MAPPING_EQUALS_OUTER:
        return REASON_UDP_LENGTH
    if not walk["plausible"] and not evidence & (_PROOF | EVIDENCE_TEREDO_ADDRESS):
        return REASON_UDP_IMPLAUSIBLE
    checksum = digest(arena, walk, row)
    if checksum == RIGHT_CHECKSUM:
        evidence |= EVIDENCE_CHECKSUM
    confidence = _weigh(walk, evidence, rest)
    bare_origin = walk["origins"] and not walk["authentications"]
    if confidence == WEAK and bare_origin and walk["first_origin_port"] == GENEVE_ORIGIN:
        return REASON_GENEVE
    row["confidence"] = confidence
    row["reasons"] = evidence
    anomalies = inner_anomalies(walk, checksum, rest) | datagram_anomalies(walk)
    row["anomalies"] = anomalies | _teredo_anomalies(walk)
    if row["flow_label"] and evidence & _SETUP:
        row["anomalies"] |= ANOMALY_FLOW_LABEL
    row["tail_length"] = walk["unparsed"]
    row["outer_transport"] = OVER_UDP
    kind = KIND_IP6_IN_UDP
    if evidence & _TEREDO_SIGNS:
        kind = KIND_TEREDO
        row["teredo_packet"] = _packet_type(arena, walk, evidence)
    row["kind"] = kind
    row["kinds"] = 1 << kind
    if kind == KIND_IP6_IN_UDP:
        name_bare(walk, row)
    return STEP_TUNNEL


@inlined
def is_too_long(arena: Array, offset: Number, rest: Number) -> Flag:
    """Whether an inner header claims more than ``rest``, which a Teredo address alone excuses."""
    return IPV6_LENGTH + part(word(arena, offset), 16, 0xFFFF) > rest and not (
        is_teredo(word(arena, offset + 8)) or is_teredo(word(arena, offset + 24))
    )


@inlined
def _indicators(arena: Array, walk: Record, row: Record) -> Number:
    """Pass authentication headers and origin indications; where IPv6 starts, -1 if one is cut."""
    at, end = walk["start"], walk["end"]
    for _ in range(MAX_INDICATORS):
        if end - at < 2:
            break
        indicator = pair_before(arena, at + 2)
        if indicator == 1:
            size = _authentication(arena, walk, row, at)
        elif indicator == 0:
            size = _origin(arena, walk, row, at)
        else:
            break
        if size == 0:
            return -1
        at += size
    return at


@inlined
def _authentication(arena: Array, walk: Record, row: Record, at: Number) -> Number:
    """The octets of an authentication header (RFC 4380 section 5.1.1), 0 if it is cut."""
    present = walk["end"] - at
    if present < AUTHENTICATION_LENGTH:
        return 0
    lengths = pair_before(arena, at + 4)
    size = AUTHENTICATION_LENGTH + (lengths >> 8) + (lengths & 0xFF)
    if present < size:
        return 0
    if walk["authentications"] or walk["origins"]:
        walk["order_ok"] = 0
    if not walk["authentications"]:
        row["has_auth"] = 1
        row["auth_offset"] = at - walk["base"]
        row["auth_id_length"] = lengths >> 8
        row["auth_value_length"] = lengths & 0xFF
        row["auth_confirmation"] = pair_before(arena, at + size) & 0xFF
        row["nonce_0"] = raw(arena, at + size - 9)
    walk["authentications"] += 1
    walk["auth_lengths"] |= lengths
    return size


@inlined
def _origin(arena: Array, walk: Record, row: Record, at: Number) -> Number:
    """The octets of an origin indication (RFC 4380 section 5.1.1), 0 if it is cut.

    The last one stands next to the packet: it is what a client that skips doubles acts on.
    """
    if walk["end"] - at < ORIGIN_LENGTH:
        return 0
    head = word(arena, at)
    port = part(head, 32, 0xFFFF) ^ 0xFFFF
    if walk["origins"]:
        walk["order_ok"] = 0
    else:
        walk["first_origin_port"] = port
    walk["origins"] += 1
    row["has_origin"] = 1
    row["origin_port"] = port
    row["origin_ip_0"] = part(raw(arena, at), 32, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return ORIGIN_LENGTH


@inlined
def _trailers(arena: Array, walk: Record, row: Record) -> None:
    """Pass the trailers (RFC 6081 section 4) behind the inner packet, up to a malformed one."""
    end = walk["end"]
    at = end - walk["unparsed"]
    count = 0
    while count < MAX_TRAILERS and end - at >= 2:
        head = pair_before(arena, at + 2)
        size = 2 + (head & 0xFF)
        if size > end - at:
            break
        if not _is_known_trailer(head >> 8, head & 0xFF):
            walk["trailer_junk"] = 1
        at += size
        count += 1
    walk["unparsed"] = end - at
    if count:
        row["trailers_offset"] = walk["offset"] + walk["length"] - walk["base"]
        row["trailer_count"] = count


@inlined
def _is_known_trailer(kind: Number, length: Number) -> Flag:
    """Whether the type is a defined one and the value has its type's length."""
    if kind in (TRAILER_NONCE, TRAILER_NEIGHBOUR_DISCOVERY):
        return length == 4
    if kind in (TRAILER_RANDOM_PORT, TRAILER_RANDOM_PORT_MISPRINT):
        return length == 2
    return kind == TRAILER_ALTERNATE_ADDRESS and length in (8, 14, 20, 26)


@inlined
def _evidence(arena: Array, walk: Record, rest: Number) -> Number:
    """Every piece of evidence that a datagram itself holds, but for the checksum."""
    source_0 = walk["inner_source_0"]
    destination_0 = walk["inner_destination_0"]
    link_local = is_link_local(source_0)
    bits = 0
    if (walk["authentications"] or walk["origins"]) and walk["order_ok"]:
        bits |= EVIDENCE_GRAMMAR
    length = walk["length"]
    if length == rest or (length < rest and walk["unparsed"] == 0 and not missing(walk)):
        bits |= EVIDENCE_EXACT_LENGTH
    if is_teredo(source_0) or is_teredo(destination_0):
        bits |= EVIDENCE_TEREDO_ADDRESS
    if walk["version"] == 4:
        bits |= _outer_evidence(walk)
    if is_bubble(walk) and (
        link_local or is_link_local(destination_0) or bits & EVIDENCE_TEREDO_ADDRESS
    ):
        bits |= EVIDENCE_BUBBLE
    if link_local and _may_be(arena, walk, ROUTER_SOLICITATION):
        if destination_0 == ALL_ROUTERS_HIGH and walk["inner_destination_1"] == ALL_ROUTERS_LOW:
            bits |= EVIDENCE_ROUTER_SOLICITATION
    elif link_local and is_icmp(walk, ROUTER_ADVERTISEMENT) and _advertises(arena, walk):
        bits |= EVIDENCE_ROUTER_ADVERTISEMENT
    return bits


@inlined
def _may_be(arena: Array, walk: Record, kind: Number) -> Flag:
    """Whether it is a router message of this type, for all that the capture left of it."""
    return is_icmp(walk, kind) or may_be_icmp(arena, walk, kind)


@inlined
def _outer_evidence(walk: Record) -> Number:
    """Where the inner addresses embed the outer ends."""
    source = part(walk["outer_source_0"], 32, 0xFFFFFFFF)
    destination = part(walk["outer_destination_0"], 32, 0xFFFFFFFF)
    source_1, destination_1 = walk["inner_source_1"], walk["inner_destination_1"]
    bits = 0
    if (
        is_teredo(walk["inner_source_0"])
        and mapped_ip(source_1) == source
        and mapped_port(source_1) == walk["source_port"]
    ) or (
        is_teredo(walk["inner_destination_0"])
        and mapped_ip(destination_1) == destination
        and mapped_port(destination_1) == walk["destination_port"]
    ):
        bits |= EVIDENCE_MAPPING_EQUALS_OUTER
    if (
        walk["inner_source_0"] == LINK_LOCAL
        and part(source_1, 32, 0xFFFFFFFF) == SERVER_IDENTIFIER
        and mapped_ip(source_1) == source
    ):
        bits |= EVIDENCE_SERVER_EQUALS_OUTER
    return bits


@inlined
def _advertises(arena: Array, walk: Record) -> Flag:
    """Whether a whole and sound router advertisement has a Teredo prefix (RFC 4861 4.6.2)."""
    at, end = walk["position"] + ADVERTISEMENT_LENGTH, walk["read_end"]
    found = False
    options = 0
    while at < end:
        if options == MAX_OPTIONS or end - at < 2:
            return False
        head = pair_before(arena, at + 2)
        size = (head & 0xFF) * 8
        if size == 0 or size > end - at:
            return False
        if head == OPTION_PREFIX << 8 | OPTION_PREFIX_UNITS and is_teredo(word(arena, at + 16)):
            found = True
        options += 1
        at += size
    return found


@inlined
def _weigh(walk: Record, evidence: Number, rest: Number) -> Number:
    """Certain, strong or weak: ``sensor.decode.teredo.weigh``."""
    if evidence & _PROOF:
        return CERTAIN
    names_teredo = evidence & _NAMES_TEREDO
    unsaid = walk["origins"] and not walk["authentications"] and not names_teredo
    exact = evidence & EVIDENCE_EXACT_LENGTH
    if exact and evidence & EVIDENCE_GRAMMAR and evidence & _SETUP and not unsaid:
        return CERTAIN
    if names_teredo:
        return STRONG
    if unsaid:
        return WEAK
    if evidence & EVIDENCE_ROUTER_SOLICITATION:
        return STRONG
    if exact and evidence & EVIDENCE_BUBBLE:
        return STRONG
    checksum = evidence & EVIDENCE_CHECKSUM
    proved = proves_itself(walk, checksum, rest) or (exact and checksum)
    return STRONG if proved else WEAK


@inlined
def _packet_type(arena: Array, walk: Record, evidence: Number) -> Number:
    if evidence & EVIDENCE_ROUTER_SOLICITATION:
        return PACKET_ROUTER_SOLICITATION
    if evidence & (EVIDENCE_ROUTER_ADVERTISEMENT | EVIDENCE_SERVER_EQUALS_OUTER) and _may_be(
        arena, walk, ROUTER_ADVERTISEMENT
    ):
        return PACKET_ROUTER_ADVERTISEMENT
    if is_bubble(walk):
        return PACKET_BUBBLE
    if is_icmp(walk, ECHO_REQUEST) and _through_own_server(walk):
        return PACKET_CONNECTIVITY_TEST
    return PACKET_DATA


@inlined
def _through_own_server(walk: Record) -> Flag:
    """From a Teredo address to a native one, by way of the server (RFC 4380 section 5.2.9)."""
    source = walk["inner_source_0"]
    return (
        is_teredo(source)
        and not is_teredo(walk["inner_destination_0"])
        and walk["version"] == 4
        and source << Word(32) == walk["outer_destination_0"]
    )


@inlined
def _teredo_anomalies(walk: Record) -> Number:
    bits = 0
    if walk["unparsed"] and not missing(walk):
        bits |= ANOMALY_TRAILING_BYTES
    if walk["origins"] > 1:
        bits |= ANOMALY_DUPLICATE_ORIGIN
    if not walk["order_ok"]:
        bits |= ANOMALY_INDICATOR_ORDER
    if walk["authentications"] and not _may_be_setup(walk):
        bits |= ANOMALY_AUTH_ON_DATA
    if walk["auth_lengths"]:
        bits |= ANOMALY_AUTH_LENGTHS
    if walk["trailer_junk"]:
        bits |= ANOMALY_TRAILER_JUNK
    if walk["next_header"] == NO_NEXT_HEADER and walk["payload_length"]:
        bits |= ANOMALY_BUBBLE_WITH_PAYLOAD
    if is_teredo(walk["inner_source_0"]):
        bits |= _address_anomalies(walk["inner_source_0"], walk["inner_source_1"])
    if is_teredo(walk["inner_destination_0"]):
        bits |= _address_anomalies(walk["inner_destination_0"], walk["inner_destination_1"])
    if walk["version"] == 4 and _mapping_disagrees(walk):
        bits |= ANOMALY_EMBEDDED_MISMATCH
    return bits


@inlined
def _may_be_setup(walk: Record) -> Flag:
    """A router message, or one of ICMPv6 whose type was cut off."""
    if walk["has_transport"]:
        return is_icmp(walk, ROUTER_SOLICITATION) or is_icmp(walk, ROUTER_ADVERTISEMENT)
    return not walk["complete"] or walk["transport"] == ICMPV6


@inlined
def _address_anomalies(first: Word, second: Word) -> Number:
    """Of a Teredo address."""
    bits = 0
    if is_bogon(mapped_ip(second)) or is_bogon(part(first, 0, 0xFFFFFFFF)):
        bits |= ANOMALY_EMBEDDED_NOT_GLOBAL
    if part(first, 32, 0xFFFFFFFF) == LEGACY_TEREDO_PREFIX:
        bits |= ANOMALY_LEGACY_PREFIX
    if part(second, 48, FORBIDDEN_FLAGS):
        bits |= ANOMALY_RESERVED_FLAGS
    return bits


@inlined
def _mapping_disagrees(walk: Record) -> Flag:
    """A public outer IPv4 end that differs from the client address embedded inside.

    What a server or an indirect bubble carries belongs to somebody else.
    """
    source = part(walk["outer_source_0"], 32, 0xFFFFFFFF)
    destination = part(walk["outer_destination_0"], 32, 0xFFFFFFFF)
    differs = False
    if is_teredo(walk["inner_source_0"]):
        server = part(walk["inner_source_0"], 0, 0xFFFFFFFF)
        if server in (source, destination):
            return False
        differs = not is_private(source) and mapped_ip(walk["inner_source_1"]) != source
    if is_teredo(walk["inner_destination_0"]):
        server = part(walk["inner_destination_0"], 0, 0xFFFFFFFF)
        if server in (source, destination):
            return False
        if not is_private(destination):
            differs |= mapped_ip(walk["inner_destination_1"]) != destination
    return differs


@inlined
def is_known(walk: Record, servers_4: Array, servers_6: Array) -> Flag:
    """Whether an end of the carrier is a known Teredo server."""
    servers = servers_4 if walk["version"] == 4 else servers_6
    return len(servers) > 0 and (
        among(servers, walk["outer_source_0"], walk["outer_source_1"])
        or among(servers, walk["outer_destination_0"], walk["outer_destination_1"])
    )
