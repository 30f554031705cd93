"""How many packets a second the data path of a client moves: Miredo's beside ours, in one run.

    python -m tests.interop.rate [SECONDS]        as root; about 16 times so many seconds

Both clients stand on public addresses and speak through Miredo's relay with one native host. Each
packet goes through the client's TUN device; the window of stream.py keeps any from being lost.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from .lab import Lab, Namespace
from .programs import Client, miredo_client, miredo_relay, miredo_server, sensor_client
from .world import NATIVE_IPV6, World

STREAM = str(Path(__file__).with_name("stream.py"))
PORT = 9
SIZES = (64, 1_200)  # octets of UDP payload
ROUNDS = 2  # the makes take turns: what disturbs the machine disturbs both
GOAL = 20_000  # packets a second
SECONDS = 3.0

Start = Callable[[World, Namespace], Client]
MAKES: dict[str, tuple[Start, str]] = {
    "Miredo": (miredo_client, "203.0.113.3"),
    "ours": (sensor_client, "203.0.113.4"),
}


class Measured(NamedTuple):
    """One stream: packets said, heard and lost, and how many came in each second of the run."""

    make: str
    direction: str
    octets: int
    said: int
    heard: int
    lost: int
    rate: int


class Ends(NamedTuple):
    """A direction: who says, who hears, and by which address."""

    direction: str
    sayer: Namespace
    hearer: Namespace
    address: str


def measure(
    folder: Path, makes: dict[str, tuple[Start, str]], seconds: float, rounds: int = ROUNDS
) -> Iterator[Measured]:
    """Every stream of every make, round after round."""
    with Lab() as lab:
        world = World(lab, folder)
        miredo_server(world)
        miredo_relay(world)
        ways = {make: _ways(world, *how) for make, how in makes.items()}
        for _ in range(rounds):
            for octets in SIZES:
                for make, both in ways.items():
                    for ends in both:
                        yield _stream(folder, make, ends, octets, seconds)


def _ways(world: World, start: Start, ip: str) -> list[Ends]:
    host = world.host(f"at-{ip.rpartition('.')[2]}", ip)
    client = start(world, host)
    return [
        Ends("out", host, world.native, NATIVE_IPV6),
        Ends("in", world.native, host, client.address),
    ]


def _stream(folder: Path, make: str, ends: Ends, octets: int, seconds: float) -> Measured:
    counter = folder / "counter"
    counter.write_bytes(bytes(8))
    program = (sys.executable, STREAM)
    hearer = ends.hearer.start("hearer", *program, "hear", str(counter), str(PORT))
    hearer.wait_for("listening")
    words = (str(counter), ends.address, str(PORT), str(octets), str(seconds))
    told = ends.sayer.run(*program, "say", *words, seconds=seconds + 60).split()
    assert hearer.finish() == 0, hearer.log
    said, heard, lost, rate = map(int, told[1::2])
    assert hearer.log.split()[-1] == str(heard)
    return Measured(make, ends.direction, octets, said, heard, lost, rate)


def table(measured: list[Measured]) -> Iterator[str]:
    """A line for each kind of stream: the median of each make, and ours as a share of Miredo's."""
    makes = list(dict.fromkeys(one.make for one in measured))
    yield f"{'stream':20}" + "".join(f"{make:>12}" for make in makes) + f"{'ratio':>8}"
    for direction, octets in dict.fromkeys((one.direction, one.octets) for one in measured):
        rates = [
            statistics.median(
                one.rate
                for one in measured
                if (one.make, one.direction, one.octets) == (make, direction, octets)
            )
            for make in makes
        ]
        ratio = rates[-1] / max(rates[0], 1)
        figures = "".join(f"{rate:>12,.0f}" for rate in rates)
        yield f"{f'{direction}, {octets:,} octets':20}{figures}{ratio:>8.2f}"
    lost = (f"{make} {sum(one.lost for one in measured if one.make == make)}" for make in makes)
    yield f"packets/s; goal: {GOAL:,}; lost: {', '.join(lost)}"


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory() as folder:
        for line in table(list(measure(Path(folder), MAKES, seconds))):
            print(line)


if __name__ == "__main__":
    main()
