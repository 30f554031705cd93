"""The connectivity test of a native peer: an echo request with a nonce (RFC 4380 section 5.2.9).

The whole ICMPv6 body is the nonce: Windows has it in identifier and sequence, others in the data.
"""

from __future__ import annotations

import hmac

from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.style import Trial
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv6, ipv6

_OWN_DATA = 16  # octets
_KEY = 16


class Trials:
    """Tests peers through the client's server, and knows their answers."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._process = link.rng.getrandbits(16)  # of Miredo's form, as its key
        self._key = link.rng.randbytes(_KEY)

    def send(self, contact: Contact, now: float) -> None:
        """Ask a peer, with a nonce of its own for each request."""
        link = self._link
        if link.address is None:
            return
        echo = self._echo(link.address, contact, now)
        message = icmpv6.build_echo_request(link.address, contact.address, echo)
        contact.trials += (message[4:],)
        packet = ipv6.build(
            link.address,
            contact.address,
            icmpv6.PROTOCOL,
            message,
            hop_limit=link.style.trial_hop_limit,
        )
        link.send(packet, link.server, TeredoPacket.CONNECTIVITY_TEST)

    def _echo(self, source: bytes, contact: Contact, now: float) -> icmpv6.Echo:
        rng, form = self._link.rng, self._link.style.trial
        if form is Trial.MIREDO:
            seconds = int(now) & 0xFFFFFFFF
            keyed = seconds.to_bytes(4) + source + contact.address
            data = (seconds >> 16).to_bytes(2) + hmac.digest(self._key, keyed, "md5")
            return icmpv6.Echo(self._process, seconds & 0xFFFF, data)
        data = contact.mapped.ip if form is Trial.WINDOWS else rng.randbytes(_OWN_DATA)
        return icmpv6.Echo(rng.getrandbits(16), rng.getrandbits(16), data)

    def answered(self, contact: Contact, message: icmpv6.Message | None) -> bool:
        """Whether a message is the reply to a request under way, which it then ends.

        It may be to an earlier one: some hosts are further away than the time between two.
        """
        if message is None or message.type != icmpv6.ECHO_REPLY:
            return False
        if not any(hmac.compare_digest(message.body, body) for body in contact.trials):
            return False
        contact.trials = ()
        return True
