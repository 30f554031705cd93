"""What can be known of a scenario from where it was watched, and why no more.

A vantage is a set of captures: ``inside``, ``outside``, or both as one observation. Each function
is one rule with its reason. Which tunnels and exposures there are is known from each of them, since
the watched clients are seen to qualify, or to talk with native hosts; of what is said about them
``unknown`` is never wrong, claims are.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from sensor.lab.scenarios.openings import Outcome
from sensor.lab.scenarios.truth import (
    ExposureTruth,
    Labelled,
    LinkTruth,
    OpeningTruth,
    Truth,
    TunnelTruth,
)
from sensor.schema.records import Endpoint
from sensor.schema.words import ExposureState, Kind, NatType, TeredoPacket, Vantage
from sensor.wire.addresses import is_private
from sensor.wire.ports import TEREDO_PORT

ORGANISATION_SCOPE = 239  # first octet of the IPv4 groups of 6over4 (RFC 2529 section 6)

SETUP = (TeredoPacket.ROUTER_SOLICITATION, TeredoPacket.ROUTER_ADVERTISEMENT)

INSIDE, OUTSIDE = "inside", "outside"
Sides = tuple[str, ...]
VANTAGES: tuple[Sides, ...] = ((INSIDE,), (OUTSIDE,), (INSIDE, OUTSIDE))

STATES = {
    Outcome.ATTEMPTED: ExposureState.ATTEMPTED,
    Outcome.REFUSED: ExposureState.REFUSED,
    Outcome.ANSWERED: ExposureState.ANSWERED,
}


class Seen(NamedTuple):
    """A tunnel as it is told apart at a vantage: a client, and its end there."""

    tunnel: TunnelTruth
    end: Endpoint


class View:
    """One scenario from one vantage."""

    def __init__(self, truth: Truth, sides: Sides) -> None:
        self.truth = truth
        self.sides = sides
        # Both captures together name the hosts as the inside one does.
        self.side = INSIDE if INSIDE in sides else OUTSIDE
        self._tunnels = {tunnel.name: tunnel for tunnel in truth.tunnels}

    @property
    def public(self) -> bool:
        """Whether the watched hosts have public addresses: there is no NAT then."""
        return not any(is_private(ip) for ip, _ in self.truth.networks)

    @property
    def from_inside(self) -> bool:
        return self.side == INSIDE

    # tunnels

    def tunnels(self) -> list[Seen]:
        """One for each end of each watched client.

        A client is known by its end at this vantage: several ends of its own (RFC 6081 section 5.4)
        or from its NAT are several tunnels. Outside, an end that a symmetric NAT gave for one peer
        alone is the client's too: it sends from the IPv4 address of the mapping that qualified.
        """
        return [
            Seen(tunnel, end)
            for tunnel in self.truth.tunnels
            if tunnel.watched
            for end in self._ends(self.side, tunnel.name)
            if not (self.from_inside and self._public(tunnel, end))
        ]

    def _ends(self, side: str, name: str) -> list[Endpoint]:
        """Where somebody's packets come from at one side, as far as they can be read."""
        ends = (frame.end for frame in self._frames(side) if frame.sender == name)
        # Later fragments have no port.
        return list(dict.fromkeys(end for end in ends if end is not None and end.port))

    def _public(self, tunnel: TunnelTruth, end: Endpoint) -> bool:
        """Inside these are seen where a NAT sends packets back: still the same client's."""
        return any(mapping.public == end != mapping.inside for mapping in tunnel.mappings)

    def ends(self) -> set[Endpoint]:
        """All ends of packets that can be read."""
        frames = list(self._labelled())
        found = {frame.end for frame in frames} | {frame.destination for frame in frames}
        return {end for end in found if end is not None}

    def doubtful(self) -> set[Endpoint]:
        """Ends of tunnels that may be told besides, for all that can be seen.

        Outside, in mid-stream between two clients, either may be the inside one. An empty bubble
        names the first port of its sender alone: another port that sends no more is nobody's.
        """
        found: set[Endpoint] = set()
        watched = [name for name, tunnel in self._tunnels.items() if tunnel.watched]
        for name in watched if OUTSIDE in self.sides else ():
            sent = self._sent_outside(name)
            if sent and not self._settled(name):
                ends = (end for frame in sent for end in (frame.end, frame.destination))
                found |= {end for end in ends if end is not None}
            if self.from_inside:
                found |= _bubbles_alone(sent)
        return found

    def _sent_outside(self, name: str) -> list[Labelled]:
        return [frame for frame in self._frames(OUTSIDE) if frame.sender == name]

    def _settled(self, name: str) -> bool:
        """Whether anything seen outside tells a client from who talks with it."""
        ends = set(self._ends(OUTSIDE, name))
        return any(
            frame.packet in SETUP or frame.sender not in self._tunnels
            for frame in self._frames(OUTSIDE)
            if frame.end in ends or frame.destination in ends
        )

    # tunnels of other kinds

    def links(self) -> list[LinkTruth]:
        """Those of the side that names the hosts; a NAT shows the same ones on its other side."""
        return list(self.truth.captures[self.side].links)

    def links_of(self, name: str) -> list[LinkTruth]:
        """Those that somebody sends by."""
        return [link for link in self.links() if name in link.senders]

    def kinds_of(self, link: LinkTruth) -> set[Kind]:
        """What the packets look like: 6over4 between two hosts as a configured tunnel.

        fe80::a.b.c.d is an address of both (RFC 2529 section 4, RFC 4213 section 3.7); only their
        groups tell them apart, which are a tunnel of their own.
        """
        formed = {found.scheme for found in link.embedded}
        return {_shown(kind, link.ends) for kind in link.kinds} | formed

    def names(self, frame: Labelled) -> tuple[Kind, ...]:
        """The kinds that a frame's tunnels are taken for, outermost first."""
        ends = [end for end in (frame.end, frame.destination) if end is not None]
        return (_shown(frame.kind, ends), *frame.within)

    def packets(self, frame: Labelled) -> set[TeredoPacket]:
        """What a frame may be taken for: to the host of its server any echo looks like a test."""
        sender = self._tunnels.get(frame.sender)
        to_server = (
            sender is not None
            and frame.destination is not None
            and frame.destination.ip in sender.servers
        )
        doubt = to_server and frame.packet is TeredoPacket.DATA
        return {frame.packet, TeredoPacket.CONNECTIVITY_TEST} if doubt else {frame.packet}

    def shows_hosts(self, link: LinkTruth) -> bool:
        """Whether the watched network's end of it is a host itself, not its NAT."""
        return link.client is not None and (self.from_inside or self.public)

    def leads_out(self, link: LinkTruth) -> bool:
        """Within a site, and by its groups, nothing is exposed to anybody outside of it."""
        return link.client is not None and not _grouped(link.ends)

    # what is said of a tunnel

    def inside_hosts(self, seen: Seen) -> set[Endpoint | None]:
        """Its own end, which a NAT hides, unless the client's trailers tell (RFC 6081 section 4.3).

        Those are on the bubbles that it sends by way of servers.
        """
        if self.from_inside or self.public:
            return {seen.end}
        tells = any(
            frame.packet is TeredoPacket.BUBBLE
            and frame.end == seen.end
            and frame.destination is not None
            and (
                frame.destination.port == TEREDO_PORT or frame.destination.ip in seen.tunnel.servers
            )
            for frame in self._labelled()
        )
        hosts: set[Endpoint | None] = set(seen.tunnel.alternates) if tells else set()
        return hosts or {None}

    def mac(self, seen: Seen) -> bytes:
        """Who its packets come from on the watched network."""
        return seen.tunnel.macs[self.truth.watched]

    def mapped(self, seen: Seen) -> set[Endpoint | None]:
        """What the server saw last, which the client's address holds.

        Of an end that is not the client's first one also its own mapping, where a server saw it:
        outside of a symmetric NAT, or in the interval test (RFC 4380 section 5.2.7).
        """
        mapped = self._mapped(seen.tunnel)
        if not mapped:  # never qualified: what a server told, if only in vain
            return {mapping.public for mapping in seen.tunnel.mappings} or {None}
        if seen.end == seen.tunnel.inside:
            return set(mapped[-1:])
        return {*mapped, *self._own_mappings(seen)}

    def holes(self, seen: Seen) -> set[Endpoint | None]:
        """Where its NAT lets others in: outside that very end, inside what its address says.

        Inside of a symmetric NAT no packet tells which of its ports leads to whom.
        """
        if not self.from_inside:
            return {seen.end}
        symmetric = NatType.SYMMETRIC in self.nat_types(seen)
        return {None} if symmetric else set(self._mapped(seen.tunnel))

    def changes(self, seen: Seen) -> list[tuple[Endpoint, Endpoint]]:
        """Each mapping and the next one."""
        mapped = self._mapped(seen.tunnel)
        own = self._own_mappings(seen)
        return [*itertools.pairwise(mapped), *itertools.pairwise(own)]

    def changes_known(self, seen: Seen) -> bool:
        """From inside all of them; outside another mapping is another tunnel."""
        return self.from_inside or seen.end == seen.tunnel.inside

    def _own_mappings(self, seen: Seen) -> list[Endpoint]:
        """Of an end other than the client's first one."""
        if seen.end == seen.tunnel.inside:
            return []
        return [m.public for m in seen.tunnel.mappings if seen.end in (m.inside, m.public)]

    def _mapped(self, tunnel: TunnelTruth) -> list[Endpoint]:
        return [had.mapped for had in tunnel.addresses]

    def _labelled(self) -> Iterator[Labelled]:
        for side in self.sides:
            yield from self._frames(side)

    def _frames(self, side: str) -> Iterator[Labelled]:
        """The frames of tunnels that a capture did not cut too short to be read."""
        return (frame for frame in self.truth.captures[side].labelled if not frame.cut)

    def nat_types(self, seen: Seen) -> set[NatType]:
        """The one word that the client's questions to its servers justify.

        Only a cone phase tells cone from restricted (RFC 4380 section 5.2.1), only a second server
        tells both from symmetric. Outside of a symmetric NAT each answer is another tunnel's.
        """
        concluded = seen.tunnel.concluded
        if not self._qualified_at(seen):
            return {NatType.UNKNOWN}
        if concluded is NatType.SYMMETRIC:
            return {NatType.SYMMETRIC if self.from_inside else NatType.UNKNOWN}
        if concluded is NatType.RESTRICTED and not seen.tunnel.cone_phase:
            return {NatType.NOT_SYMMETRIC}
        return {concluded}

    def _qualified_at(self, seen: Seen) -> bool:
        """Whether both servers were asked from this end, and here to be seen."""
        asked = {
            frame.destination.ip
            for frame in self._labelled()
            if frame.packet is TeredoPacket.ROUTER_SOLICITATION
            and frame.end == seen.end
            and frame.destination is not None
        }
        return self._advertised(seen) and (len(asked) > 1 or seen.tunnel.concluded is NatType.CONE)

    def _advertised(self, seen: Seen) -> bool:
        return any(
            frame.packet is TeredoPacket.ROUTER_ADVERTISEMENT and frame.destination == seen.end
            for frame in self._labelled()
        )

    def relays(self, tunnel: TunnelTruth) -> set[Endpoint]:
        return {relay.end for relay in tunnel.relays}

    def relays_known(self, tunnel: TunnelTruth) -> bool:
        """The answer names a relay only to who saw the test, which goes through the server."""
        return any(
            frame.packet is TeredoPacket.CONNECTIVITY_TEST and frame.sender == tunnel.name
            for frame in self._labelled()
        )

    def vantages(self, seen: Seen) -> set[Vantage]:
        """The side that the client's end shows; both for a tunnel that is seen on both.

        A public end shows that it is outside by the IPv4 address of the mapping that the client's
        address embeds. Without a NAT the client's own end is seen everywhere.
        """
        if self.public:
            return {Vantage.INSIDE}
        if not self.from_inside:
            return {Vantage.OUTSIDE}
        outside = [side for side in self.sides if side == OUTSIDE]
        mappings = seen.tunnel.mappings
        # Between two NATs the end is not the client's own, and its only one.
        public = {m.public for m in mappings if m.inside == seen.end} or {
            m.public for m in mappings
        }
        seen_there = any(
            public & set(self._ends(side, seen.tunnel.name)) - self.doubtful() for side in outside
        )
        seen_there &= self._settled(seen.tunnel.name)
        return {Vantage.BOTH if seen_there else Vantage.INSIDE}

    def qualified(self, seen: Seen) -> bool | None:
        """Whether it was; None where that cannot be told.

        Behind a symmetric NAT who is told two mappings gives up, unless it knows RFC 6081: only
        its own address tells that it does. Outside each of the mappings alone looks good.
        """
        if not seen.tunnel.addresses:
            return False if self.from_inside else None
        symmetric = seen.tunnel.concluded is NatType.SYMMETRIC
        return (self._advertised(seen) and not (symmetric and self._unused(seen.tunnel))) or None

    def _unused(self, tunnel: TunnelTruth) -> bool:
        """Whether a client did nothing but ask its servers."""
        sent = {frame.packet for frame in self._labelled() if frame.sender == tunnel.name}
        return sent <= {TeredoPacket.ROUTER_SOLICITATION}

    # exposures

    def exposures(
        self, unread: Collection[int] = ()
    ) -> dict[tuple[bytes, int, int], ExposureTruth]:
        """Services of watched clients that were opened from outside of their network.

        ``unread`` are frames, by number, that hold more layers than anybody looks into.
        """
        known = self._exposures(set(unread))
        return {(each.address, each.transport, each.port): each for each in known}

    def _exposures(self, unread: set[int]) -> Iterator[ExposureTruth]:
        for found in self.truth.exposures:
            openings = [
                opening
                for opening in found.openings
                if not self._stayed_inside(found, opening) and self._brought(opening) not in unread
            ]
            if found.watched and openings and self._told_apart(found):
                yield ExposureTruth(
                    found.tunnel,
                    found.watched,
                    found.address,
                    found.transport,
                    found.port,
                    tuple(openings),
                )

    def _brought(self, opening: OpeningTruth) -> int:
        """The frame that brought an opening: the last one that was there by then."""
        before = [frame.number for frame in self._frames(self.side) if frame.at < opening.at]
        return max(before, default=0)

    def _told_apart(self, found: ExposureTruth) -> bool:
        """Whether it can be said who is inside, and who asks."""
        teredo = found.tunnel in self._tunnels
        if teredo and not self._ends(self.side, found.tunnel):
            return False  # every frame was cut
        return self.from_inside or not teredo or self._settled(found.tunnel)

    def _stayed_inside(self, found: ExposureTruth, opening: OpeningTruth) -> bool:
        """Neighbours that met at their own ends never used the hole in the NAT.

        Those that met through it are seen inside only, where the NAT sent packets back. Through
        tunnels of other kinds no neighbour is met by way of the Internet, and what stays within the
        site exposes nothing.
        """
        if found.tunnel not in self._tunnels:
            leads_out = any(self.leads_out(link) for link in self.links_of(found.tunnel))
            return opening.neighbour or not leads_out
        opener, opened = self._tunnels.get(opening.by), self._tunnels[found.tunnel]
        if opener is None or opener.home != opened.home:
            return False
        met = {peer.end.ip for peer in opener.peers if peer.address == found.address}
        return not self.from_inside or any(is_private(ip) for ip in met)


def _shown(kind: Kind, ends: Iterable[Endpoint]) -> Kind:
    """The kind that a packet of this one between these ends is taken for."""
    return Kind.SIXINFOUR if kind is Kind.SIXOVERFOUR and not _grouped(ends) else kind


def _grouped(ends: Iterable[Endpoint]) -> bool:
    return any(end.ip[0] == ORGANISATION_SCOPE for end in ends)


def _bubbles_alone(sent: list[Labelled]) -> set[Endpoint]:
    """The ends that sent nothing else."""
    others = {frame.end for frame in sent if frame.packet is not TeredoPacket.BUBBLE}
    return {frame.end for frame in sent if frame.end is not None} - others
