"""IPv6 in PPP in L2TP version 2, as softwires carry it (RFC 5571 and 2661).

The control messages are those of a tunnel with one session, one at a time and without proxies,
challenges or windows; of PPP there is its framing alone, no negotiation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.framing import control
from sensor.lab.framing.clients import Clients
from sensor.lab.framing.control import Message
from sensor.lab.framing.endpoint import Timed, UdpEndpoint
from sensor.lab.framing.refusal import (
    NO_ANSWER,
    NOT_CONNECTED,
    NOT_IPV6,
    NOT_THE_SERVER,
    NOT_THEIRS,
)
from sensor.lab.framing.settings import L2tpClientSettings, L2tpServerSettings
from sensor.lab.inner.packets import inner_packet
from sensor.lab.inner.refusal import NOT_SERVED, Refused
from sensor.lab.teredo.link import end_text
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import l2tp, ppp
from sensor.wire.addresses import is_global6, text
from sensor.wire.cursor import Cursor

if TYPE_CHECKING:
    from random import Random

FIRST_WAIT = 1.0  # seconds, doubled up to LONGEST_WAIT (RFC 2661 section 5.8)
LONGEST_WAIT = 8.0
TRANSMISSIONS = 6
MOST_TUNNELS = 1 << 14  # whatever a server is told: a free number must be soon found

UNKNOWN_TUNNEL = "unknown-tunnel"
OUT_OF_ORDER = "out-of-order"
STOPPED_BY_PEER = "stopped-by-peer"

_HOST = b"softwire"
_ACKNOWLEDGEMENT = b""
_NEXT = {
    control.START_REQUEST: control.START_CONNECTED,
    control.START_CONNECTED: control.CALL_REQUEST,
    control.CALL_REQUEST: control.CALL_CONNECTED,
}


class L2tpClient(Timed):
    """Sets a tunnel and a session up, keeps them by hellos, and begins anew where they fail."""

    def __init__(self, settings: L2tpClientSettings, rng: Random) -> None:
        super().__init__(settings.local, Kind.L2TP6, settings.mtu)
        self._settings = settings
        self._rng = rng
        self._forget()

    def _forget(self) -> None:
        """There is no tunnel."""
        self._tunnel = _draw(self._rng)
        self._session = _draw(self._rng)
        self._their_tunnel = self._their_session = 0
        self._ns = self._nr = 0
        self._asked: int | None = None  # type of the message that waits to be acknowledged,
        self._body = b""
        self._sent = 0  # and how often it was sent
        self._connected = False

    @property
    def address(self) -> bytes | None:
        return self._settings.address if self._connected else None

    def start(self, now: float) -> None:
        self._forget()
        self._say(control.START_REQUEST, now)

    def stop(self, now: float) -> None:
        if self._their_tunnel:
            self._send_control(control.STOP, control.stop(self._tunnel))
        self._forget()
        super().stop(now)

    def _ring(self, now: float) -> None:
        if self._asked is not None:
            self._repeat(self._asked, now)
        elif self._connected:
            self._say(control.HELLO, now)
        else:
            self.start(now)

    def _say(self, kind: int, now: float) -> None:
        self._asked, self._body, self._sent = kind, self._build(kind), 0
        self._repeat(kind, now)

    def _build(self, kind: int) -> bytes:
        if kind == control.START_REQUEST:
            return control.start(kind, _HOST, self._tunnel)
        if kind == control.CALL_REQUEST:
            return control.call_request(self._session)
        return control.call_connected() if kind == control.CALL_CONNECTED else control.plain(kind)

    def _repeat(self, kind: int, now: float) -> None:
        if self._sent == TRANSMISSIONS:
            self._give_up(NO_ANSWER, now)
            return
        self._send_control(kind, self._body)
        self._due = now + min(FIRST_WAIT * 2**self._sent, LONGEST_WAIT)
        self._sent += 1

    def _give_up(self, why: str, now: float) -> None:
        self._tell("failed", f"no tunnel: {why}", end=self._settings.server)
        self._forget()
        self._due = now + self._settings.retry

    def _send_control(self, kind: int, body: bytes) -> None:
        session = self._their_session if kind == control.CALL_CONNECTED else 0
        payload = l2tp.build_control(self._their_tunnel, session, self._ns, self._nr, body)
        self._send(payload, self._settings.server, Kind.NONE)

    def _acknowledge(self) -> None:
        """An empty message, which takes no number."""
        self._send_control(0, b"")

    def _carry(self, packet: bytes, now: float) -> None:
        if not self._connected:
            raise Refused(NOT_CONNECTED)
        payload = _build_data(self._their_tunnel, self._their_session, packet)
        self._send(payload, self._settings.server)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        if source != self._settings.server:
            raise Refused(NOT_THE_SERVER)
        cursor, header = _read(payload)
        if header.tunnel != self._tunnel or header.session not in (0, self._session):
            raise Refused(UNKNOWN_TUNNEL)
        if header.control:
            self._take_control(header, cursor, now)
        elif not self._connected or header.session != self._session:
            raise Refused(NOT_CONNECTED)
        else:
            self._deliver(_read_data(cursor))

    def _take_control(self, header: l2tp.Header, cursor: Cursor, now: float) -> None:
        message = control.read(cursor) if cursor.remaining else None
        new = header.ns == self._nr
        if message is not None and new:
            self._nr = (self._nr + 1) % control.NUMBERS
            if message.type == control.STOP:
                self._acknowledge()
                self._give_up(STOPPED_BY_PEER, now)
                return
            self._their_tunnel = self._their_tunnel or message.tunnel
            self._their_session = self._their_session or message.session
        if self._asked is not None and header.nr == (self._ns + 1) % control.NUMBERS:
            self._ns = header.nr
            self._go_on(self._asked, now)
        if message is not None and (self._asked is None or not new):
            self._acknowledge()
        if message is not None and not new:
            raise Refused(OUT_OF_ORDER)

    def _go_on(self, done: int, now: float) -> None:
        """A message has come to the server, the answer to it too: what is next?"""
        self._asked = None
        if not self._their_tunnel or (done == control.CALL_REQUEST and not self._their_session):
            self._give_up(NO_ANSWER, now)
        elif done in _NEXT:
            self._say(_NEXT[done], now)
        else:
            self._connect(now)

    def _connect(self, now: float) -> None:
        self._due = now + self._settings.hello
        if self._connected:
            return
        self._connected = True
        settings = self._settings
        words = f"{text(settings.address)} through {end_text(settings.server)}"
        self._tell("connected", words, settings.address, settings.server)


class _Tunnel:
    """One client of a server: both sides' numbers, what was said last, and its IPv6 address."""

    def __init__(self, end: Endpoint, number: int, their_number: int, now: float) -> None:
        self.end = end
        self.number = number
        self.their_number = their_number
        self.session = self.their_session = 0
        self.ns = self.nr = 0
        self.said = b""
        self.heard = now
        self.address: bytes | None = None
        self.connected = False


