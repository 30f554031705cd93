"""The tunnels without UDP on this machine: 6in4, 6to4, ISATAP and GRE, until a signal comes.

What needs root is opened before the first packet is read. Forwarding is the kernel's.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import NamedTuple

from sensor.errors import ConfigError
from sensor.lab.gre.endpoint import GreEndpoint
from sensor.lab.gre.settings import GreSettings
from sensor.lab.live import privileges
from sensor.lab.live.addressing import EVERYWHERE, Addressing
from sensor.lab.live.driver import Driver
from sensor.lab.live.endpoints import Place
from sensor.lab.live.log import Log
from sensor.lab.live.netlink import Route
from sensor.lab.live.outer import Outer
from sensor.lab.live.routing import (
    METRIC,
    lead,
    need_own,
    own_global,
    warn_unless_forwarding,
)
from sensor.lab.live.totals import Totals
from sensor.lab.live.tun import Tun
from sensor.lab.machine import RawMachine
from sensor.lab.sixinfour.isatap import IsatapHost
from sensor.lab.sixinfour.isatap_router import IsatapRouter
from sensor.lab.sixinfour.peer import Peer
from sensor.lab.sixinfour.settings import (
    IsatapHostSettings,
    IsatapRouterSettings,
    Network,
    PeerSettings,
    SixToFourSettings,
)
from sensor.lab.sixinfour.sixtofour import SixToFourRouter
from sensor.wire import gre, sixinfour
from sensor.wire.addresses import SIXTOFOUR_PREFIX, UNSPECIFIED, is_bogon, text

PREFIX_BITS = 64  # of an ISATAP site
_SIXTOFOUR = (SIXTOFOUR_PREFIX.ljust(16, b"\0"), 16)
_ANYWHERE = (UNSPECIFIED, 0)
_HOST_BITS = 128
# Of the kernel's own tunnels, which take each packet of their protocol too.
_KERNELS = {sixinfour.PROTOCOL: "sit", gre.PROTOCOL: "ip_gre"}
_MODULES = Path("/sys/module")

RouterSettings = PeerSettings | GreSettings | SixToFourSettings | IsatapRouterSettings


class _Router(NamedTuple):
    """One kind's: its name, its ends in words, and what is led to it.

    ``address`` is this machine's in the tunnel, where the kind gives one.
    """

    role: str
    ends: str
    machine: RawMachine
    networks: tuple[Network, ...]
    mtu: int
    address: bytes | None = None


class _Open(NamedTuple):
    """What a machine is driven with, and who drives it."""

    tun: Tun
    log: Log
    user: privileges.Account
    driver: Driver


def run_router(
    settings: RouterSettings, place: Place, networks: tuple[Network, ...] = ()
) -> signal.Signals:
    """A router, and of a 6in4 or GRE tunnel the ``networks`` beyond; the signal that ended it."""
    need_own(settings.local)
    router = _router(settings, networks)
    with _opened(router.role, router.machine, router.mtu, place) as (tun, log, user, driver):
        for prefix, bits in router.networks:
            lead(tun, Route(prefix, bits, METRIC) if bits else EVERYWHERE)
        if router.address is not None:
            _give(tun, router.address)
        log.say(f"{router.ends}, interface {tun.name}, user {user.name}")
        warn_unless_forwarding(log)
        _warn_of_the_kernels(router.machine, log)
        privileges.drop(user)
        return asyncio.run(driver.run())


def run_isatap_host(settings: IsatapHostSettings, place: Place) -> signal.Signals:
    """A host of an ISATAP site; the signal that ended it."""
    need_own(settings.local)
    host = IsatapHost(settings, SystemRandom())
    with _opened("isatap host", host, settings.link.mtu, place) as (tun, log, user, driver):
        addressing = Addressing(tun, log, PREFIX_BITS)
        routers = " and ".join(map(text, settings.routers))
        ends = f"{text(settings.local)}, prl {routers}"
        log.say(f"{ends}, interface {tun.name}, user {user.name}")
        _warn_of_the_kernels(host, log)
        # Another prefix is another address, and that the interface's.
        privileges.drop(user, privileges.NET_ADMIN)
        driver.settled = lambda: addressing.follow(host.address)
        return asyncio.run(driver.run())


@contextmanager
def _opened(role: str, machine: RawMachine, mtu: int, place: Place) -> Iterator[_Open]:
    user = privileges.account(place.user)
    log, totals = Log(role, sys.stderr), Totals("IPv4 packets")
    with closing(Outer(machine, totals)) as outer, closing(Tun(place.interface, mtu)) as tun:
        yield _Open(tun, log, user, Driver(machine, tun, outer, totals, log))


def _give(tun: Tun, address: bytes) -> None:
    """Add this machine's address in the tunnel; ConfigError where the kernel refuses."""
    try:
        tun.add_address(address, _HOST_BITS)
    except OSError as error:
        raise ConfigError(
            f"interface {tun.name} cannot have {text(address)}: {error.strerror}. It follows from"
            " --local, and for ISATAP from --prefix: choose another"
        ) from error


def _router(settings: RouterSettings, networks: tuple[Network, ...]) -> _Router:
    local, rng = text(settings.local), SystemRandom()
    if isinstance(settings, PeerSettings | GreSettings) and settings.own is None:
        settings = replace(settings, own=own_global())
    match settings:
        case PeerSettings():
            ends = f"{local}, remote {text(settings.remote)}"
            mtu = settings.link.mtu
            return _Router("6in4 router", ends, Peer(settings, rng), networks, mtu)
        case GreSettings():
            ends = f"{local}, remote {text(settings.remote)}{_options(settings)}"
            return _Router("gre router", ends, GreEndpoint(settings, rng), networks, settings.mtu)
        case SixToFourSettings():
            return _sixtofour(settings)
        case IsatapRouterSettings():
            prefix = settings.prefix.ljust(16, b"\0")
            router = IsatapRouter(settings, rng)
            ends = f"{local}, prefix {text(prefix)}/{PREFIX_BITS}"
            site, mtu = ((prefix, PREFIX_BITS),), settings.link.mtu
            return _Router("isatap router", ends, router, site, mtu, router.address)


def _sixtofour(settings: SixToFourSettings) -> _Router:
    if is_bogon(settings.local):
        raise ConfigError(
            f"{text(settings.local)} gives no 6to4 prefix: name a global address with --local"
        )
    router = SixToFourRouter(settings, SystemRandom())
    prefix, bits = router.prefix
    ends = f"{text(settings.local)}, prefix {text(prefix)}/{bits}"
    networks: tuple[Network, ...] = (_SIXTOFOUR,)
    if settings.relay is not None:
        ends += f", relay {text(settings.relay)}"
        networks = (_SIXTOFOUR, _ANYWHERE)
    return _Router("6to4 router", ends, router, networks, settings.link.mtu, router.address)


def _options(settings: GreSettings) -> str:
    key = "" if settings.key is None else f", key {settings.key}"
    sequence = ", sequence" if settings.sequence else ""
    return key + sequence + (", checksum" if settings.checksum else "")


def _warn_of_the_kernels(machine: RawMachine, log: Log) -> None:
    """Its modules get what raw sockets get, and refuse what they have no tunnel for."""
    for module in (_KERNELS[protocol] for protocol in machine.protocols):
        if (_MODULES / module).exists():
            log.say(
                f"the kernel's module {module} answers the same packets with ICMP errors:"
                f" `modprobe -r {module}` ends that"
            )
