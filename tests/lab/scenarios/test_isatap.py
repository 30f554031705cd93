"""Stories of ISATAP come out as they say."""

from __future__ import annotations

from sensor.lab.scenarios.injections import echo
from sensor.lab.scenarios.isatap import PREFIX, ROGUE_PREFIX
from sensor.lab.scenarios.run import tell
from sensor.lab.sixinfour.isatap import NO_POTENTIAL_ROUTER, IsatapHost, isatap_address
from sensor.lab.sixinfour.refusal import EMBEDDED_DIFFERS, FORGED_SOURCE
from sensor.schema.words import Kind
from sensor.wire.addresses import packed
from tests.lab.scenarios.linked import embedded, ends, host, kinds, senders
from tests.lab.scenarios.stories import BY_NAME, answers, services, told

NATIVE = packed("2001:db8:77::99")
NO_PREFIX = packed("2001:db8:404:1::")[:8]


def test_no_tunnel_of_a_site_leaves_it_though_its_services_are_reached() -> None:
    _, truth = told("isatap-site")
    assert kinds("isatap-site", "outside") == {}
    assert truth.captures["outside"].frames > 0, "its hosts asked for the router's name"
    assert len(ends("isatap-site", "inside")) == 3, "each host with the router, and with the other"
    assert services(truth) == {
        ("alice", 80): "answered",
        ("bob", 8_080): "answered",
        ("bob", 22): "refused",
    }
    assert [whole for _, _, whole in answers(truth)] == [True, True, True, False]


def test_addresses_of_a_site_embed_its_hosts() -> None:
    found = embedded("isatap-site", "inside", Kind.ISATAP)
    assert found["2001:db8:515a:1:0:5efe:c0a8:117"] == "192.168.1.23"
    assert "192.168.1.20" in found.values(), "of the router, from its link-local address"


def test_a_host_abroad_is_advertised_to_across_the_boundary() -> None:
    _, truth = told("isatap-abroad")
    assert ends("isatap-abroad", "outside") == [{"198.18.1.21", "192.0.2.130"}]
    assert services(truth) == {("alice", 80): "answered", ("alice", 22): "refused"}


def test_a_host_believes_its_router_and_whoever_sends_from_its_address() -> None:
    world, _ = tell(BY_NAME["isatap-spoof"])
    alice = host(world, "alice")
    assert isinstance(alice.node.machine, IsatapHost)
    assert alice.node.machine.drops == {EMBEDDED_DIFFERS: 2, NO_POTENTIAL_ROUTER: 1}
    assert senders("isatap-spoof", "outside") == {"stranger": 4}
    own = packed("198.18.1.21")
    assert alice.address == isatap_address(PREFIX, own), "which she goes on to use"
    rogue = isatap_address(ROGUE_PREFIX, own)
    alice.node.send_ipv6(echo(rogue, NATIVE))
    assert alice.node.machine.drops[FORGED_SOURCE] == 0, "the stranger's prefix is hers too"
    alice.node.send_ipv6(echo(isatap_address(NO_PREFIX, own), NATIVE))
    assert alice.node.machine.drops[FORGED_SOURCE] == 1
