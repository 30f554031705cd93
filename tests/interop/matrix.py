"""One client, one server and one relay of whatever make: what they must do together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .dissected import Conversation, End
from .exchanges import PORT, call_the_service, ping_both_ways
from .habits import ClientHabits, RelayHabits, check_client, check_relay, check_server
from .lab import Program
from .programs import RELAY_PORT, Client
from .verdict import Verdict, cross_check, replayed
from .world import INSIDE, MOVED_PORT, NATIVE_IPV6, PUBLIC, Nat, Taps, World

# What may be said of each NAT: less than the truth, for not all of it is seen, and nothing else.
NAT_TYPES = {
    Nat.PRESERVING: {"unknown", "not-symmetric", "restricted"},
    Nat.MOVING: {"unknown", "not-symmetric", "restricted"},
    Nat.SYMMETRIC: {"unknown", "symmetric"},
}


class Row(NamedTuple):
    """Who is tried with whom; ``at`` is the IPv4 address of the relay."""

    client: Callable[[World], Client]
    server: Callable[[World], Program]
    relay: Callable[[World], Program]
    client_habits: ClientHabits
    relay_habits: RelayHabits
    at: str


class Played(NamedTuple):
    """What is left when all programs have ended."""

    client: Client
    taps: Taps
    seen: Conversation  # of the inside
    mapped: End


def play(world: World, row: Row) -> Played:
    """Qualify, ping both ways, reach a service on the inside, and end, each program by itself."""
    server = row.server(world)
    relay = row.relay(world)
    with world.watched() as taps:
        client = row.client(world)
        ping_both_ways(world, client.address)
        call_the_service(world, client.address)
        assert client.program.stop() == 0
    assert relay.stop() == 0
    assert server.stop() == 0
    seen = Conversation(taps.inside, INSIDE)
    return Played(client, taps, seen, End(PUBLIC, mapped_port(world, seen)))


def check_wire(row: Row, played: Played) -> None:
    """What was sent is well-formed, and as the makes of the three ends send it."""
    assert played.seen.malformed() == ""
    check_client(played.seen, row.client_habits)
    check_server(played.seen, played.mapped)
    check_relay(played.seen, row.relay_habits, End(row.at, RELAY_PORT))


def mapped_port(world: World, seen: Conversation) -> int:
    """What the NAT makes of the client's port."""
    return MOVED_PORT if world.mapping is Nat.MOVING else seen.client_port


def check_verdict(world: World, played: Played) -> None:
    """The sensor says the same of either side of the NAT, and of both together."""
    address = played.client.address
    for captures in ([played.taps.inside], [played.taps.outside], list(played.taps)):
        verdict = replayed(*captures)
        check_tunnel(verdict, played.mapped, address)
        assert verdict.tunnel["v6tunnel"]["teredo"]["nat_type"] in NAT_TYPES[world.mapping]
        known = played.taps.inside in captures
        check_exposure(verdict, played.mapped, address, INSIDE if known else None)


def check_tunnel(verdict: Verdict, mapped: End, address: str) -> None:
    tunnel = verdict.tunnel["v6tunnel"]
    assert tunnel["tunnel"]["kind"] == "teredo"
    assert tunnel["teredo"]["qualified"] is True
    assert tunnel["teredo"]["mapped"]["ip"] == mapped.ip
    assert tunnel["teredo"]["mapped"]["port"] == mapped.port
    assert tunnel["inside"]["address"] == address


def check_exposure(verdict: Verdict, mapped: End, address: str, inside: str | None) -> None:
    exposure = verdict.exposed(PORT)
    own = exposure["v6tunnel"]
    assert own["exposure"]["state"] == "answered"
    assert own["exposure"]["remotes"]["ips"] == [NATIVE_IPV6]
    assert exposure["destination"] == {"ip": address, "port": PORT}
    assert (own["teredo"]["mapped"]["ip"], own["teredo"]["mapped"]["port"]) == mapped
    assert own.get("inside", {}).get("ip") == inside


def check_rows(played: Played) -> None:
    """Our rows are Wireshark's: the same addresses, nonces and origins in every packet."""
    for capture in played.taps:
        cross_check(capture)
