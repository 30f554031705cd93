"""What a Teredo client's own traffic says of its server, its mapping and its NAT."""

from __future__ import annotations

import functools

from sensor.errors import DecodeError
from sensor.schema.records import Endpoint, MappingChange, Teredo
from sensor.schema.rows import Observation
from sensor.schema.words import NatType
from sensor.track.frames import icmpv6_body
from sensor.track.vantage import outer_ip
from sensor.wire import icmpv6
from sensor.wire.addresses import (
    FLAG_CONE,
    TeredoAddress,
    is_global_unicast,
    parse_teredo,
    parse_teredo_link_local,
)
from sensor.wire.cursor import Cursor
from sensor.wire.teredo import Trailer

# One client asks two servers, each with a nonce of its own, and may ask again before an answer.
NONCE_LIMIT = 8
CHANGE_LIMIT = 16
RELAY_LIMIT = 64
ALTERNATE_LIMIT = 16
# Two servers are asked within one qualification: three tries of four seconds each (RFC 4380
# section 5.2.1). What they saw further apart may differ because the NAT forgot.
SAME_QUALIFICATION = 30_000_000_000
# A server says the same to all its clients again and again: it is read once, if it is short.
BODIES_KEPT = 1_024
COMMON_BODY = 256  # octets
# What RFC 4380 section 5.2.1 tells a client to drop an advertisement for.
_REFUSED = ("nonce-missing", "nonce-mismatch")
_CONE_ANSWER = "cone-answer-from-other-address"


