"""What endpoints need of this machine's addresses and routes, and whether it routes at all."""

from __future__ import annotations

from sensor.errors import ConfigError
from sensor.lab.live.log import Log
from sensor.lab.live.netlink import Route
from sensor.lab.live.tun import Tun
from sensor.lab.sixinfour.places import is_unicast4
from sensor.wire.addresses import text

METRIC = 1_024  # as the kernel gives to routes

_FORWARDING = "/proc/sys/net/ipv6/conf/all/forwarding"
_ADDRESSES = "/proc/net/if_inet6"
_GLOBAL = "00"  # a scope, in the fourth column


def need_own(local: bytes) -> None:
    """ConfigError unless others can reach this IPv4 address."""
    if not is_unicast4(local):
        raise ConfigError(
            f"nothing is reached from {text(local)}: bind to a unicast address of a network"
        )


def lead(tun: Tun, route: Route) -> None:
    """Add a route to the device; ConfigError where another link has it, or the kernel refuses."""
    try:
        tun.add_route(route)
    except FileExistsError as error:
        named = f"{text(route.prefix)}/{route.bits}"
        raise ConfigError(
            f"another interface has the route to {named}: end the program that set it,"
            f" or `ip -6 route delete {named}`"
        ) from error
    except OSError as error:
        if route.source is not None:
            fix = f"is {text(route.source)} an address of this machine? `ip -6 address` lists them"
            raise ConfigError(f"no route from {text(route.source)}: {fix}") from error
        raise ConfigError(f"no route to {tun.name}: {error.strerror}") from error


def own_global() -> bytes | None:
    """An IPv6 address of this machine that others may know, where it has one.

    Errors come from it: the kernel forwards nothing from a link-local address.
    """
    try:
        with open(_ADDRESSES, encoding="ascii") as listed:
            found = [line.split() for line in listed]
    except OSError:  # no IPv6 at all
        return None
    return next((bytes.fromhex(line[0]) for line in found if line[3] == _GLOBAL), None)


def warn_unless_forwarding(log: Log) -> None:
    """Who serves others is a router; the kernel does that part."""
    with open(_FORWARDING, encoding="ascii") as setting:
        if setting.read().strip() == "0":
            log.say("IPv6 is not forwarded: `sysctl net.ipv6.conf.all.forwarding=1` allows it")
