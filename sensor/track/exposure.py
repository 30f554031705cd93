"""Services of inside hosts that a tunnel made reachable, from first attempt to end."""

from __future__ import annotations

from collections.abc import Sequence

from sensor.schema.records import Endpoint, ExposureRecord, Proof
from sensor.schema.rows import Observation
from sensor.schema.words import ExposureState, Kind
from sensor.track import layout
from sensor.track.identity import identity
from sensor.track.settings import TrackSettings
from sensor.track.tunnels import Tunnel
from sensor.wire.addresses import is_global6

REMOTES_SHOWN = 20
_INITIAL_HOP_LIMITS = frozenset({32, 64, 128, 255})


class Exposure:
    """One inner service: the table counts and judges, this keeps what proves it."""

    __slots__ = ("documented", "evidence", "host_basis", "id", "place", "state")

    def __init__(self, place: int, state: layout.ExposureState, tunnel: Tunnel) -> None:
        self.place = place  # in the table
        self.state = state
        self.id = identity(_key(state, tunnel))
        self.host_basis = "unknown"
        self.evidence: list[Proof] = []
        self.documented = state.first

    def strengthen(self, state: layout.ExposureState) -> None:
        """Another state that is stronger: the frames of the attempt that reached it are kept."""
        # The first opening stays, unless it was another's; repetitions prove nothing more.
        same = (state.remote, state.remote_port) == (self.state.remote, self.state.remote_port)
        self.evidence = self.evidence[:1] if same else []
        self.state = state

    def prove(self, *proofs: Proof) -> None:
        """Keep the first frame that shows each thing: what is repeated proves nothing more."""
        for proof in proofs:
            if all(proof.what != kept.what for kept in self.evidence):
                self.evidence.append(proof)

    def place_host(self, row: Observation, tunnel: Tunnel) -> None:
        """Is the host the tunnel's own end, or one behind it? Its answers tell by their hop limit.

        A host sends 32, 64, 128 or 255; every router on the way to the tunnel takes one off.
        """
        own = row.inner_source == tunnel.address
        initial = row.hop_limit in _INITIAL_HOP_LIMITS
        self.host_basis = "endpoint" if own or initial else "behind-endpoint"

    def record(
        self,
        tunnel: Tunnel,
        settings: TrackSettings,
        service: str | None,
        remotes: Sequence[bytes],
        closed_reason: str | None = None,
    ) -> ExposureRecord:
        """What is known now; ``tunnel`` is the one that carries it, ``service`` the port's name."""
        state = self.state
        inside = tunnel.inside(settings)
        allowed = settings.allows(inside.ip if inside else None, state.transport, state.port)
        return ExposureRecord(
            id=self.id,
            tunnel_id=tunnel.id,
            tunnel_kind=Kind(tunnel.state.kind),
            address=state.address,
            transport=state.transport,
            port=state.port,
            service=service,
            state=ExposureState(state.state),
            last_state=ExposureState(state.last_state),
            first_seen=state.first,
            last_seen=state.last,
            state_since=state.since,
            remote=Endpoint(state.remote, state.remote_port),
            remotes_count=state.remotes,
            remotes=tuple(remotes),
            host_basis=self.host_basis,
            closed_reason=closed_reason,
            evidence=tuple(self.evidence),
            inside=inside,
            client=tunnel.client,
            mapped=tunnel.outermost.hole(settings),
            hole_refreshed=tunnel.outermost.hole_refreshed,
            policy={True: "allowed", False: "denied", None: None}[allowed],
            scope=tunnel.scope,
        )


def _key(state: layout.ExposureState, tunnel: Tunnel) -> bytes:
    """A global address is the same service through whatever tunnel; others are not."""
    key = bytes([state.transport]) + state.port.to_bytes(2) + state.address
    return key if is_global6(state.address) else key + tunnel.id.encode()