class Qualification:
    """Grows with the events of one Teredo tunnel; ``record`` freezes what is known."""

    __slots__ = (
        "address",
        "alternates",
        "changes",
        "cone_asked",
        "cone_unsure",
        "mapped",
        "nat_reasons",
        "nat_type",
        "nonces",
        "offered",
        "origins",
        "qualified_at",
        "reasons",
        "relays",
        "secondary",
        "server",
        "solicited",
    )

    def __init__(self) -> None:
        self.server: bytes | None = None
        self.secondary: bytes | None = None
        self.solicited = False
        self.offered = False  # an answer came to who has not said anything yet
        self.address: TeredoAddress | None = None
        self.mapped: dict[str, Endpoint] = {}
        self.nonces: dict[bytes, None] = {}
        self.cone_asked: bytes | None = None
        self.cone_unsure = False  # the NAT's verdict, until the client goes on as on a cone NAT
        # Server answering -> when, origin.
        self.origins: dict[bytes, tuple[int, Endpoint]] = {}
        self.nat_type = NatType.UNKNOWN
        self.nat_reasons: list[str] = []
        self.qualified_at: int | None = None
        self.reasons: tuple[str, ...] = ()
        self.relays: dict[Endpoint, None] = {}
        self.changes: list[MappingChange] = []
        self.alternates: dict[Endpoint, None] = {}

    def ask(self, server: bytes, source: bytes, nonce: bytes | None) -> None:
        """A router solicitation of the client from its link-local address ``source``."""
        self.solicited = True
        self.offered = False  # it asks, so it has none
        if nonce is not None:
            self.nonces.pop(nonce, None)  # it is the newest now
            self.nonces[nonce] = None
            if len(self.nonces) > NONCE_LIMIT:
                del self.nonces[next(iter(self.nonces))]
        link_local = parse_teredo_link_local(source)
        if link_local is not None and link_local.flags & FLAG_CONE:
            self.cone_asked = server
        elif self.cone_asked is not None or self.cone_unsure:
            self._withdraw_cone()
        if self.server is None:
            self.server = server

    def _withdraw_cone(self) -> None:
        """Asking again without the bit is the client's own conclusion from silence."""
        self.cone_asked = None
        if self.cone_unsure:
            self.cone_unsure = False
            self.nat_type = NatType.UNKNOWN
            self.nat_reasons.remove(_CONE_ANSWER)
        self._decide(self.nat_type, "cone-phase-unanswered")

    def see_previous_mapping(self, row: Observation, frame: bytes) -> bool:
        """Windows XP's solicitation tells the mapping it had before, in a link-layer option.

        True if it told something new.
        """
        try:
            options = icmpv6.parse_router_solicitation(icmpv6_body(row, frame)).options
        except DecodeError:
            return False
        for option in options:
            found = icmpv6.mapped_from_option(option)
            if found is not None and is_global_unicast(found.ip):
                return self._map(row.time, "option", Endpoint(found.ip, found.port))
        return False

    def advertise(
        self, row: Observation, frame: bytes, client: Endpoint, *, spoken: bool = True
    ) -> bool:
        """A router advertisement to the client (RFC 4380 section 5.2.1); True if it told news.

        Unless the client has ``spoken``, anybody may be sent one that asked for none: it counts
        once the client uses its address.
        """
        reason = self._nonce_reason(row)
        if reason in _REFUSED:
            return self._note(reason)
        if row.auth_confirmation or not row.has_origin:
            return self._note("answer-refused")
        answering = outer_ip(row.outer_source, row.outer_version)
        origin = Endpoint(row.origin_ip, row.origin_port)
        reasons = [reason, *self._name_server(row, frame, answering)]
        others = self._other_origins(row.time, answering, origin)
        news = self._judge_nat(answering, origin, others)
        if self.cone_asked is not None and self.nat_type is NatType.CONE:
            # In front of the NAT nobody knows whether it let the answer in.
            self.cone_unsure = outer_ip(row.outer_destination, row.outer_version) == origin.ip
        if all(seen == origin for seen in others):  # else a symmetric NAT shows each its own
            news |= self._map(row.time, "origin", origin)
        self.cone_asked = None  # answered
        if self.nat_type is NatType.SYMMETRIC and self.address is None:
            # RFC 4380 section 5.2.1 takes it off-line, RFC 6081 does not: its address will tell.
            self.qualified_at = None
        elif self.qualified_at is None and spoken:
            self.qualified_at = row.time
            news = True
        elif self.qualified_at is None:
            self.offered = True
        for said in (*reasons, *self._origin_reasons(origin, client)):
            self._note(said)
        return news

    def _name_server(self, row: Observation, frame: bytes, answering: bytes) -> list[str]:
        """The server is the one that the prefix names; another address that answers is its second.

        The client's own address decides, once it is seen: of two servers asked, it uses one.
        """
        server = _advertised_server(row, frame)
        if server is None:
            return []
        if self.address is None and self.qualified_at is None:
            self.server = server
        if answering != self.server:
            self.secondary = answering
        return ["prefix-names-server"]

    def _note(self, reason: str) -> bool:
        """Keep a reason once; the words are few, so the list is bounded."""
        if reason in self.reasons:
            return False
        self.reasons = (*self.reasons, reason)
        return True

    def _nonce_reason(self, row: Observation) -> str:
        if not self.solicited:
            return "solicitation-unseen"
        if not self.nonces:
            return "no-authentication"
        if not row.has_auth:
            return "nonce-missing"
        # The other address of the server may answer: that is how a cone NAT is found.
        if row.nonce in self.nonces:
            return "nonce-matches"
        return "nonce-mismatch"

    def _origin_reasons(self, origin: Endpoint, client: Endpoint) -> tuple[str, ...]:
        """``client`` is its endpoint at this vantage: seen from outside, the mapping itself."""
        behind = origin.ip != client.ip
        same_port = behind and origin.port == client.port
        reasons = ["origin-port-equals-inside-port"] if same_port else []
        if self.address is not None and origin == (self.address.ip, self.address.port):
            reasons.append("origin-equals-address")
        return tuple(reasons)

    def _other_origins(self, time: int, answering: bytes, origin: Endpoint) -> list[Endpoint]:
        """What other servers saw within the same qualification; notes what this one sees.

        A server that itself saw another mapping before tells of a new one: what the others saw
        is past then.
        """
        _, before = self.origins.pop(answering, (time, origin))
        if before != origin:
            self.origins.clear()
        recent = [
            seen for when, seen in self.origins.values() if abs(time - when) <= SAME_QUALIFICATION
        ]
        self.origins[answering] = time, origin
        if len(self.origins) > NONCE_LIMIT:
            del self.origins[next(iter(self.origins))]
        return recent

    def _judge_nat(self, answering: bytes, origin: Endpoint, others: list[Endpoint]) -> bool:
        """RFC 4380 section 5.2.1, the three ways a NAT shows its type; True if it changed."""
        before = self.nat_type
        if self.cone_asked is not None and self.cone_asked != answering:
            self._decide(NatType.CONE, _CONE_ANSWER)
        elif any(seen != origin for seen in others):
            self._decide(NatType.SYMMETRIC, "two-servers-see-different-mappings")
        elif others and before is not NatType.CONE:
            asked = "cone-phase-unanswered" in self.nat_reasons
            found = NatType.RESTRICTED if asked else NatType.NOT_SYMMETRIC
            self._decide(found, "two-servers-see-one-mapping")
        return self.nat_type is not before

    def _decide(self, found: NatType, reason: str) -> None:
        self.nat_type = found
        if reason not in self.nat_reasons:
            self.nat_reasons.append(reason)

    def see_address(self, row: Observation, outbound: bool) -> bool:
        """The client's own Teredo address (RFC 4380 section 4)."""
        address = parse_teredo(row.inner_source if outbound else row.inner_destination)
        if address is None:
            return False
        self.address = address
        self.server = address.server
        believed = self.nat_type is NatType.SYMMETRIC or (self.offered and outbound)
        went_on = believed and self.qualified_at is None
        if went_on:
            self.qualified_at = row.time
        mapped = Endpoint(address.ip, address.port)
        if mapped == self.mapped.get("origin") and self.qualified_at is not None:
            self._note("origin-equals-address")
        return self._map(row.time, "address", mapped) or went_on

    def _map(self, time: int, source: str, mapped: Endpoint) -> bool:
        """Note what one source says of the mapping; True if the mapping is new or another."""
        current = self.endpoint
        self.mapped.pop(source, None)  # it is the newest now
        self.mapped[source] = mapped
        if current is None:
            return True
        if self.endpoint == current:
            return False
        if len(self.changes) < CHANGE_LIMIT:
            self.changes.append(MappingChange(time, current, mapped))
        return True

    @property
    def endpoint(self) -> Endpoint | None:
        """The mapping as the server or the client said last; an old option's where neither did."""
        for source in reversed(self.mapped):
            if source != "option":
                return self.mapped[source]
        return self.mapped.get("option")

    def learn_relay(self, row: Observation) -> bool:
        relay = Endpoint(outer_ip(row.outer_source, row.outer_version), row.outer_source_port)
        if relay in self.relays or len(self.relays) >= RELAY_LIMIT:
            return False
        self.relays[relay] = None
        return True

    def see_trailers(self, trailers: list[Trailer]) -> bool:
        """Trailers of the client itself; True if they told something new."""
        news = False
        for trailer in trailers:
            for ip, port in trailer.addresses:
                endpoint = Endpoint(ip, port)
                if endpoint not in self.alternates and len(self.alternates) < ALTERNATE_LIMIT:
                    self.alternates[endpoint] = None
                    news = True
        return news

    def record(self, known_servers: frozenset[bytes], peers: int, bubbles: int) -> Teredo:
        endpoint = self.endpoint
        return Teredo(
            server=self.server,
            server_known=self.server in known_servers,
            secondary_server=self.secondary,
            mapped=endpoint,
            mapped_from=tuple(name for name, said in self.mapped.items() if said == endpoint),
            flags=self.address.flags if self.address else None,
            nat_type=self.nat_type,
            nat_reasons=tuple(self.nat_reasons),
            qualified_at=self.qualified_at,
            qualified_reasons=self.reasons,
            relays=tuple(self.relays),
            peers=peers,
            bubbles=bubbles,
            mapping_changes=tuple(self.changes),
            alternate_addresses=tuple(self.alternates),
        )


def _advertised_server(row: Observation, frame: bytes) -> bytes | None:
    try:
        body = icmpv6_body(row, frame)
    except DecodeError:
        return None
    return _server_again(body) if len(body) <= COMMON_BODY else _server_in(body)


def _server_in(body: bytes) -> bytes | None:
    """The server that the prefix of a router advertisement names."""
    try:
        advertisement = icmpv6.parse_router_advertisement(body)
    except DecodeError:
        return None
    for prefix in advertisement.prefixes:
        address = parse_teredo(prefix.prefix)
        if address is not None:
            return address.server
    return None


_server_again = functools.lru_cache(BODIES_KEPT)(_server_in)


def read_trailers(row: Observation, frame: bytes) -> list[Trailer]:
    """The trailers a row points at (RFC 6081 section 4), read again from its frame."""
    trailers: list[Trailer] = []
    try:
        cursor = Cursor(frame, row.trailers_offset)
        for _ in range(row.trailer_count):
            offset, kind, length = cursor.position, cursor.u8(), cursor.u8()
            trailers.append(Trailer(offset, kind, cursor.take(length)))
    except DecodeError:
        pass  # the frame is shorter than when it was decoded: what is left is what there is
    return trailers
