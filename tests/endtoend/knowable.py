"""What can be known of a scenario from where it was watched, and why no more.

A vantage is a set of captures: ``inside``, ``outside``, or both as one observation. Each function
is one rule with its reason. Which tunnels and exposures there are is known from each of them, since
the watched clients are seen to qualify, or to talk with native hosts; of what is said about them
``unknown`` is never wrong, claims are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
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
from sensor.schema.words import ExposureState, NatType, TeredoPacket, Vantage
from sensor.wire.addresses import is_private
from sensor.wire.ports import TEREDO_PORT

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
            for end in self.truth.captures[self.side].ends(tunnel.name)
            if not (self.from_inside and self._public(tunnel, end))
        ]

    def _public(self, tunnel: TunnelTruth, end: Endpoint) -> bool:
        """Inside these are seen where a NAT sends packets back: still the same client's."""
        return any(mapping.public == end for mapping in tunnel.mappings)

    # tunnels of other kinds

    def links(self) -> list[LinkTruth]:
        """Those of the side that names the hosts; a NAT shows the same ones on its other side."""
        return list(self.truth.captures[self.side].links)

    def link_of(self, name: str) -> LinkTruth:
        """The one that leads out, of all that somebody sends by."""
        (found,) = (link for link in self._links_of(name) if self.leads_out(link))
        return found

    def _links_of(self, name: str) -> Iterator[LinkTruth]:
        return (link for link in self.links() if name in link.senders)

    def shows_hosts(self, link: LinkTruth) -> bool:
        """Whether the watched network's end of it is a host itself, not its NAT."""
        return self.leads_out(link) and (self.from_inside or self.public)

    def leads_out(self, link: LinkTruth) -> bool:
        """Within a site nothing is exposed to anybody outside of it."""
        return link.client is not None

    # what is said of a tunnel

    def inside_hosts(self, seen: Seen) -> set[Endpoint | None]:
        """Its own end, which a NAT hides, unless the client's trailers tell (RFC 6081 section 4.3).

        Those are on the bubbles that it sends by way of servers.
        """
        if self.from_inside:
            return {seen.end}
        tells = any(
            frame.packet is TeredoPacket.BUBBLE
            and frame.end == seen.end
            and frame.destination is not None
            and frame.destination.port == TEREDO_PORT
            for frame in self._labelled()
        )
        hosts: set[Endpoint | None] = set(seen.tunnel.alternates) if tells else set()
        return hosts or {None}

    def mac(self, seen: Seen) -> bytes:
        """Who its packets come from on the watched network."""
        return seen.tunnel.macs[self.truth.watched]

    def mapped(self, seen: Seen) -> set[Endpoint]:
        """What the server saw last, which the client's address holds.

        Of an end that is not the client's first one also its own mapping, where a server saw it:
        outside of a symmetric NAT, or in the interval test (RFC 4380 section 5.2.7).
        """
        mapped = self._mapped(seen.tunnel)
        if not mapped:  # never qualified: what a server told, if only in vain
            return {mapping.public for mapping in seen.tunnel.mappings}
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
        return seen.end == seen.tunnel.inside

    def _own_mappings(self, seen: Seen) -> list[Endpoint]:
        """Of an end other than the client's first one."""
        if seen.end == seen.tunnel.inside:
            return []
        return [m.public for m in seen.tunnel.mappings if seen.end in (m.inside, m.public)]

    def _mapped(self, tunnel: TunnelTruth) -> list[Endpoint]:
        return [had.mapped for had in tunnel.addresses]

    def _labelled(self) -> Iterator[Labelled]:
        for side in self.sides:
            yield from self.truth.captures[side].labelled

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
        return len(asked) > 1 or seen.tunnel.concluded is NatType.CONE

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
        address embeds.
        """
        if not self.from_inside:
            return {Vantage.OUTSIDE}
        outside = [side for side in self.sides if side == OUTSIDE]
        mappings = seen.tunnel.mappings
        # Between two NATs the end is not the client's own, and its only one.
        public = {m.public for m in mappings if m.inside == seen.end} or {
            m.public for m in mappings
        }
        seen_there = any(
            public & set(self.truth.captures[side].ends(seen.tunnel.name)) for side in outside
        )
        return {Vantage.BOTH if seen_there else Vantage.INSIDE}

    def qualified(self, seen: Seen) -> bool | None:
        """Whether it was; None where that cannot be told.

        Behind a symmetric NAT who is told two mappings gives up, unless it knows RFC 6081: only
        its own address tells that it does. Outside each of the mappings alone looks good.
        """
        if not seen.tunnel.addresses:
            return False if self.from_inside else None
        advertised = any(
            frame.packet is TeredoPacket.ROUTER_ADVERTISEMENT and frame.destination == seen.end
            for frame in self._labelled()
        )
        symmetric = seen.tunnel.concluded is NatType.SYMMETRIC
        return (advertised and not (symmetric and self._unused(seen.tunnel))) or None

    def _unused(self, tunnel: TunnelTruth) -> bool:
        """Whether a client did nothing but ask its servers."""
        sent = {frame.packet for frame in self._labelled() if frame.sender == tunnel.name}
        return sent <= {TeredoPacket.ROUTER_SOLICITATION}

    # exposures

    def exposures(self) -> dict[tuple[bytes, int, int], ExposureTruth]:
        """Services of watched clients that were opened from outside of their network."""
        return {(each.address, each.transport, each.port): each for each in self._exposures()}

    def _exposures(self) -> Iterator[ExposureTruth]:
        for found in self.truth.exposures:
            openings = [o for o in found.openings if not self._stayed_inside(found, o)]
            if found.watched and openings:
                yield ExposureTruth(
                    found.tunnel,
                    found.watched,
                    found.address,
                    found.transport,
                    found.port,
                    tuple(openings),
                )

    def _stayed_inside(self, found: ExposureTruth, opening: OpeningTruth) -> bool:
        """Neighbours that met at their own ends never used the hole in the NAT.

        Those that met through it are seen inside only, where the NAT sent packets back. A tunnel of
        another kind leads out where one of its ends does.
        """
        if found.tunnel not in self._tunnels:
            return not any(self.leads_out(link) for link in self._links_of(found.tunnel))
        opener, opened = self._tunnels.get(opening.by), self._tunnels[found.tunnel]
        if opener is None or opener.home != opened.home:
            return False
        met = {peer.end.ip for peer in opener.peers if peer.address == found.address}
        return not self.from_inside or any(is_private(ip) for ip in met)
