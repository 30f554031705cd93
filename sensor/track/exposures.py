"""Services of inside hosts that tunnels led to, as the scalar table counts them."""

from __future__ import annotations

from collections import Counter, OrderedDict

from sensor.schema.words import ExposureState as State
from sensor.track.keys import exposure_key
from sensor.track.layout import ExposureState
from sensor.track.limits import REMOTES_KEPT, REMOTES_POOL
from sensor.track.slots import Ends, TunnelSlot

_NOBODY: Ends = (bytes(16), 0)


class ExposureSlot:
    """One inner service that was opened from outside."""

    __slots__ = (
        "first",
        "first_proof",
        "key",
        "last",
        "last_state",
        "proofs",
        "remote",
        "remotes",
        "serial",
        "service",
        "since",
        "slot",
        "state",
        "transport",
    )

    def __init__(
        self, serial: int, slot: TunnelSlot, transport: int, service: Ends, time: int
    ) -> None:
        self.serial = serial
        self.slot = slot  # of the tunnel that last led to it
        self.key = exposure_key(transport, service, slot.serial)
        self.transport = transport
        self.service = service
        self.state = self.last_state = State.REPLY_UNSEEN
        self.first = self.last = self.since = time
        self.remote = _NOBODY  # of the attempt that reached the strongest state
        self.remotes: dict[bytes, None] = {}
        self.proofs = self.first_proof = 0  # masks of what that attempt has shown

    @property
    def waits(self) -> bool:
        """Nobody answered or refused it yet."""
        return self.state < State.REFUSED

    def strengthen(self, state: State, remote: Ends, time: int) -> bool:
        """Whether this attempt got further than any before; it is the one to tell of then."""
        self.last_state = state
        if state <= self.state and self.proofs:
            return False
        # The first opening stays, unless it was another's; repetitions prove nothing more.
        self.proofs = self.proofs & self.first_proof if remote == self.remote else 0
        self.state, self.since, self.remote = state, time, remote
        return True

    def prove(self, remote: Ends, given: int) -> bool:
        """Note what frames of an attempt show; whether they show anything new of the one kept."""
        if remote != self.remote or not given & ~self.proofs:
            return False
        if not self.proofs:
            self.first_proof = given & -given
        self.proofs |= given
        return True

    def touch(self, time: int) -> None:
        self.last = max(self.last, time)

    def frozen(self) -> ExposureState:
        """The exposure as its readers see it."""
        return ExposureState(
            address=self.service[0],
            remote=self.remote[0],
            serial=self.serial,
            first=self.first,
            last=self.last,
            since=self.since,
            tunnel=self.slot.serial,
            remotes=len(self.remotes),
            port=self.service[1],
            remote_port=self.remote[1],
            transport=self.transport,
            state=int(self.state),
            last_state=int(self.last_state),
            proofs=self.proofs,
            first_proof=self.first_proof,
        )


class Exposures:
    """By serial and by key; what is let go stays readable until ``release``."""

    def __init__(self, limit: int, limits_hit: Counter[str]) -> None:
        self._limit = limit
        self._limits_hit = limits_hit
        self._kept: dict[int, ExposureSlot] = {}
        self._gone: dict[int, ExposureSlot] = {}
        self._keys: dict[bytes, ExposureSlot] = {}
        self._attempts: OrderedDict[int, ExposureSlot] = OrderedDict()  # nobody ANSWERED them
        self._remotes = 0
        self._next = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, serial: int) -> ExposureSlot:
        """One that is kept, or was until the last update."""
        return self._kept.get(serial) or self._gone[serial]

    def kept(self, serial: int) -> ExposureSlot | None:
        return self._kept.get(serial)

    def find(self, slot: TunnelSlot, transport: int, service: Ends) -> ExposureSlot | None:
        return self._keys.get(exposure_key(transport, service, slot.serial))

    @property
    def full(self) -> bool:
        return len(self._kept) >= self._limit

    def drop_oldest(self) -> ExposureSlot | None:
        """At the limit the oldest service that nobody answered gives way; answered ones stay."""
        self._limits_hit["exposures"] += 1
        if not self._attempts:
            return None
        oldest = next(iter(self._attempts.values()))
        self._forget(oldest)
        del oldest.slot.services[oldest.serial]
        return oldest

    def make(self, slot: TunnelSlot, transport: int, service: Ends, time: int) -> ExposureSlot:
        exposure = ExposureSlot(self._next, slot, transport, service, time)
        self._next += 1
        self._kept[exposure.serial] = self._attempts[exposure.serial] = exposure
        self._keys[exposure.key] = exposure
        slot.services[exposure.serial] = None
        slot.attempts += 1
        return exposure

    def meet(
        self, exposure: ExposureSlot, slot: TunnelSlot, state: State, remote: Ends, time: int
    ) -> bool:
        """An opening through ``slot``, or what became of it; whether the state grew stronger."""
        self._carry(exposure, slot)
        if state is State.ANSWERED:
            self._attempts.pop(exposure.serial, None)
        exposure.touch(time)
        self._remember(exposure, remote[0])
        waited = exposure.waits
        stronger = exposure.strengthen(state, remote, time)
        slot.attempts -= waited and not exposure.waits
        return stronger

    def _carry(self, exposure: ExposureSlot, slot: TunnelSlot) -> None:
        """The tunnel that was last seen to lead to the service."""
        before = exposure.slot
        if before is slot:
            return
        del before.services[exposure.serial]
        before.attempts -= exposure.waits
        exposure.slot = slot
        slot.services[exposure.serial] = None
        slot.attempts += exposure.waits

    def _remember(self, exposure: ExposureSlot, ip: bytes) -> None:
        if ip in exposure.remotes or len(exposure.remotes) >= REMOTES_KEPT:
            return
        if self._remotes >= REMOTES_POOL:
            self._limits_hit["remotes"] += 1
            return
        exposure.remotes[ip] = None
        self._remotes += 1

    def move(self, absorbed: TunnelSlot, root: TunnelSlot) -> None:
        """Services go on in the tunnel that stays, unless it leads to them itself: then they end.

        What ends is still listed for the absorbed tunnel until ``release``.
        """
        for serial in list(absorbed.services):
            exposure = self._kept[serial]
            key = exposure_key(exposure.transport, exposure.service, root.serial)
            if self._keys.get(key, exposure) is not exposure:
                self._forget(exposure)
                continue
            del self._keys[exposure.key]
            self._keys[key], exposure.key = exposure, key
            self._carry(exposure, root)

    def end_of(self, slot: TunnelSlot) -> None:
        """All of a tunnel end with it; they are still listed for it until ``release``."""
        for serial in slot.services:
            self._forget(self._kept[serial])

    def _forget(self, exposure: ExposureSlot) -> None:
        del self._kept[exposure.serial]
        del self._keys[exposure.key]
        self._attempts.pop(exposure.serial, None)
        exposure.slot.attempts -= exposure.waits
        self._gone[exposure.serial] = exposure

    def release(self) -> None:
        """What ended has been told: let it go."""
        for exposure in self._gone.values():
            exposure.slot.services.pop(exposure.serial, None)
            self._remotes -= len(exposure.remotes)
        self._gone.clear()