class L2tpServer(UdpEndpoint):
    """Answers clients; what was lost is said again when they ask again.

    It asks nobody who they are: whoever has a tunnel may claim any address that no other end has.
    """

    def __init__(self, settings: L2tpServerSettings, rng: Random) -> None:
        super().__init__(settings.local, Kind.L2TP6, settings.mtu)
        self._rng = rng
        self._tunnels: Clients[int, _Tunnel] = Clients(
            min(settings.tunnels, MOST_TUNNELS), settings.silence, self.drops
        )
        self._theirs: dict[tuple[Endpoint, int], _Tunnel] = {}  # by the client's end and number
        self._addresses: dict[bytes, _Tunnel] = {}

    def start(self, now: float) -> None:
        """Nothing: clients begin."""

    def get_timer(self) -> float | None:
        return self._tunnels.due()

    def handle_timer(self, now: float) -> None:
        for tunnel in self._tunnels.take_silent(now):
            self._forget(tunnel)

    def _end(self, tunnel: _Tunnel) -> None:
        self._tunnels.remove(tunnel.number)
        self._forget(tunnel)

    def _forget(self, tunnel: _Tunnel) -> None:
        del self._theirs[tunnel.end, tunnel.their_number]
        if tunnel.address is not None:
            del self._addresses[tunnel.address]
        if tunnel.connected:
            self._tell("client-lost", f"{end_text(tunnel.end)} is gone", end=tunnel.end)

    def _carry(self, packet: bytes, now: float) -> None:
        tunnel = self._addresses.get(packet[24:40])
        if tunnel is None:
            raise Refused(NOT_SERVED)
        self._send(_build_data(tunnel.their_number, tunnel.their_session, packet), tunnel.end)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        cursor, header = _read(payload)
        if header.control and header.tunnel == 0:
            self._begin(header, control.read(cursor), source, now)
            return
        tunnel = self._tunnels.get(header.tunnel)
        if tunnel is None or tunnel.end != source:
            raise Refused(UNKNOWN_TUNNEL)
        if header.control:
            self._take_control(tunnel, header, cursor, now)
        else:
            self._take_data(tunnel, header, cursor, now)

    def _begin(self, header: l2tp.Header, message: Message, source: Endpoint, now: float) -> None:
        if message.type != control.START_REQUEST or not message.tunnel or header.ns:
            raise Refused(OUT_OF_ORDER)
        known = self._theirs.get((source, message.tunnel))
        if known is not None:
            if known.nr != 1:
                raise Refused(OUT_OF_ORDER)
            self._send(known.said, source, Kind.NONE)
            return
        tunnel = _Tunnel(source, self._free_number(), message.tunnel, now)
        evicted = self._tunnels.begin(tunnel.number, tunnel)
        if evicted is not None:
            self._forget(evicted)
        self._theirs[source, message.tunnel] = tunnel
        tunnel.nr = 1
        self._say(tunnel, control.start(control.START_REPLY, _HOST, tunnel.number))

    def _free_number(self) -> int:
        """Far fewer than there are numbers are taken, so that one is soon found."""
        number = _draw(self._rng)
        while self._tunnels.get(number) is not None:
            number = number % (control.NUMBERS - 1) + 1
        return number

    def _take_control(
        self, tunnel: _Tunnel, header: l2tp.Header, cursor: Cursor, now: float
    ) -> None:
        if not cursor.remaining:
            return
        message = control.read(cursor)
        if header.ns == (tunnel.nr - 1) % control.NUMBERS:
            self._send(tunnel.said, tunnel.end, Kind.NONE)
            return
        if header.ns != tunnel.nr:
            raise Refused(OUT_OF_ORDER)
        tunnel.nr = (tunnel.nr + 1) % control.NUMBERS
        self._tunnels.heard(tunnel.number, now)
        self._answer(tunnel, message)

    def _answer(self, tunnel: _Tunnel, message: Message) -> None:
        if message.type == control.CALL_REQUEST and message.session:
            tunnel.session = tunnel.session or _draw(self._rng)
            tunnel.their_session = message.session
            self._say(tunnel, control.call_reply(tunnel.session), tunnel.their_session)
            return
        if message.type == control.CALL_CONNECTED and tunnel.session and not tunnel.connected:
            tunnel.connected = True
            self._tunnels.settle(tunnel.number)
            self._tell("client-connected", f"{end_text(tunnel.end)} connected", end=tunnel.end)
        self._say(tunnel, _ACKNOWLEDGEMENT)
        if message.type in (control.STOP, control.CALL_DISCONNECT):
            self._end(tunnel)

    def _say(self, tunnel: _Tunnel, body: bytes, session: int = 0) -> None:
        """Answer with a message, or an acknowledgement alone, which takes no number."""
        tunnel.said = l2tp.build_control(tunnel.their_number, session, tunnel.ns, tunnel.nr, body)
        if body:
            tunnel.ns = (tunnel.ns + 1) % control.NUMBERS
        self._send(tunnel.said, tunnel.end, Kind.NONE)

    def _take_data(self, tunnel: _Tunnel, header: l2tp.Header, cursor: Cursor, now: float) -> None:
        if not tunnel.connected or header.session != tunnel.session:
            raise Refused(NOT_CONNECTED)
        packet = _read_data(cursor)
        self._learn(tunnel, packet[8:24])
        self._tunnels.heard(tunnel.number, now)
        self._deliver(packet)

    def _learn(self, tunnel: _Tunnel, address: bytes) -> None:
        """A client has the global address that a packet came from last."""
        if not is_global6(address):
            raise Refused(NOT_THEIRS)
        if tunnel.address == address:
            return
        former = self._addresses.get(address)
        if former is not None and former.end != tunnel.end:
            raise Refused(NOT_THEIRS)
        if former is not None:  # its client has begun anew
            former.address = None
        self._addresses.pop(tunnel.address or b"", None)
        tunnel.address = address
        self._addresses[address] = tunnel


def _draw(rng: Random) -> int:
    """The number of a tunnel or session: 0 means none."""
    return rng.randrange(1, control.NUMBERS)


def _read(payload: bytes) -> tuple[Cursor, l2tp.Header]:
    """The header, and a cursor at what is behind it, up to the length it says."""
    header = l2tp.parse(Cursor(payload))
    end = len(payload) if header.length is None else min(header.length, len(payload))
    cursor = Cursor(payload, 0, end)
    return cursor, l2tp.parse(cursor)


def _build_data(tunnel: int, session: int, packet: bytes) -> bytes:
    frame = ppp.build(ppp.IPV6, packet, address_control=True)
    return l2tp.build_data(tunnel, session, frame, length=True)


def _read_data(cursor: Cursor) -> bytes:
    """The IPv6 packet of a data message; Refused for anything else in it."""
    if ppp.parse(cursor) != ppp.IPV6:
        raise Refused(NOT_IPV6)
    return inner_packet(cursor.rest())
