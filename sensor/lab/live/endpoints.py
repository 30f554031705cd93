"""Client, server and relay on this machine: open, drop privileges, drive until a signal comes.

What needs root is opened before the first packet is read.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from random import SystemRandom

from sensor.errors import ConfigError
from sensor.lab.live import privileges
from sensor.lab.live.addressing import PREFIX_BITS, Addressing
from sensor.lab.live.datagrams import Datagrams
from sensor.lab.live.driver import Driver
from sensor.lab.live.log import Log
from sensor.lab.live.netlink import Route
from sensor.lab.live.raw import Raw
from sensor.lab.live.routing import METRIC, lead, need_own, warn_unless_forwarding
from sensor.lab.live.sockets import Sockets, address_towards
from sensor.lab.live.totals import Totals
from sensor.lab.live.tun import Tun
from sensor.lab.teredo.client import Client
from sensor.lab.teredo.relay import Relay
from sensor.lab.teredo.server import Server
from sensor.lab.teredo.settings import ClientSettings, RelaySettings, ServerSettings
from sensor.schema.records import Endpoint
from sensor.wire.addresses import UNSPECIFIED, is_global_unicast, text

ANY = bytes(4)  # of a local end, as UNSPECIFIED of a relay's source: what the kernel chooses

_HOST_BITS = 128
_SOMEWHERE = bytes.fromhex("2000") + bytes(14)  # in the native Internet, not to be sent to


@dataclass(frozen=True, slots=True)
class Place:
    """What an endpoint is on this machine: its interface, if any, and the user it becomes."""

    interface: str = "teredo"
    user: str = "nobody"


def run_client(settings: ClientSettings, place: Place) -> signal.Signals:
    """A client at ``settings.local``, whose port may be 0; the signal that ended it."""
    _need_global(settings.server, settings.second)
    if settings.local.ip != ANY:
        need_own(settings.local.ip)
    user = privileges.account(place.user)
    log, totals = Log("client", sys.stderr), Totals()
    with ExitStack() as held:
        sockets = held.enter_context(closing(Sockets(totals)))
        local = sockets.open(_towards(settings.local, settings.server))
        if local.port == settings.interval_port:
            raise ConfigError(f"port {local.port} is both ends': choose another interval_port")
        if settings.local_discovery:
            sockets.join_discovery(local.ip)
        tun = held.enter_context(closing(Tun(place.interface)))
        client = Client(replace(settings, local=local), SystemRandom())
        addressing = Addressing(tun, log)
        log.say(f"{_named(local)}, interface {tun.name}, user {user.name}")
        # A new mapping is a new address, and that the interface's.
        privileges.drop(user, privileges.NET_ADMIN)
        driver = Driver(client, tun, Datagrams(client, sockets), totals, log)
        driver.settled = lambda: addressing.follow(client.address)
        return asyncio.run(driver.run())


def run_server(settings: ServerSettings, place: Place) -> signal.Signals:
    """A server on its two addresses; the signal that ended it."""
    _need_global(settings.primary, settings.secondary)
    user = privileges.account(place.user)
    log, totals = Log("server", sys.stderr), Totals()
    with ExitStack() as held:
        sockets = held.enter_context(closing(Sockets(totals)))
        first, second = (
            sockets.open(Endpoint(ip, settings.port))
            for ip in (settings.primary, settings.secondary)
        )
        raw = held.enter_context(closing(Raw()))
        server = Server(settings, SystemRandom())
        log.say(f"{_named(first)} and {_named(second)}, user {user.name}")
        privileges.drop(user)
        return asyncio.run(Driver(server, raw, Datagrams(server, sockets), totals, log).run())


def run_relay(settings: RelaySettings, place: Place) -> signal.Signals:
    """A relay at ``settings.local``, whose port may be 0; the signal that ended it."""
    if settings.local.ip == ANY:
        raise ConfigError("a relay has one address, which its clients see: name it with --bind")
    need_own(settings.local.ip)
    user = privileges.account(place.user)
    source = _source(settings)
    log, totals = Log("relay", sys.stderr), Totals()
    with ExitStack() as held:
        sockets = held.enter_context(closing(Sockets(totals)))
        local = sockets.open(settings.local)
        tun = held.enter_context(closing(Tun(place.interface)))
        _lead_clients_to(tun, settings)
        relay = Relay(replace(settings, local=local, source=source), SystemRandom())
        log.say(f"{_named(local)}, {text(source)}, interface {tun.name}, user {user.name}")
        if _is_router(settings):
            warn_unless_forwarding(log)
        privileges.drop(user)
        return asyncio.run(Driver(relay, tun, Datagrams(relay, sockets), totals, log).run())


def _named(end: Endpoint) -> str:
    return f"{text(end.ip)}:{end.port}"


def _need_global(*servers: bytes) -> None:
    for server in servers:
        if not is_global_unicast(server):
            raise ConfigError(
                f"{text(server)} cannot be a server's address: Teredo takes global unicast ones"
                " (RFC 4380 section 5.2.4), and in a laboratory 192.0.2.0/24, 198.51.100.0/24"
                " and 203.0.113.0/24"
            )


def _towards(local: Endpoint, server: bytes) -> Endpoint:
    """An end with its address: the one that the kernel sends from, where none is named."""
    if local.ip != ANY:
        return local
    ip = address_towards(server)
    if ip is None:
        raise ConfigError(f"this machine has no route to {text(server)}: name an end with --bind")
    return Endpoint(ip, local.port)


def _source(settings: RelaySettings) -> bytes:
    """Where a relay's bubbles come from: by itself, from where it would reach those it serves."""
    if settings.source != UNSPECIFIED:
        return settings.source
    prefix, bits = settings.served[0]
    towards = prefix if bits else _SOMEWHERE
    source = address_towards(towards)
    if source is None:
        raise ConfigError(
            f"this machine has no route to {text(towards)}: name a source (relay.source)"
        )
    return source


def _lead_clients_to(tun: Tun, settings: RelaySettings) -> None:
    """The route to all clients; of a host-specific relay, with that host's own address."""
    prefix, bits = settings.served[0]
    source = prefix if bits == _HOST_BITS else None
    lead(tun, Route(settings.prefix.ljust(16, b"\0"), PREFIX_BITS, METRIC, source))


def _is_router(settings: RelaySettings) -> bool:
    return any(bits != _HOST_BITS for _, bits in settings.served)
