"""Services of inside hosts that a tunnel made reachable, from first attempt to end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from sensor.schema.records import Endpoint, ExposureRecord, Proof
from sensor.schema.rows import Observation
from sensor.schema.words import ExposureState, Kind
from sensor.track.settings import TrackSettings
from sensor.track.tunnels import Tunnel

REMOTES_SHOWN = 20
# Above this many, the count is a floor.
REMOTES_KEPT = 1_024
_INITIAL_HOP_LIMITS = frozenset({32, 64, 128, 255})


class Attempt(NamedTuple):
    """One remote endpoint that asks for one service."""

    transport: int
    service: Endpoint
    remote: Endpoint


class Exposure:
    """One inner service: (address, transport, port)."""

    __slots__ = (
        "address",
        "documented",
        "evidence",
        "first",
        "host_basis",
        "id",
        "last",
        "last_state",
        "port",
        "remote",
        "remotes",
        "since",
        "state",
        "transport",
        "tunnel",
    )

    def __init__(self, identity: str, time: int, tunnel: int, attempt: Attempt) -> None:
        self.id = identity
        self.tunnel = tunnel  # slot of the tunnel that last carried it
        self.address = attempt.service.ip
        self.port = attempt.service.port
        self.transport = attempt.transport
        self.state = ExposureState.REPLY_UNSEEN
        self.last_state = ExposureState.REPLY_UNSEEN
        self.first = self.last = self.since = time
        self.remote = Endpoint(b"", 0)
        self.remotes: OrderedDict[bytes, None] = OrderedDict()
        self.host_basis = "unknown"
        self.evidence: list[Proof] = []
        self.documented = time

    def meet(
        self, time: int, state: ExposureState, remote: Endpoint, proofs: Iterable[Proof]
    ) -> bool:
        """An opening or what became of it; True if the exposure's state grew stronger.

        ``proofs`` are the frames of this one attempt that are known: those of the attempt that
        reached the strongest state are kept.
        """
        self.last = max(self.last, time)
        self.last_state = state
        if len(self.remotes) < REMOTES_KEPT:
            self.remotes[remote.ip] = None
        stronger = state > self.state or not self.evidence
        if stronger:
            # The first opening stays, unless it was another's; repetitions prove nothing more.
            same = remote == self.remote
            self.evidence = self.evidence[:1] if same else []
            self.state, self.since, self.remote = state, time, remote
        if remote == self.remote:
            self.prove(*proofs)
        return stronger

    def prove(self, *proofs: Proof) -> None:
        """Keep the first frame that shows each thing: what is repeated proves nothing more."""
        for proof in proofs:
            if all(proof.what != kept.what for kept in self.evidence):
                self.evidence.append(proof)

    def place(self, row: Observation, client_address: bytes | None) -> None:
        """Is the host the tunnel's own end, or one behind it? Its answers tell by their hop limit.

        A host sends 32, 64, 128 or 255; every router on the way to the tunnel takes one off.
        """
        own = client_address is not None and row.inner_source == client_address
        initial = row.hop_limit in _INITIAL_HOP_LIMITS
        self.host_basis = "endpoint" if own or initial else "behind-endpoint"

    def record(
        self,
        tunnel: Tunnel,
        settings: TrackSettings,
        service: str | None,
        closed_reason: str | None = None,
    ) -> ExposureRecord:
        """What is known now; ``tunnel`` is the one that carries it, ``service`` the port's name."""
        inside = tunnel.inside(settings)
        allowed = settings.allows(inside.ip if inside else None, self.transport, self.port)
        return ExposureRecord(
            id=self.id,
            tunnel_id=tunnel.id,
            tunnel_kind=Kind(tunnel.slot.kind),
            address=self.address,
            transport=self.transport,
            port=self.port,
            service=service,
            state=self.state,
            last_state=self.last_state,
            first_seen=self.first,
            last_seen=self.last,
            state_since=self.since,
            remote=self.remote,
            remotes_count=len(self.remotes),
            remotes=tuple(self.remotes)[:REMOTES_SHOWN],
            host_basis=self.host_basis,
            closed_reason=closed_reason,
            evidence=tuple(self.evidence),
            inside=inside,
            client=tunnel.client,
            mapped=tunnel.qualification.endpoint,
            hole_refreshed=tunnel.slot.last_outbound,
            policy={True: "allowed", False: "denied", None: None}[allowed],
            scope=tunnel.scope,
        )
