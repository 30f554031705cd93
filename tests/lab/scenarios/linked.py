"""What tests of stories ask of the tunnels that are not Teredo's."""

from __future__ import annotations

from collections import Counter

from sensor.lab.scenarios.tunnels import TunnelHost
from sensor.lab.scenarios.world import World
from sensor.schema.words import Kind
from sensor.wire.addresses import text
from tests.lab.scenarios.stories import told


def kinds(name: str, side: str) -> dict[str, int]:
    """How many frames are labelled with each kind; those of errors that quote them as quoted."""
    labelled = told(name)[1].captures[side].labelled
    return Counter("quoted" if frame.quoted else frame.kind.text for frame in labelled)


def ends(name: str, side: str) -> list[set[str]]:
    """The two ends of each tunnel, by IPv4."""
    links = told(name)[1].captures[side].links
    return [{text(end.ip) for end in link.ends} for link in links]


def embedded(name: str, side: str, scheme: Kind) -> dict[str, str]:
    """IPv4 addresses in inner ones."""
    links = told(name)[1].captures[side].links
    return {
        text(found.address): text(found.ip)
        for link in links
        for found in link.embedded
        if found.scheme is scheme
    }


def senders(name: str, side: str) -> dict[str, int]:
    """How many frames of tunnels somebody sent."""
    return Counter(frame.sender for frame in told(name)[1].captures[side].labelled)


def host(world: World, name: str) -> TunnelHost:
    """Somebody whose host is a tunnel's end."""
    found = next(party for party in world.tunnelled if party.name == name)
    assert isinstance(found, TunnelHost)
    return found
