"""A message goes in pieces and comes together again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.deviants.channels import BubbleBodies, FlowLabels, NonceTrailers, Trailers
from sensor.lab.deviants.covert import HEARD_KEPT, NOT_KEPT, Hearer, Teller
from sensor.schema.words import TeredoPacket
from tests.lab.deviants.carried import BUBBLE, DATA, arriving, leaving
from tests.lab.teredo.hostile import hostile


def carried(teller: Teller, hearer: Hearer) -> None:
    """Bubbles from one to the other until all is said."""
    while not teller.done:
        sent = teller.leaving(leaving(BUBBLE, TeredoPacket.BUBBLE))
        hearer.arriving(arriving(sent.payload))


@given(st.binary(max_size=300))
def test_any_message_arrives_whole(message: bytes) -> None:
    teller, hearer = Teller(NonceTrailers()), Hearer(NonceTrailers())
    teller.say(message)
    hearer.listen()
    carried(teller, hearer)
    assert hearer.message == message


def test_who_does_not_listen_hears_nothing() -> None:
    teller, hearer = Teller(Trailers()), Hearer(Trailers())
    teller.say(b"a message")
    carried(teller, hearer)
    assert hearer.message is None


def test_a_message_is_none_until_all_of_it_came() -> None:
    teller, hearer = Teller(NonceTrailers()), Hearer(NonceTrailers())
    teller.say(b"more than one piece")
    hearer.listen()
    sent = teller.leaving(leaving(BUBBLE, TeredoPacket.BUBBLE))
    hearer.arriving(arriving(sent.payload))
    assert hearer.message is None
    carried(teller, hearer)
    assert hearer.message == b"more than one piece"


def test_packets_of_other_kinds_are_left_alone() -> None:
    teller = Teller(FlowLabels())
    teller.say(b"a message")
    bubble = leaving(BUBBLE, TeredoPacket.BUBBLE)
    assert teller.leaving(bubble) == bubble
    assert teller.leaving(leaving(DATA)).payload != DATA


def test_who_has_nothing_to_say_changes_nothing() -> None:
    assert Teller(FlowLabels()).leaving(leaving(DATA)) == leaving(DATA)


def test_a_bubble_with_a_body_is_called_data() -> None:
    teller = Teller(BubbleBodies())
    teller.say(b"a message")
    assert teller.leaving(leaving(BUBBLE, TeredoPacket.BUBBLE)).packet is TeredoPacket.DATA


def test_the_endpoint_behind_gets_what_is_honest() -> None:
    teller, hearer = Teller(BubbleBodies()), Hearer(BubbleBodies())
    teller.say(b"a message")
    sent = teller.leaving(leaving(BUBBLE, TeredoPacket.BUBBLE))
    assert hearer.arriving(arriving(sent.payload)).payload == BUBBLE


def test_only_so_much_is_kept_of_what_is_heard() -> None:
    hearer, channel = Hearer(BubbleBodies()), BubbleBodies()
    hearer.listen()
    piece = b"\xff" * channel.room
    for _ in range(HEARD_KEPT // channel.room + 2):
        hearer.arriving(arriving(channel.hide(BUBBLE, piece)))
    assert hearer.drops == {NOT_KEPT: 2}
    assert hearer.message is None


@given(hostile)
def test_hostile_payloads_do_no_harm(payload: bytes) -> None:
    hearer = Hearer(BubbleBodies())
    hearer.listen()
    assert len(hearer.arriving(arriving(payload)).payload) <= len(payload)
    assert Teller(BubbleBodies()).arriving(arriving(payload)) == arriving(payload)
