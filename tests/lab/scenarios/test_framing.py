"""Stories of L2TP, 6a44 and 6bed4 come out as they say."""

from __future__ import annotations

import pytest

from sensor.lab.scenarios.framing import SIXA44, SIXBED4, SOFTWIRES
from sensor.wire.addresses import packed, parse_sixa44, parse_sixbed4
from tests.lab.scenarios.linked import ends, host, kinds
from tests.lab.scenarios.stories import services, told

PUBLIC = packed("203.0.113.7")
NAMES = {"l2tp": "l2tp6", "sixa44": "6a44", "sixbed4": "6bed4"}


@pytest.mark.parametrize("name", NAMES)
def test_a_host_behind_a_nat_is_read_through_it(name: str) -> None:
    _, truth = told(name)
    assert services(truth) == {("alice", 80): "answered", ("alice", 22): "refused"}
    assert [tried.whole for tried in truth.tries] == [True, True, False, True]
    assert set(kinds(name, "inside")) == set(kinds(name, "outside")) == {NAMES[name]}
    assert len(ends(name, "outside")) == 1


def test_its_address_is_of_the_provider() -> None:
    prefixes = {"l2tp": SOFTWIRES[:8], "sixa44": SIXA44[:6], "sixbed4": SIXBED4[:8]}
    for name, prefix in prefixes.items():
        assert host(told(name)[0], "alice").address.startswith(prefix)


def test_addresses_tell_the_mapping_in_clear() -> None:
    leaks = {"sixa44": parse_sixa44, "sixbed4": parse_sixbed4}
    for name, parse in leaks.items():
        world, truth = told(name)
        (link,) = truth.captures["outside"].links
        found = parse(host(world, "alice").address)
        assert (found.ip, (found.ip, found.port)) == (PUBLIC, link.client)


def test_control_messages_and_empty_datagrams_are_of_no_tunnel() -> None:
    for name in ("l2tp", "sixbed4"):
        _, truth = told(name)
        inside = truth.captures["inside"]
        assert inside.frames - len(inside.labelled) > 15
