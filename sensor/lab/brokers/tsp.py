"""TSP over UDP, and the IPv6 in UDP that it sets up (RFC 5572 sections 4.4 to 4.6).

Signalling and data share one pair of ends: the first four bits tell which is which. A request is
repeated until its reply comes; a broker answers a repeated one with the same reply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.brokers.dialogue import BrokerDialogue, ClientDialogue
from sensor.lab.brokers.keepalive import answer, ask, is_answer
from sensor.lab.brokers.messages import SUCCESS
from sensor.lab.brokers.pool import Pool
from sensor.lab.brokers.sessions import Request, Session, Sessions
from sensor.lab.brokers.settings import TspBrokerSettings, TspClientSettings, TspRequest
from sensor.lab.brokers.tunnel import V6UDPV4, Agreement
from sensor.lab.framing.endpoint import Timed, UdpEndpoint
from sensor.lab.framing.refusal import (
    NO_ANSWER,
    NOT_ASKED,
    NOT_CONNECTED,
    NOT_THE_SERVER,
    NOT_THEIRS,
)
from sensor.lab.inner.packets import inner_packet
from sensor.lab.inner.refusal import NOT_SERVED, Refused
from sensor.lab.teredo.link import end_text
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import tsp
from sensor.wire.addresses import text
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv6 import Echo

if TYPE_CHECKING:
    from random import Random

FIRST_WAIT = 2.0  # seconds for a reply, doubled with each repetition
TRANSMISSIONS = 4
UNANSWERED = 3  # keep-alives after which the tunnel is given up

INCOMPLETE = "incomplete"  # a reply in which the broker says nothing whole
NO_SESSION = "no-session"
OLD_REQUEST = "old-request"
SURPLUS = "surplus-words"  # of a datagram, behind what has its one answer

_ECHO_DATA = bytes(range(8))
_BEGINNING = b"VERSION="
_SEQUENCES = 1 << 28
_STAMPS = 1 << 32
_MILLISECONDS = 1_000


class TspClient(Timed):
    """Asks for a tunnel until it has one, and keeps it open by echo requests."""

    def __init__(self, settings: TspClientSettings, rng: Random) -> None:
        super().__init__(settings.local, Kind.TSP, settings.mtu)
        self._settings = settings
        self._rng = rng
        self._sequence = 0
        self._open()

    def _open(self) -> None:
        """Nothing is agreed on yet."""
        settings = self._settings
        self._dialogue = ClientDialogue(
            TspRequest(
                V6UDPV4, settings.local.ip, settings.name, settings.password, settings.keepalive
            )
        )
        self._asked: tsp.Header | None = None  # the request that waits for its reply, its text,
        self._text = b""
        self._sent = 0  # and how often it was sent
        self._agreed: Agreement | None = None
        self._echo = Echo(self._rng.getrandbits(16), 0, _ECHO_DATA)
        self._unanswered = 0

    @property
    def address(self) -> bytes | None:
        return None if self._agreed is None else self._agreed.address

    def start(self, now: float) -> None:
        self._open()
        self._ask(self._dialogue.start(), now)

    def stop(self, now: float) -> None:
        self._open()
        super().stop(now)

    def _ring(self, now: float) -> None:
        if self._asked is not None:
            self._repeat(self._asked, now)
        elif self._agreed is not None:
            self._keep_alive(self._agreed, now)
        else:
            self.start(now)

    def _ask(self, words: bytes, now: float) -> None:
        self._sequence = (self._sequence + 1) % _SEQUENCES
        self._text, self._sent = words, 0
        self._asked = tsp.Header(self._sequence, int(now * _MILLISECONDS) % _STAMPS)
        self._repeat(self._asked, now)

    def _repeat(self, request: tsp.Header, now: float) -> None:
        """Send a request, if that was not done often enough."""
        if self._sent == TRANSMISSIONS:
            self._give_up(NO_ANSWER, now)
            return
        payload = tsp.build(request.sequence, request.timestamp, self._text)
        self._send(payload, self._settings.broker)
        self._due = now + FIRST_WAIT * 2**self._sent
        self._sent += 1

    def _give_up(self, why: str, now: float) -> None:
        self._tell("failed", f"no tunnel: {why}", end=self._settings.broker)
        self._open()
        self._due = now + self._settings.retry

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        if source != self._settings.broker:
            raise Refused(NOT_THE_SERVER)
        if _is_data(payload):
            self._receive_data(inner_packet(payload))
            return
        cursor = Cursor(payload)
        if tsp.parse(cursor) != self._asked:
            raise Refused(NOT_ASKED)
        self._asked = None
        try:
            words = self._dialogue.receive(cursor.rest())
        except Refused as refusal:
            self._give_up(str(refusal), now)
            raise
        self._go_on(words, now)

    def _go_on(self, words: bytes, now: float) -> None:
        if words:
            self._ask(words, now)
            return
        self._agreed = self._dialogue.agreed
        if self._agreed is None:
            self._give_up(INCOMPLETE, now)
            return
        address, broker = self._agreed.address, self._settings.broker
        self._tell("connected", f"{text(address)} through {end_text(broker)}", address, broker)
        self._keep_alive(self._agreed, now)

    def _receive_data(self, packet: bytes) -> None:
        if self._agreed is None:
            raise Refused(NOT_CONNECTED)
        self._unanswered = 0
        from_broker = packet[8:24] == self._agreed.broker_address
        if not (from_broker and is_answer(packet, self._echo)):
            self._deliver(packet)

    def _keep_alive(self, agreed: Agreement, now: float) -> None:
        """RFC 5572 section 4.6: at least every interval, not all clients at once."""
        if self._unanswered == UNANSWERED:
            self._give_up(NO_ANSWER, now)
            return
        self._unanswered += 1
        self._echo = self._echo._replace(sequence=self._echo.sequence + 1 & 0xFFFF)
        request = ask(agreed.address, agreed.broker_address, self._echo)
        self._send(request, self._settings.broker)
        self._due = now + agreed.keepalive * self._rng.uniform(0.75, 1.0)

    def _carry(self, packet: bytes, now: float) -> None:
        if self._agreed is None:
            raise Refused(NOT_CONNECTED)
        self._send(packet, self._settings.broker)


class TspBroker(UdpEndpoint):
    """Answers clients wherever they are; a tunnel's packets go where it was agreed on.

    A datagram has one answer at most. A tunnel stands once a packet came through it.
    """

    def __init__(self, settings: TspBrokerSettings, rng: Random) -> None:
        super().__init__(settings.local, Kind.TSP, settings.mtu, settings.own)
        self._settings = settings
        self._pool = Pool(settings, rng)
        self._sessions = Sessions(settings.sessions, self.drops)

    def start(self, now: float) -> None:
        """Nothing: clients begin."""

    def get_timer(self) -> float | None:
        return self._sessions.due()

    def handle_timer(self, now: float) -> None:
        for session in self._sessions.take_silent(now):
            if session.tunnel is not None:
                self._tell("client-lost", f"{end_text(session.end)} is silent", end=session.end)

    def _carry(self, packet: bytes, now: float) -> None:
        session = self._sessions.of_address(packet[24:40])
        if session is None:
            raise Refused(NOT_SERVED)
        self._send(packet, session.end)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        if _is_data(payload):
            self._receive_data(inner_packet(payload), source, now)
            return
        cursor = Cursor(payload)
        header = tsp.parse(cursor)
        request = Request(header, cursor.rest())
        session = self._sessions.get(source)
        if session is None or request != session.request:
            session = self._session(session, request, source, now)
            session.reply = self._answer(session, request.words)
            session.request = request
        if session.tunnel is None:
            self._sessions.heard(session, now)
        if session.reply:
            self._send(tsp.build(header.sequence, header.timestamp, session.reply), source)

    def _session(
        self, last: Session | None, request: Request, source: Endpoint, now: float
    ) -> Session:
        """The one that a new request belongs to; Refused for one that is old, or out of nowhere."""
        if last is not None and _is_old(request, last.request):
            raise Refused(OLD_REQUEST)
        if request.words.startswith(_BEGINNING):
            return self._begin(source, now)
        if last is None or last.dialogue.agreed is not None:
            raise Refused(NO_SESSION)
        return last

    def _begin(self, source: Endpoint, now: float) -> Session:
        dialogue = BrokerDialogue(self._settings, self._pool, source.ip, (V6UDPV4,))
        session = Session(source, dialogue, now)
        self._sessions.begin(session)
        return session

    def _answer(self, session: Session, words: bytes) -> bytes:
        """What the dialogue says to a request; where it is at its goal, that the request came."""
        dialogue = session.dialogue
        try:
            reply = dialogue.receive_one(words)
        except Refused:
            self._sessions.end(session)
            raise
        if dialogue.forget():
            self.drops[SURPLUS] += 1
        return reply if dialogue.agreed is None else SUCCESS

    def _receive_data(self, packet: bytes, source: Endpoint, now: float) -> None:
        self._settle(packet[8:24], source)
        session = self._sessions.settled(source)
        if session is None or session.tunnel is None:
            raise Refused(NO_SESSION)
        if packet[8:24] != session.tunnel.address:
            raise Refused(NOT_THEIRS)
        self._sessions.heard(session, now)
        reply = answer(packet) if packet[24:40] == self._settings.own else None
        if reply is None:
            self._deliver(packet)
        else:
            self._send(reply, source)

    def _settle(self, address: bytes, source: Endpoint) -> None:
        """Who sends from the address that it was offered has heard the offer: it is at that end."""
        session = self._sessions.begun(source)
        agreed = None if session is None else session.dialogue.agreed
        if session is None or agreed is None or agreed.address != address:
            return
        self._sessions.settle(session, agreed)
        sentence = f"{text(address)} is at {end_text(source)}"
        self._tell("client-connected", sentence, address, source)


def _is_data(payload: bytes) -> bool:
    return payload[:1] != b"" and payload[0] >> 4 == 6


def _is_old(request: Request, last: Request | None) -> bool:
    """Whether it was sent before the last one, which its number and its time both say."""
    if last is None or request.header == last.header:
        return False
    number = (last.header.sequence - request.header.sequence) % _SEQUENCES
    stamp = (last.header.timestamp - request.header.timestamp) % _STAMPS
    return number < _SEQUENCES // 2 and stamp < _STAMPS // 2
