"""Stories of services that a tunnel led to, or did not."""

from __future__ import annotations

from sensor.lab.network.behaviour import ADDRESS_RESTRICTED, PORT_RESTRICTED
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import SERVER_NAME, World
from sensor.lab.teredo.style import WINDOWS_7


def web_server(world: World) -> None:
    """A printer's web page is read from the IPv6 Internet while its network does other things."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    printer = home.client("printer", style=WINDOWS_7)
    desk = home.neighbour("desk")
    printer.serve(80)
    reader, scanner = world.remote("reader"), world.remote("scanner")
    desk.browse(world.site)
    world.wait(2)
    home.neighbour("resolving").resolve(SERVER_NAME)
    printer.start()
    world.wait(3)
    desk.browse(world.site)
    reader.ping(printer)
    world.wait(2)
    reader.fetch(printer, 80)
    world.wait(3)
    scanner.fetch(printer, 22)
    desk.ping(world.site)
    world.wait(40)
    reader.fetch(printer, 80)
    desk.browse(world.site)
    world.wait(20)
    printer.stop()
    world.wait(5)


def refused_port(world: World) -> None:
    """Somebody knocks at a port that nothing listens on."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.start()
    world.wait(3)
    remote.fetch(alice, 22)
    world.wait(20)


def silent_port(world: World) -> None:
    """Somebody knocks at a port where the host's firewall lets nobody in."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.hide(445)
    alice.start()
    world.wait(3)
    remote.fetch(alice, 445)
    world.wait(20)


def udp_service(world: World) -> None:
    """A UDP service answers one stranger; another one asks at a closed UDP port."""
    home = world.home("home", ADDRESS_RESTRICTED)
    world.watch(home)
    alice = home.client("alice")
    first, second = world.remote("first"), world.remote("second")
    alice.serve_udp(30_001, b"21.5 degrees")
    alice.start()
    world.wait(3)
    first.ask(alice, 30_001, b"temperature?")
    second.ask(alice, 30_002, b"who are you?")
    world.wait(20)


def many_remotes(world: World) -> None:
    """Five strangers read the same page, one of them twice."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice = home.client("alice")
    remotes = [world.remote(f"remote-{number}") for number in range(5)]
    alice.serve(8_080)
    alice.start()
    world.wait(3)
    for remote in (*remotes, remotes[0]):
        remote.fetch(alice, 8_080)
        world.wait(4)


def outbound_only(world: World) -> None:
    """A client uses the IPv6 Internet; nobody there opens anything."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, native = home.client("alice"), world.remote("native")
    native.serve(80)
    native.serve_udp(30_003, b"no such name")
    alice.start()
    world.wait(3)
    alice.ping(native)
    world.wait(2)
    alice.fetch(native, 80)
    alice.ask(native, 30_003, b"name?")
    world.wait(20)


def two_hosts(world: World) -> None:
    """Two clients of one home, of two servers; one of them is read from."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    other = world.teredo_server("other-server")
    alice = home.client("alice")
    bob = home.client("bob", server=other.primary)
    remote = world.remote("remote")
    alice.serve(80)
    bob.serve(80)
    alice.start()
    bob.start()
    world.wait(3)
    remote.fetch(bob, 80)
    world.wait(20)


def ordinary(world: World) -> None:
    """A home without tunnels."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    desk, phone = home.neighbour("desk"), home.neighbour("phone")
    for _ in range(3):
        desk.browse(world.site)
        phone.ping(world.site)
        world.wait(5)
        phone.browse(world.site)
        desk.resolve("no-such-name.example.net")
        world.wait(5)


EXPOSURE = (
    Scenario("web-server", "a web server behind a NAT, read from the Internet", 1, web_server),
    Scenario("refused-port", "a closed TCP port of a client is tried", 2, refused_port),
    Scenario("silent-port", "a filtered TCP port of a client is tried", 3, silent_port),
    Scenario("udp-service", "a UDP service answers, a closed UDP port refuses", 4, udp_service),
    Scenario("many-remotes", "five remotes reach one service", 5, many_remotes),
    Scenario("outbound-only", "a client opens, nobody opens to it", 6, outbound_only),
    Scenario("two-hosts", "two clients of two servers behind one NAT", 7, two_hosts),
    Scenario("ordinary", "ordinary traffic and no tunnel", 8, ordinary),
)
