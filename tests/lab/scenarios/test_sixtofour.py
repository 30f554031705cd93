"""Stories of 6to4 come out as they say."""

from __future__ import annotations

from sensor.schema.words import Kind
from sensor.wire.addresses import SIXTOFOUR_ANYCAST, text
from tests.lab.scenarios.linked import embedded, ends, kinds, senders
from tests.lab.scenarios.stories import answers, services, told

ANYCAST = text(SIXTOFOUR_ANYCAST)
SITE, OTHER = "198.18.1.20", "198.18.1.21"


def test_two_sites_need_no_relay() -> None:
    _, truth = told("sixtofour-peers")
    bob = "192.0.2.130"
    assert sorted(map(sorted, ends("sixtofour-peers", "outside"))) == [
        [bob, SITE],
        [bob, OTHER],
    ]
    found = embedded("sixtofour-peers", "outside", Kind.SIXTOFOUR)
    assert set(found.values()) == {bob, SITE, OTHER}
    watched = {(each.tunnel, each.port) for each in truth.exposures if each.watched}
    assert watched == {("router", 80), ("alice", 22)}
    assert services(truth)["bob", 443] == "answered"


def test_the_relay_answers_from_its_anycast_address() -> None:
    _, truth = told("sixtofour-relay")
    assert ends("sixtofour-relay", "outside") == [{SITE, ANYCAST}]
    assert services(truth) == {("router", 80): "answered", ("router", 9_100): "refused"}
    assert answers(truth)[0] == ("printer", "remote", True)


def test_a_relay_may_have_an_address_of_its_own() -> None:
    _, truth = told("sixtofour-unicast-relay")
    assert ends("sixtofour-unicast-relay", "outside") == [{SITE, "192.0.2.130"}]
    assert [whole for _, _, whole in answers(truth)] == [True, True]


def test_a_router_refuses_what_it_can_judge_and_no_more() -> None:
    """Of five forged packets the printer answers two: those that seem to come by a relay."""
    _, truth = told("sixtofour-spoof")
    assert senders("sixtofour-spoof", "inside") == {"spoofer": 5, "router": 2, "relay": 1}
    assert kinds("sixtofour-spoof", "inside") == {"6to4": 7, "6in4": 1}
    assert services(truth) == {("router", 80): "answered"}
    (opened,) = truth.exposures[0].openings
    assert (opened.by, truth.tries) == ("victim", ()), "who never asked for anything"


def test_forged_sources_embed_whom_the_stranger_named() -> None:
    found = embedded("sixtofour-spoof", "outside", Kind.SIXTOFOUR)
    assert {"198.51.100.77", "192.168.1.1"} < set(found.values())
