"""A client and its server among losses, doubles, delays and forgers, until all that stops."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from hypothesis import strategies as st

from sensor.lab.inner.packets import is_whole
from sensor.lab.machine import Datagram, Machine
from sensor.schema.records import Endpoint
from sensor.wire.addresses import packed
from tests.lab.framing.parties import INSIDE, NATIVE, OTHER, PUBLIC, Client, Pair, data

LONGEST_TIMER = 2_000.0  # seconds
MOST_SENT = 3  # datagrams at most for one that comes in or a timer

STRANGE = [
    Endpoint(packed("0.0.0.0"), 9),
    Endpoint(packed("224.0.0.1"), 9),
    Endpoint(packed("10.0.0.1"), 0),
]
fates = st.sampled_from(["arrive", "arrive", "arrive", "lost", "doubled", "late"])
changes = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3)
hostile = (
    st.tuples(st.just("forge"), st.integers(0, 500), changes, st.integers(0, 2_000))
    | st.tuples(st.just("invent"), st.binary(max_size=80))
)  # fmt: skip
steps = st.lists(
    st.tuples(st.just("attack"), st.booleans(), hostile, st.integers(0, 9))
    | st.tuples(st.just("carry"), st.booleans(), st.binary(max_size=60))
    | st.tuples(st.just("converse"), st.booleans())
    | st.tuples(st.just("pass"), st.sampled_from([0.1, 2.0, 15.0, 70.0, 400.0])),
    max_size=20,
)
stories = st.tuples(steps, st.lists(fates, max_size=60))


class Troubled(Pair):
    """Each datagram has its fate, and each step is looked at.

    ``well_formed`` says whether a payload is one of the protocol's, ``limit`` looks at tables.
    """

    def __init__(
        self,
        client: Client,
        server: Machine,
        fate: list[str],
        well_formed: Callable[[bytes], bool],
        limit: Callable[[], bool],
    ) -> None:
        super().__init__(client, server)
        self._fates = fate
        self._late: list[tuple[Machine, Datagram]] = []
        self._out: list[bytes] = []
        self._well_formed = well_formed
        self._limit = limit

    def settle(self) -> None:
        late, self._late = self._late, []
        for to, each in late:
            self._hand(each, to)
        for _ in range(50):
            asked, told = self._take(self.client), self._take(self.server)
            if not asked and not told:
                return
            for each in asked:
                self._deliver(each, self.server)
            for each in told:
                self._deliver(each, self.client)
        raise AssertionError("they never fall silent")

    def _take(self, machine: Machine) -> list[Datagram]:
        sent = self._checked(machine)
        self.sent += sent
        return sent

    def _checked(self, machine: Machine) -> list[Datagram]:
        sent = machine.datagrams_to_send()
        due = machine.get_timer()
        assert due is None or due <= self.now + LONGEST_TIMER
        assert all(each.source in machine.ends for each in sent)
        assert all(_is_host(each.destination, machine.ends) for each in sent)
        assert all(self._well_formed(each.payload) for each in sent)
        assert self._limit()
        return sent

    def _deliver(self, each: Datagram, to: Machine) -> None:
        fate = self._fates.pop() if self._fates else "arrive"
        if fate == "late":
            self._late.append((to, each))
        for _ in range({"lost": 0, "late": 0, "doubled": 2}.get(fate, 1)):
            self._hand(each, to)

    def _hand(self, each: Datagram, to: Machine) -> None:
        destination = self.nat.get(each.destination, each.destination)
        if destination in to.ends:
            source = self.nat.get(each.source, each.source)
            to.receive_datagram(each.payload, source, destination, self.now)
            self._collect()

    def _collect(self) -> None:
        packets = self.client.ipv6_to_deliver() + self.server.ipv6_to_deliver()
        assert all(map(is_whole, packets))
        self._out += packets

    def step(self, verb: str, *arguments: Any) -> None:
        getattr(self, f"_step_{verb}")(*arguments)
        self._collect()

    def _step_attack(self, at_client: bool, hostile: Any, whence: int) -> None:
        to: Machine = self.client if at_client else self.server
        end = next(iter(to.ends))
        honest = next(iter(self.server.ends)) if at_client else PUBLIC
        source = [honest, honest, honest, OTHER, end, *STRANGE, INSIDE, PUBLIC][whence]
        to.receive_datagram(self._forged(*hostile), source, end, self.now)
        # What it answers a forger the honest side never sees.
        assert len(self._checked(to)) <= MOST_SENT

    def _forged(self, how: str, *arguments: Any) -> bytes:
        """Octets from nowhere, or something that was said, changed in some places and cut."""
        if how == "invent":
            octets: bytes = arguments[0]
            return octets
        number, changed, length = arguments
        said = bytearray(self.sent[number % len(self.sent)].payload)
        for position, value in changed:
            if said:
                said[position % len(said)] = value
        return bytes(said[:length])

    def _step_carry(self, at_client: bool, octets: bytes) -> None:
        (self.client if at_client else self.server).send_ipv6(octets, self.now)
        self.settle()

    def _step_converse(self, upwards: bool) -> None:
        address = self.client.address
        if address is not None:
            packet = data(address, NATIVE) if upwards else data(NATIVE, address)
            self._step_carry(upwards, packet)

    def _step_pass(self, seconds: float) -> None:
        self.wait(seconds)

    def check_recovery(self, patience: float) -> None:
        """No more trouble: after a while packets go both ways, each once and unchanged."""
        self._fates.clear()
        self._late.clear()
        self.wait(patience)
        for _ in range(2):  # the first may be what shows the server where the client is
            address = self.client.address
            assert address is not None
            up, down = data(address, NATIVE), data(NATIVE, address)
            came = self._through(self.client, up)
        assert came == [up]
        assert self._through(self.server, down) == [down]

    def _through(self, machine: Machine, packet: bytes) -> list[bytes]:
        """What comes out anywhere when a packet goes into one machine."""
        self._out.clear()
        machine.send_ipv6(packet, self.now)
        self.settle()
        return self._out


def _is_host(end: Endpoint, own: Collection[Endpoint]) -> bool:
    return 0 < end.ip[0] < 224 and end.ip[0] != 127 and end.port != 0 and end not in own
