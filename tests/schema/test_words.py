"""Texts that users and other programs rely on."""

from __future__ import annotations

import pytest

from sensor.schema.words import (
    SEVERITIES,
    Anomaly,
    End,
    Evidence,
    ExposureState,
    Kind,
    Layer,
    NatType,
    Reason,
    TeredoPacket,
    Vantage,
    kind_texts,
)


def test_kinds_have_the_documented_texts() -> None:
    own = [kind for kind in Kind if kind not in (Kind.NONE, Kind.IP6_IN_IP6)]
    assert [kind.text for kind in own] == [
        *("teredo", "6in4", "6to4", "isatap", "6rd", "6over4", "ipv4-compatible"),
        *("gre6", "ayiya", "tsp", "l2tp6", "6a44", "6bed4", "ip6-in-udp", "v6udpv4"),
    ]


def test_a_mask_of_kinds_is_told_sorted_and_without_carriers() -> None:
    mask = 1 << Kind.TEREDO | 1 << Kind.SIXTOFOUR | 1 << Kind.IP6_IN_IP6 | 1 << Kind.NONE
    assert kind_texts(mask) == ["6to4", "teredo"]


@pytest.mark.parametrize("bits", [Anomaly, Evidence])
def test_each_bit_has_one_word(bits: type[Anomaly] | type[Evidence]) -> None:
    words = [word for bit in bits for word in bit.words]
    assert len(set(words)) == len(words) == len(bits)
    assert all(word == word.lower() and "_" not in word for word in words)
    assert max(bits) < 1 << 32  # the row's field


def test_every_reason_says_what_it_means() -> None:
    assert all(reason.sentence for reason in Reason)
    assert len({reason.text for reason in Reason}) == len(Reason)
    assert {reason for reason in Reason if reason.unreadable} == {
        *(Reason.TRUNCATED_LINK, Reason.TRUNCATED_NETWORK, Reason.TRUNCATED_PAYLOAD),
        *(Reason.BAD_IPV4, Reason.BAD_IPV6, Reason.BAD_UDP, Reason.UNKNOWN_LINK_TYPE),
    }


def test_states_grow_stronger_and_have_a_severity() -> None:
    assert [state.text for state in sorted(ExposureState)] == [
        *("reply-unseen", "attempted", "refused", "answered")
    ]
    assert all(state.severity in SEVERITIES for state in ExposureState)


def test_other_words() -> None:
    assert NatType.NOT_SYMMETRIC.text == "not-symmetric"
    assert TeredoPacket.CONNECTIVITY_TEST.text == "connectivity-test"
    assert (Layer.SLL2.text, Vantage.BOTH.text) == ("sll2", "both")
    assert [end.other for end in End] == [End.UNKNOWN, End.DESTINATION, End.SOURCE]
