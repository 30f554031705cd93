"""The words with which a client and a broker of TSP agree on a tunnel (RFC 5572 section 4.7).

Text in, text out: over TCP as it comes, over UDP a datagram at a time. Each side is a line of
steps, of which each takes one message and says what comes next.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TypeGuard

from sensor.lab.brokers.messages import SUCCESS, Message, Messages, with_length
from sensor.lab.brokers.pool import Pool
from sensor.lab.brokers.settings import TspAccount, TspBrokerSettings, TspRequest
from sensor.lab.brokers.tunnel import (
    ACCEPT,
    CREATE,
    INFO,
    V6UDPV4,
    V6V4,
    Agreement,
    End,
    Tunnel,
    parse,
)
from sensor.lab.inner.refusal import Refused
from sensor.wire.addresses import is_global6, is_global_unicast

MIN_KEEPALIVE, MAX_KEEPALIVE = 10, 60  # seconds

NO_CAPABILITY = "no-capability"
REFUSED_BY_BROKER = "refused-by-broker"
BAD_OFFER = "bad-offer"

_VERSION = b"VERSION=2.0.0\r\n"
_VERSIONS = b"VERSION=2.0."
_ANONYMOUS = b"AUTHENTICATE ANONYMOUS"
_PLAIN = b"AUTHENTICATE PLAIN"
_LINE = b"\r\n"

# RFC 5572 section 5
_FAILED = b"300 Authentication failed\r\n"
_NONE_LEFT = b"301 No more tunnels available\r\n"
_BAD_VERSION = b"302 Unsupported client version\r\n"
_BAD_TYPE = b"303 Unsupported tunnel type\r\n"
_BAD_REQUEST = b"500 Invalid request format or specified length\r\n"
_BAD_ADDRESS = b"501 Invalid IPv4 address\r\n"

Step = Callable[[Message], bytes]


class ClientDialogue:
    """The client's side; ``agreed`` is the tunnel once the broker has offered what was asked."""

    def __init__(self, request: TspRequest) -> None:
        self.agreed: Agreement | None = None
        self._request = request
        self._messages = Messages()
        self._step: Step = self._choose

    def start(self) -> bytes:
        """The client speaks first."""
        return _VERSION

    def receive(self, text: bytes) -> bytes:
        """What to say to that; Refused if the broker refuses, or makes no sense."""
        return b"".join(self._step(message) for message in self._messages.feed(text))

    def _choose(self, message: Message) -> bytes:
        verb, *words = message.line.upper().split() or [b""]
        request = self._request
        method = b"PLAIN" if request.name else b"ANONYMOUS"
        wanted = {b"TUNNEL=" + request.tunnel.upper().encode(), b"AUTH=" + method}
        if verb != b"CAPABILITY" or not wanted <= set(words):
            raise Refused(NO_CAPABILITY)
        self._step = self._create
        if not request.name:
            return _ANONYMOUS + _LINE
        secret = f"\0{request.name}\0{request.password}".encode()
        return _PLAIN + _LINE + secret + _LINE

    def _create(self, message: Message) -> bytes:
        _check_success(message)
        self._step = self._accept
        request = self._request
        udp = request.tunnel == V6UDPV4
        wanted = Tunnel(
            CREATE,
            request.tunnel,
            client=End(ip=request.ip),
            keepalive=request.keepalive if udp else None,
        )
        return with_length(wanted.build())

    def _accept(self, message: Message) -> bytes:
        _check_success(message)
        self.agreed = self._checked(parse(message.document))
        self._step = self._rest
        return with_length(Tunnel(ACCEPT).build())

    def _checked(self, offer: Tunnel) -> Agreement:
        """Refused unless the offer is such a tunnel as was asked for."""
        server, client = offer.server, offer.client
        if server.ip is None or not is_global_unicast(server.ip):
            raise Refused(BAD_OFFER)
        if not _is_global(server.address) or not _is_global(client.address):
            raise Refused(BAD_OFFER)
        if (offer.action, offer.type) != (INFO, self._request.tunnel):
            raise Refused(BAD_OFFER)
        if offer.type == V6V4 and client.ip != self._request.ip:
            raise Refused(BAD_OFFER)
        keepalive = self._checked_keepalive(offer) if offer.type == V6UDPV4 else 0
        ip = client.ip or self._request.ip
        return Agreement(offer.type, client.address, ip, server.address, server.ip, keepalive)

    def _checked_keepalive(self, offer: Tunnel) -> int:
        keepalive = offer.keepalive or self._request.keepalive
        if not MIN_KEEPALIVE <= keepalive <= MAX_KEEPALIVE:
            raise Refused(BAD_OFFER)
        return keepalive

    def _rest(self, message: Message) -> bytes:
        """Nothing is left to say."""
        return b""


