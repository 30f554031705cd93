"""Stories of who answers when an ISATAP host asks its network for a router."""

from __future__ import annotations

from collections.abc import Mapping

from sensor.errors import DecodeError, SensorError
from sensor.lab.network.asked import Asked
from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.network.host import Host
from sensor.lab.scenarios.isatap import PREFIX, ROGUE_PREFIX, ROUTER_NAME, member, router
from sensor.lab.scenarios.premises import Premises
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.tunnels import TunnelHost
from sensor.lab.scenarios.world import World
from sensor.schema.records import Endpoint
from sensor.wire import dns, nbns
from sensor.wire.addresses import packed
from sensor.wire.ports import DNS_PORT, LLMNR_PORT, NETBIOS_PORT

LLMNR_GROUP = packed("224.0.0.252")
ISATAP = "isatap"
# LLMNR knows no recursion: those bits of DNS say there that a name is not sure yet (RFC 4795
# section 2.1.1).
_FLAGS = slice(2, 4)
_QUESTION, _ANSWER = b"\x00\x00", b"\x80\x00"
_NUMBER = 7  # of all questions here: each comes from a port of its own


class Responder:
    """A host that answers its network by LLMNR and NBNS for some names, with IPv4 addresses."""

    def __init__(self, host: Host, place: Premises, names: Mapping[str, bytes]) -> None:
        self._host = host
        self._names = names
        host.bind(Endpoint(LLMNR_GROUP, LLMNR_PORT), self._take_llmnr)
        host.bind(Endpoint(place.network + b"\xff", NETBIOS_PORT), self._take_netbios)

    def _take_llmnr(self, payload: bytes, source: Endpoint, destination: Endpoint) -> None:
        try:
            asked = dns.parse(payload)
        except DecodeError:
            return
        for question in asked.questions:
            ip = self._names.get(question.name)
            if ip is not None and not asked.response:
                reply = dns.build_response(asked.id, question.name, question.type, [ip])
                self._say(_with_flags(reply, _ANSWER), source, destination.port)

    def _take_netbios(self, payload: bytes, source: Endpoint, destination: Endpoint) -> None:
        try:
            asked = nbns.parse(payload)
        except DecodeError:
            return
        ip = self._names.get(asked.name)
        if ip is not None and not asked.response:
            reply = nbns.build_response(asked.id, asked.name, [ip], asked.suffix)
            self._say(reply, source, destination.port)

    def _say(self, reply: bytes, asking: Endpoint, port: int) -> None:
        self._host.send_udp(reply, Endpoint(self._host.address, port), asking)


def by_dns(world: World, host: Host, name: str) -> bytes | None:
    """What the resolver says."""
    query = dns.build_query(_NUMBER, name, dns.TYPE_A)
    return _told(world, host.ask(Endpoint(world.resolver.address, DNS_PORT), query))


def by_llmnr(world: World, host: Host, name: str) -> bytes | None:
    """What the first on the network says who answers (RFC 4795)."""
    query = _with_flags(dns.build_query(_NUMBER, name, dns.TYPE_A), _QUESTION)
    return _told(world, host.ask(Endpoint(LLMNR_GROUP, LLMNR_PORT), query))


def by_netbios(world: World, place: Premises, host: Host, name: str) -> bytes | None:
    """The same by broadcast (RFC 1001)."""
    query = nbns.build_query(_NUMBER, name)
    asked = host.ask(Endpoint(place.network + b"\xff", NETBIOS_PORT), query)
    world.wait(1)
    told = [nbns.parse(answer).addresses for _, answer in asked.answers]
    return told[0][0] if told else None


def _told(world: World, asked: Asked) -> bytes | None:
    world.wait(1)
    told = [record.data for _, answer in asked.answers for record in dns.parse(answer).answers]
    return told[0] if told else None


def _with_flags(message: bytes, flags: bytes) -> bytes:
    return message[: _FLAGS.start] + flags + message[_FLAGS.stop :]


def _joined(
    world: World, place: Premises, host: Host, found: bytes | None, prefix: bytes
) -> TunnelHost:
    """A host takes whoever was named for its router."""
    if found is None:
        raise SensorError(f"the story wants a router for {host.name}, and nobody named one")
    party = member(world, place, host, found, prefix)
    party.serve(80)
    party.start()
    return party


def stolen(world: World) -> None:
    """The site has no ISATAP; a stranger on its network says that he is the router.

    One host asks by LLMNR and another by NBNS, as Windows does where DNS knows nothing: both send
    all their IPv6 through the stranger from then on, and are open to the Internet.
    """
    home = world.home("site", PORT_RESTRICTED)
    world.watch(home)
    first, second, stranger = (home.host(name) for name in ("alice", "bob", "stranger"))
    router(world, stranger, ROGUE_PREFIX)
    Responder(stranger, home, {ISATAP: stranger.address})
    for host in (first, second):
        Responder(host, home, {host.name: host.address})
        by_dns(world, host, ROUTER_NAME)
    alice = _joined(world, home, first, by_llmnr(world, first, ISATAP), ROGUE_PREFIX)
    named = by_netbios(world, home, second, ISATAP)
    bob = _joined(world, home, second, named, ROGUE_PREFIX)
    remote = world.remote("remote")
    remote.serve(443)
    world.wait(2)
    alice.fetch(remote, 443)
    bob.fetch(remote, 443)
    world.wait(5)
    remote.fetch(alice, 80)
    world.wait(10)


def honest(world: World) -> None:
    """The site's DNS names its router; a printer answers by LLMNR and NBNS for itself alone."""
    home = world.home("site", PORT_RESTRICTED)
    world.watch(home)
    host, leading, printer = (home.host(name) for name in ("alice", "router", "printer"))
    world.name(ROUTER_NAME, leading.address)
    router(world, leading)
    for each in (host, leading, printer):
        Responder(each, home, {each.name: each.address})
    by_llmnr(world, host, printer.name)
    by_netbios(world, home, host, printer.name)
    by_llmnr(world, host, ISATAP)
    alice = _joined(world, home, host, by_dns(world, host, ROUTER_NAME), PREFIX)
    remote = world.remote("remote")
    remote.serve(443)
    world.wait(2)
    alice.fetch(remote, 443)
    world.wait(10)


NAMES = (
    Scenario("isatap-names", "a stranger names himself the ISATAP router", 435, stolen),
    Scenario(
        "isatap-names-honest", "the site's own names lead to its ISATAP router", 436, honest,
        against=("isatap-names",),
    ),
)  # fmt: skip
