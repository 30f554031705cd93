"""AYIYA over UDP: clients and broker as SixXS ran them (draft-massar-v6ops-ayiya)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import IPv6Network
from typing import TYPE_CHECKING, NamedTuple

from sensor.lab.brokers.seal import ahead, check_method, check_seal, seal
from sensor.lab.brokers.settings import AyiyaAccount, AyiyaBrokerSettings, AyiyaClientSettings
from sensor.lab.framing.endpoint import Responder, Timed
from sensor.lab.framing.refusal import NOT_CONNECTED, NOT_IPV6, NOT_THE_SERVER, NOT_THEIRS
from sensor.lab.inner.packets import inner_packet
from sensor.lab.inner.refusal import NOT_SERVED, Refused
from sensor.lab.teredo.link import end_text
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import ayiya
from sensor.wire.addresses import text
from sensor.wire.cursor import Cursor
from sensor.wire.ipv6 import NO_NEXT_HEADER
from sensor.wire.sixinfour import PROTOCOL as IPV6

if TYPE_CHECKING:
    from random import Random

UNKNOWN_IDENTITY = "unknown-identity"
UNKNOWN_OPCODE = "unknown-opcode"
REPLAYED = "replayed"  # signed once, and not newer than what is known

_ECHOES = (ayiya.ECHO, ayiya.ECHO_FORWARD)
_FORWARDS = (ayiya.FORWARD, ayiya.ECHO_FORWARD)
_SILENT = (ayiya.NOOP, ayiya.ECHO_REPLY)


class AyiyaClient(Timed):
    """Its heartbeat asks for an echo until the broker has answered, and is a no-op then."""

    def __init__(self, settings: AyiyaClientSettings, rng: Random) -> None:
        super().__init__(settings.local, Kind.AYIYA, settings.mtu)
        self._settings = settings
        self._answered = False

    @property
    def address(self) -> bytes | None:
        return self._settings.identity

    def start(self, now: float) -> None:
        self._ring(now)

    def _ring(self, now: float) -> None:
        opcode = ayiya.NOOP if self._answered else ayiya.ECHO
        self._say(now, opcode, NO_NEXT_HEADER, b"")
        self._due = now + self._settings.heartbeat

    def _carry(self, packet: bytes, now: float) -> None:
        self._say(now, ayiya.FORWARD, IPV6, packet)

    def _say(self, now: float, opcode: int, next_header: int, body: bytes) -> None:
        settings = self._settings
        time = settings.epoch + now
        payload = seal(settings.identity, settings.secret, opcode, next_header, body, time)
        self._send(payload, settings.broker)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        settings = self._settings
        if source != settings.broker:
            raise Refused(NOT_THE_SERVER)
        header, body = _read(payload)
        if header.identity != settings.broker_identity:
            raise Refused(UNKNOWN_IDENTITY)
        check_seal(header, body, settings.secret, settings.epoch + now)
        if not self._answered:
            self._answered = True
            words = f"{text(settings.identity)} connected to {end_text(source)}"
            self._tell("connected", words, settings.identity, source)
        packet = _act(header, body, partial(self._say, now))
        if packet is not None:
            self._deliver(packet)


class _Place(NamedTuple):
    """Where a client is, and the newest epoch it signed."""

    end: Endpoint
    epoch: int


class AyiyaBroker(Responder):
    """Each client is where its newest signed packet came from, so that it may roam."""

    def __init__(self, settings: AyiyaBrokerSettings, rng: Random) -> None:
        super().__init__(settings.local, Kind.AYIYA, settings.mtu, settings.own)
        self._settings = settings
        self._accounts = {account.identity: account for account in settings.accounts}
        self._networks = [
            (IPv6Network(network, strict=False), account)
            for account in settings.accounts
            for network in account.networks
        ]
        self._places: dict[bytes, _Place] = {}  # by identity, so no more than accounts

    def _carry(self, packet: bytes, now: float) -> None:
        account = self._account(packet[24:40])
        if account is None:
            raise Refused(NOT_SERVED)
        if account.identity not in self._places:
            raise Refused(NOT_CONNECTED)
        self._say(account, now, ayiya.FORWARD, IPV6, packet)

    def _account(self, address: bytes) -> AyiyaAccount | None:
        """Whom an IPv6 address is routed to."""
        found = self._accounts.get(address)
        if found is not None:
            return found
        value = int.from_bytes(address)
        for network, account in self._networks:
            if value & int(network.netmask) == int(network.network_address):
                return account
        return None

    def _say(
        self, account: AyiyaAccount, now: float, opcode: int, next_header: int, body: bytes
    ) -> None:
        time = self._settings.epoch + now
        payload = seal(account.broker_identity, account.secret, opcode, next_header, body, time)
        self._send(payload, self._places[account.identity].end)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        header, body = _read(payload)
        account = self._accounts.get(header.identity)
        if account is None:
            raise Refused(UNKNOWN_IDENTITY)
        check_seal(header, body, account.secret, self._settings.epoch + now)
        self._meet(account, source, header.epoch)
        packet = _act(header, body, partial(self._say, account, now))
        if packet is None:
            return
        if self._account(packet[8:24]) is not account:
            raise Refused(NOT_THEIRS)
        self._deliver(packet)

    def _meet(self, account: AyiyaAccount, source: Endpoint, epoch: int) -> None:
        """Who replays a packet must neither move its client nor be served in its name.

        Epochs are in whole seconds, so that from where a client is many have the same.
        """
        known = self._places.get(account.identity)
        stays = known is not None and known.end == source
        if known is not None and ahead(epoch, known.epoch) < (0 if stays else 1):
            raise Refused(REPLAYED)
        self._places[account.identity] = _Place(source, epoch)
        if stays:
            return
        words = f"{text(account.identity)} is at {end_text(source)}"
        self._tell("client-connected", words, account.identity, source)


def _read(payload: bytes) -> tuple[ayiya.Header, bytes]:
    """A packet's header and what follows it; Refused, or DecodeError, if it is none of ours."""
    cursor = Cursor(payload)
    header = ayiya.parse(cursor)
    check_method(header)
    return header, cursor.rest()


def _act(header: ayiya.Header, body: bytes, say: Callable[[int, int, bytes], None]) -> bytes | None:
    """Answer an echo request; the IPv6 packet that is to be forwarded, if there is one."""
    if header.opcode in _ECHOES:
        say(ayiya.ECHO_REPLY, header.next_header, body)
    if header.opcode in _FORWARDS:
        if header.next_header != IPV6:
            raise Refused(NOT_IPV6)
        return inner_packet(body)
    if header.opcode not in (*_SILENT, *_ECHOES):
        raise Refused(UNKNOWN_OPCODE)
    return None
