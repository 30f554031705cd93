"""The Teredo programs of a world: Miredo 1.2.6 and our own, each started until it is ready."""

from __future__ import annotations

import sys
from typing import NamedTuple

from .lab import Namespace, Program, wait_until
from .world import NATIVE, NATIVE_IPV6, RELAY, SECONDARY, SERVER, World

SERVER_PORT = 3544
RELAY_PORT = 3545
DEVICE = "teredo"
OUR_USER = "nobody"  # what our client becomes once its socket and device are open
QUALIFIED = r"qualified, NAT (?P<nat>\S+), address (?P<address>[0-9a-f:]+), via (?P<server>\S+)"


class Client(NamedTuple):
    """A qualified client and its Teredo address; ``nat`` is the NAT as it sees it, if it says."""

    program: Program
    address: str
    nat: str = ""


def miredo_server(world: World) -> Program:
    text = f"ServerBindAddress {SERVER}\nServerBindAddress2 {SECONDARY}\n"
    program = _miredo(world, world.server, text, program="miredo-server")
    return _listening(program, world.server, SERVER_PORT)


def miredo_relay(world: World) -> Program:
    text = f"RelayType cone\nInterfaceName {DEVICE}\nBindAddress {RELAY}\nBindPort {RELAY_PORT}\n"
    return _routed(_miredo(world, world.relay, text), world.relay)


def miredo_client(world: World, host: Namespace | None = None) -> Client:
    """At ``host``, or inside."""
    text = f"InterfaceName {DEVICE}\nServerAddress {SERVER}\n"
    program = _miredo(world, host or world.inside, text)
    found = program.wait_for(r"Teredo pseudo-tunnel started(?s:.*?)address: ([0-9a-f:]+)")
    return Client(program, found[1])


def sensor_server(world: World) -> Program:
    program = world.server.start("server", *_sensor("server", SERVER, SECONDARY))
    return _listening(program, world.server, SERVER_PORT)


def sensor_relay(world: World) -> Program:
    bind = f"{RELAY}:{RELAY_PORT}"
    command = _sensor("relay", "--bind", bind, "--served", "2a00:db8::/32", "--interface", DEVICE)
    return _routed(world.relay.start("relay", *command), world.relay)


def sensor_host_relay(world: World) -> Program:
    """At the native host itself, and for nobody else."""
    bind = f"{NATIVE}:{RELAY_PORT}"
    command = _sensor("relay", "--bind", bind, "--host", NATIVE_IPV6, "--interface", DEVICE)
    return _routed(world.native.start("relay", *command), world.native)


def sensor_client(world: World, host: Namespace | None = None) -> Client:
    """At ``host``, or inside."""
    program = start_sensor_client(host or world.inside)
    found = program.wait_for(QUALIFIED)
    return Client(program, found["address"], found["nat"])


def start_sensor_client(host: Namespace, *more: str) -> Program:
    """Our client, which need not qualify; with ``more`` options."""
    arguments = (SERVER, "--secondary", SECONDARY, "--interface", DEVICE, "--user", OUR_USER)
    return host.start("client", *_sensor("client", *arguments, *more))


def _sensor(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sensor", "lab", *arguments]


def _miredo(world: World, host: Namespace, configuration: str, program: str = "miredo") -> Program:
    """In the foreground, with files of its own: the system's service stays as it is."""
    path = world.folder / f"{host.short}-{program}.conf"
    path.write_text(configuration)
    pid = path.with_suffix(".pid")
    return host.start(program, program, "-f", "-c", str(path), "-p", str(pid), "-u", program)


def _listening(program: Program, host: Namespace, port: int) -> Program:
    wait_until(lambda: host.listens(port), f"{program.name} listens on {port}")
    return program


def _routed(program: Program, host: Namespace) -> Program:
    """A relay is ready when packets to Teredo addresses go to its device."""
    route = ("ip", "-6", "route", "show", "2001::/32", "dev", DEVICE)
    wait_until(lambda: _answered(host, route), f"{program.name} takes 2001::/32")
    return _listening(program, host, RELAY_PORT)


def _answered(host: Namespace, command: tuple[str, ...]) -> bool:
    try:
        return bool(host.run(*command).strip())
    except AssertionError:
        return False  # the device is not there yet
