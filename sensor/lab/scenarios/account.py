"""The truth about a world, put together from those who made it: machines, NATs, hosts, taps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sensor.lab.network.mappings import Mapping
from sensor.lab.network.nat import NatBox
from sensor.lab.network.packet import Label
from sensor.lab.network.tap import Frame
from sensor.lab.scenarios.home import ClientParty
from sensor.lab.scenarios.links import inner_end, links, outer
from sensor.lab.scenarios.openings import Opening
from sensor.lab.scenarios.party import Party, Try
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.truth import (
    NANOSECONDS,
    AddressTruth,
    BoxTruth,
    CaptureTruth,
    ExposureTruth,
    Labelled,
    MappingTruth,
    Met,
    OpeningTruth,
    TriedTruth,
    Truth,
    TunnelTruth,
)
from sensor.lab.scenarios.world import NOBODY, World
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import udp

EPOCH = 1_795_334_400 * NANOSECONDS  # 2026-11-22T08:00:00Z, when every clock starts
NETWORK_BITS = 24
FILES = {"inside": "inside.pcap", "outside": "outside.pcap"}


def account(scenario: Scenario, world: World) -> Truth:
    """Everything that is true of a story that was told."""
    return Truth(
        name=scenario.name,
        about=scenario.about,
        seed=scenario.seed,
        watched=world.watched.home.name,
        networks=((world.watched.home.network + b"\0", NETWORK_BITS),),
        pools=world.watched.home.pools,
        sixrd=tuple(world.sixrd),
        captures={side: _capture(world, side) for side in world.watched.taps},
        tunnels=tuple(_tunnel(world, client) for client in world.clients),
        exposures=tuple(
            found
            for party in (*world.clients, *world.tunnelled)
            for found in _exposures(world, party)
        ),
        tries=tuple(_tried(tried) for tried in world.tries),
    )


def _capture(world: World, side: str) -> CaptureTruth:
    tap = world.watched.taps[side]
    before: set[bytes] = set()
    labelled = []
    for number, frame in enumerate(tap.frames, 1):
        if frame.label is not None:
            # No host repeats an IPv4 identification so soon: equal octets are one packet.
            doubled = frame.octets in before
            labelled.append(_labelled(number, frame, frame.label, doubled, tap.snaplen))
            before.add(frame.octets)
    return CaptureTruth(FILES[side], len(tap.frames), tuple(labelled), links(world, tap))


def _labelled(number: int, frame: Frame, label: Label, doubled: bool, snaplen: int) -> Labelled:
    source, destination = (None, None) if label.quoted else outer(frame.octets).ends
    return Labelled(
        number=number,
        at=moment(frame.time),
        kind=label.kind,
        packet=label.packet,
        sender=label.sender,
        end=source,
        destination=destination,
        quoted=label.quoted,
        doubled=doubled,
        flawed=label.flawed,
        cut=label.kind is Kind.TEREDO and inner_end(frame.octets) > snaplen,
        within=label.within,
    )


def moment(seconds: float) -> int:
    """A time of the clock in nanoseconds since 1970, as captures have it."""
    return EPOCH + round(seconds * NANOSECONDS)


def _tunnel(world: World, client: ClientParty) -> TunnelTruth:
    machine, boxes = client.client, client.home.boxes
    return TunnelTruth(
        name=client.name,
        home=client.home.name,
        watched=_watched(world, client),
        kind=Kind.TEREDO,
        inside=client.settings.local,
        macs=_macs(client),
        ends=tuple(machine.used),
        servers=tuple(machine.asked),
        boxes=tuple(BoxTruth(box.name, box.behaviour) for box in boxes),
        cone_phase=client.settings.style.cone_phase,
        concluded=machine.nat,
        state=machine.state,
        addresses=tuple(_addresses(client)),
        mappings=tuple(_mappings(boxes, {end: end for end in machine.used})),
        relays=tuple(_met(client, "relay-learned")),
        peers=tuple(_met(client, "peer-reached")),
        alternates=tuple(machine.alternates),
    )


def _macs(client: ClientParty) -> dict[str, bytes]:
    """The host on its own network, behind it each box on the next one."""
    networks = client.home.way_out
    senders = [client.host.interface, *(home.box.outside for home in networks)]
    return {home.name: sender.mac for home, sender in zip(networks, senders, strict=False)}


def _addresses(client: ClientParty) -> Iterator[AddressTruth]:
    return (AddressTruth(had.address, had.mapped, moment(had.since)) for had in client.had)


def _met(client: ClientParty, what: str) -> Iterator[Met]:
    """Each end once, when it was met first."""
    met: dict[tuple[bytes | None, Endpoint], float] = {}
    for at, event in client.node.events:
        if event.what == what and event.end is not None:
            met.setdefault((event.address, event.end), at)
    return (Met(address, end, moment(at)) for (address, end), at in met.items())


def _mappings(boxes: Sequence[NatBox], ends: dict[Endpoint, Endpoint]) -> Iterator[MappingTruth]:
    """What the last box gave; ``ends`` are client's ends by what they look like to the first.

    Without a box each of them is what the Internet sees, from the first.
    """
    if not boxes:
        yield from (MappingTruth(end, end, None, EPOCH, None) for end in ends)
        return
    first, *further = boxes
    for mapping in first.mappings:
        if mapping.protocol == udp.PROTOCOL and mapping.inside in ends:
            end = ends[mapping.inside]
            if further:
                yield from _mappings(further, {mapping.outside: end})
            else:
                yield _mapping(end, mapping)


def _mapping(end: Endpoint, mapping: Mapping) -> MappingTruth:
    until = None if mapping.ended is None else moment(mapping.ended)
    return MappingTruth(end, mapping.outside, mapping.remote, moment(mapping.created), until)


def _watched(world: World, party: Party) -> bool:
    return party.place is not None and world.watched.home in party.place.way_out


def _exposures(world: World, party: Party) -> Iterator[ExposureTruth]:
    services: dict[tuple[Endpoint, int], list[Opening]] = {}
    for opening in party.stack.log:
        services.setdefault((opening.talk.own, opening.talk.transport), []).append(opening)
    for (own, transport), openings in services.items():
        yield ExposureTruth(
            tunnel=party.tunnel,
            watched=_watched(world, party),
            address=own.ip,
            transport=transport,
            port=own.port,
            openings=tuple(_opening(world, opening) for opening in openings),
        )


def _tried(tried: Try) -> TriedTruth:
    return TriedTruth(
        by=tried.by,
        whom=tried.whom,
        transport=tried.transport,
        service=tried.service,
        at=moment(tried.at),
        answered=tried.answered,
        whole=tried.whole,
    )


def _opening(world: World, opening: Opening) -> OpeningTruth:
    remote = opening.talk.remote
    opener = world.party_of(remote.ip)
    return OpeningTruth(
        remote=remote,
        by=NOBODY if opener is None else opener.name,
        at=moment(opening.at),
        outcome=opening.outcome,
        neighbour=opener is not None and _watched(world, opener),
    )
