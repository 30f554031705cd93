"""Stories of innocents who look like an attack: what detects the one must not accuse the other."""

from __future__ import annotations

from sensor.lab.network.behaviour import ADDRESS_RESTRICTED, CONE, PORT_RESTRICTED
from sensor.lab.network.medium import Faults
from sensor.lab.scenarios.attackers import until_refresh
from sensor.lab.scenarios.company import Company
from sensor.lab.scenarios.home import ClientParty, Home
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World
from sensor.lab.teredo.style import WINDOWS_7

CONSOLE_PORT = 3_074
CONSOLES, PHONES, FRIENDS, READERS = 8, 12, 20, 3


def roaming(world: World) -> None:
    """A laptop leaves a home for another one and talks with the same peer from there."""
    old, new = world.home("old", CONE), world.home("new", PORT_RESTRICTED)
    other = world.home("other", CONE)
    world.watch(other)
    bob = other.client("bob")
    bob.serve(80)
    laptop = old.client("laptop")
    bob.start()
    laptop.start()
    world.wait(3)
    laptop.fetch(bob, 80)
    world.wait(10)
    laptop.stop()
    moved = new.client("laptop-moved", port=laptop.settings.local.port)
    moved.start()
    world.wait(3)
    moved.fetch(bob, 80)
    bob.ping(moved)
    world.wait(10)


def crowded_carrier(world: World) -> None:
    """Twelve phones behind one address of a carrier; three of them are read from."""
    carrier = world.carrier("carrier", ADDRESS_RESTRICTED)
    world.watch(carrier)
    phones = [carrier.client(f"phone-{number}") for number in range(PHONES)]
    remote, native = world.remote("remote"), world.remote("native")
    native.serve(80)
    for phone in phones:
        phone.serve(80)
        phone.start()
        world.wait(0.2)
    world.wait(3)
    for phone in phones[:3]:
        remote.fetch(phone, 80)
    for phone in phones[3:6]:
        phone.ping(native)
    world.wait(35)


def console(world: World) -> None:
    """Before a match a game console meets those of all who play, within a moment."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    ours = _console(home)
    others = [
        _console(world.home(f"home-{number}", (CONE, PORT_RESTRICTED)[number % 2]))
        for number in range(CONSOLES)
    ]
    for each in (ours, *others):
        each.serve_udp(CONSOLE_PORT, b"in")
        each.start()
    world.wait(4)
    for number, other in enumerate(others):
        asking, asked = (ours, other) if number % 2 else (other, ours)
        asking.ask(asked, CONSOLE_PORT, b"ready?")
    world.wait(20)


def _console(home: Home) -> ClientParty:
    """One with the port that such have, whatever the home."""
    return home.client(f"{home.name}-console", style=WINDOWS_7, port=CONSOLE_PORT)


def direct_access(world: World) -> None:
    """A company's own server and relay in one box: its laptops talk with its own hosts alone."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    company = Company(world)
    files = company.host("files")
    files.serve(443)
    laptop = home.client("laptop", style=WINDOWS_7, server=company.server)
    laptop.start()
    world.wait(3)
    laptop.ping(files)
    world.wait(2)
    laptop.fetch(files, 443)
    world.wait(10)
    files.ping(laptop)
    world.wait(30)


def chatty(world: World) -> None:
    """A client with many genuine peers, met one after the other within seconds."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice = home.client("alice")
    alice.serve(80)
    friends = [
        world.home(f"home-{number}", (CONE, PORT_RESTRICTED)[number % 2]).client(f"friend-{number}")
        for number in range(FRIENDS)
    ]
    for each in (alice, *friends):
        each.start()
    world.wait(4)
    for number, friend in enumerate(friends):
        (friend.fetch(alice, 80) if number % 5 == 0 else friend.ping(alice))
        world.wait(0.1)
    world.wait(10)


def server_maintenance(world: World) -> None:
    """A network doubles packets; a server is started anew; then its answers are late."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.serve(80)
    world.internet.faults = Faults(doubling=1.0)
    alice.start()
    world.wait(5)
    world.internet.faults = Faults()
    until_refresh(world, alice)
    world.server.fall_silent()
    world.wait(6)
    world.server.come_back()
    world.wait(5)
    until_refresh(world, alice)
    world.internet.faults = Faults(delay=5.0)
    world.wait(15)
    world.internet.faults = Faults()
    remote.fetch(alice, 80)
    world.wait(10)


def departed(world: World) -> None:
    """A client ended, and who read its page calls it still: bubbles to where nobody listens."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice = home.client("alice")
    readers = [world.remote(f"reader-{number}") for number in range(READERS)]
    alice.serve(80)
    alice.start()
    world.wait(3)
    address = alice.address
    for reader in readers:
        reader.fetch(alice, 80)
        world.wait(1)
    alice.stop()
    world.wait(35)
    for reader in readers:
        reader.stack.ping(address)
        world.wait(1)
    world.wait(10)


COMPANIONS = (
    Scenario(
        "roaming", "a laptop moves to another home and meets its peer again", 340, roaming,
        against=(
            "mapped-spoof", "forged-advertisements",
            "takeover", "relay-takeover", "takeover-by-ear",
        ),
    ),
    Scenario(
        "crowded-carrier", "twelve clients behind one address of a carrier", 341, crowded_carrier,
        against=("bubble-flood", "address-scan", "shared-nonce"),
    ),
    Scenario(
        "console", "a game console with port 3074 meets eight others at once", 342, console,
        against=(
            *("peer-flood", "bubble-flood", "covert-bubbles"),
            *("moved-port", "moved-port-midstream"),
        ),
    ),
    Scenario(
        "direct-access", "a company's own server and relay, and its own hosts", 343, direct_access,
        against=("rogue-server", "server-self-loop"),
    ),
    Scenario(
        "chatty", "twenty genuine peers within seconds", 344, chatty,
        against=("address-scan", "scan-in-vain", "forged-origin"),
    ),
    Scenario(
        "server-maintenance", "answers that come twice, or only to the second question", 345,
        server_maintenance,
        against=("forged-advertisements", "advertisement-taken", "shared-nonce", "stuck-nonce"),
    ),
    Scenario(
        "departed", "a client that ended is still called", 346, departed,
        against=("relay-reflection", "server-reflection"),
    ),
)  # fmt: skip