class BrokerDialogue:
    """The broker's side towards a client at the IPv4 address ``ip``, for tunnels of ``types``.

    ``agreed`` is the tunnel once the client has accepted it.
    """

    def __init__(
        self, settings: TspBrokerSettings, pool: Pool, ip: bytes, types: tuple[str, ...]
    ) -> None:
        self.agreed: Agreement | None = None
        self._settings = settings
        self._pool = pool
        self._ip = ip
        self._types = types
        self._messages = Messages()
        self._account: TspAccount | None = None
        self._offered: Agreement | None = None
        self._step: Step = self._greet

    def receive(self, text: bytes) -> bytes:
        """What to say to that; Refused if it can be no message."""
        return b"".join(self._step(message) for message in self._messages.feed(text))

    def receive_one(self, text: bytes) -> bytes:
        """What to say to a datagram: one answer, to the first message that has one.

        The rest of it waits to be forgotten. Refused if it can be no message.
        """
        for message in self._messages.feed(text):
            reply = self._step(message)
            if reply or self._step == self._refuse:
                return reply
        return b""

    def forget(self) -> bool:
        """Whether something was left, of which the rest will not come."""
        return self._messages.forget()

    def end(self) -> None:
        """The client is gone, with it its claim to an address."""
        self._step = self._refuse
        if self._offered is not None:
            self._pool.give_back(self._offered.address)
        self._offered = self.agreed = None

    def _greet(self, message: Message) -> bytes:
        if not message.line.startswith(_VERSIONS):
            return self._fail(_BAD_VERSION)
        self._step = self._authenticate
        tunnels = [b"TUNNEL=" + name.upper().encode() for name in self._types]
        anonymous = [b"AUTH=ANONYMOUS"] if self._settings.pool else []
        plain = [b"AUTH=PLAIN"] if self._settings.accounts else []
        return b" ".join([b"CAPABILITY", *tunnels, *anonymous, *plain]) + _LINE

    def _authenticate(self, message: Message) -> bytes:
        if message.line == _PLAIN:
            self._step = self._identify
            return b""
        if message.line != _ANONYMOUS or not self._settings.pool:
            return self._fail(_FAILED)
        self._step = self._offer
        return SUCCESS

    def _identify(self, message: Message) -> bytes:
        """The words of SASL's PLAIN (RFC 4616 section 2), whose first may be left out."""
        words = message.line.split(b"\0")
        name, password = words[1:] if len(words) == 3 else (b"", b"")
        for account in self._settings.accounts:
            known = hmac.compare_digest(account.password.encode(), password)
            if account.name.encode() == name and known:
                self._account = account
                self._step = self._offer
                return SUCCESS
        return self._fail(_FAILED)

    def _offer(self, message: Message) -> bytes:
        try:
            wanted = parse(message.document)
        except Refused:
            return self._fail(_BAD_REQUEST)
        if wanted.action != CREATE:
            return self._fail(_BAD_REQUEST)
        if wanted.type not in self._types:
            return self._fail(_BAD_TYPE)
        if wanted.type == V6V4 and wanted.client.ip != self._ip:
            return self._fail(_BAD_ADDRESS)
        address = self._pool.take(self._account)
        if address is None:
            return self._fail(_NONE_LEFT)
        self._offered = self._agreement(wanted, address)
        self._step = self._conclude
        return with_length(SUCCESS + self._offered.offer(self._settings.lifetime).build())

    def _agreement(self, wanted: Tunnel, address: bytes) -> Agreement:
        """The tunnel for a request; a keep-alive interval that makes no sense becomes one."""
        settings = self._settings
        asked = MIN_KEEPALIVE if wanted.keepalive is None else wanted.keepalive
        keepalive = min(max(asked, MIN_KEEPALIVE), MAX_KEEPALIVE) if wanted.type == V6UDPV4 else 0
        return Agreement(wanted.type, address, self._ip, settings.own, settings.local.ip, keepalive)

    def _conclude(self, message: Message) -> bytes:
        try:
            accepted = parse(message.document).action == ACCEPT
        except Refused:
            accepted = False
        if not accepted:
            return self._fail(_BAD_REQUEST)
        self.agreed = self._offered
        self._step = self._refuse
        return b""

    def _fail(self, status: bytes) -> bytes:
        self.end()
        return status

    def _refuse(self, message: Message) -> bytes:
        """There is no more to be said."""
        return b""


def _check_success(message: Message) -> None:
    if message.line[:3] != SUCCESS[:3]:
        raise Refused(REFUSED_BY_BROKER)


def _is_global(address: bytes | None) -> TypeGuard[bytes]:
    return address is not None and is_global6(address)
