"""What attackers of a client gain in their stories, and what is refused them."""

from __future__ import annotations

from sensor.lab.scenarios.attackers import ATTACKERS_PORT, ROGUE_SITE
from sensor.lab.scenarios.attacks import ATTACKS
from sensor.lab.scenarios.world import OTHER_SERVER, RELAY, SERVER, SERVER_NAME
from sensor.schema.words import TeredoPacket
from sensor.wire import dns, icmpv6, teredo
from sensor.wire.addresses import parse_teredo
from tests.lab.scenarios.stories import answers, payload, sent, told, tunnel


def drops(name: str, number: int = 0) -> dict[str, int]:
    """What a client did not take."""
    return dict(told(name)[0].clients[number].client.drops)


def nonces(name: str, sender: str, packet: TeredoPacket, side: str = "inside") -> list[bytes]:
    """Of the authentication headers that somebody sent."""
    return [
        header.nonce
        for _, octets in sent(name, sender, packet, side)
        for header in teredo.parse(octets).authentications
    ]


def changes(name: str) -> list[int]:
    """The ports of the mappings that a client believed in, in order."""
    return [had.mapped.port for had in tunnel(told(name)[1]).addresses]


def test_each_story_is_short() -> None:
    for scenario in ATTACKS:
        _, truth = told(scenario.name)
        assert all(capture.frames < 500 for capture in truth.captures.values())


# the rogue server


def test_the_resolver_names_the_rogue_server() -> None:
    world, truth = told("rogue-server")
    answer = next(
        octets
        for frame in world.watched.taps["inside"].frames
        if frame.label is None and (octets := payload(frame.octets)) and octets[2] & 0x80
    )
    resolved = dns.parse(answer)
    assert resolved.questions[0].name == SERVER_NAME
    assert OTHER_SERVER in answer
    assert tunnel(truth).servers[0] == OTHER_SERVER
    found = parse_teredo(tunnel(truth).addresses[0].address)
    assert found is not None
    assert found.server == OTHER_SERVER


def test_its_relay_carries_and_reads_all_that_is_said() -> None:
    world, truth = told("rogue-server")
    assert answers(truth) == [("alice", "native", True)] * 2
    (relay,) = {met.end for met in tunnel(truth).relays}
    assert relay.ip != RELAY.ip
    assert relay.port == RELAY.port
    assert truth.captures["outside"].ends("eavesdropper") == (relay,)
    (native,) = world.remotes
    assert {opening.talk.remote.ip[:6] for opening in native.stack.log} == {ROGUE_SITE[:6]}


# forged advertisements


def test_no_forged_advertisement_is_taken() -> None:
    _, truth = told("forged-advertisements")
    assert drops("forged-advertisements") == {
        "unsolicited-advertisement": 8,
        "advertisement-source": 4,
        "no-authentication": 2,
        "nonce": 2,
    }
    assert len(sent("forged-advertisements", "mallory", TeredoPacket.ROUTER_ADVERTISEMENT)) == 16
    assert len(tunnel(truth).addresses) == 1
    assert tunnel(truth).state == "qualified"


def test_forgeries_come_from_the_server_and_the_stranger_and_lie_about_all() -> None:
    forged = sent("forged-advertisements", "mallory", TeredoPacket.ROUTER_ADVERTISEMENT)
    assert len({frame.end for frame, _ in forged}) == 2
    prefixes = set()
    for _, octets in forged:
        parsed = teredo.parse(octets)
        body = octets[parsed.ipv6_offset + 44 :]
        (prefix,) = icmpv6.parse_router_advertisement(body).prefixes
        prefixes.add(prefix.prefix[4:8])
        assert parsed.origins[0].port == ATTACKERS_PORT
    assert prefixes == {SERVER, OTHER_SERVER}


def test_who_sends_no_nonce_takes_one_and_cannot_be_reached_until_it_asks_again() -> None:
    _, truth = told("advertisement-taken")
    first, lie, again = changes("advertisement-taken")
    assert lie == ATTACKERS_PORT
    assert first == again
    assert answers(truth) == [("remote", "alice", True), ("remote", "alice", False)]
    assert nonces("advertisement-taken", "alice", TeredoPacket.ROUTER_SOLICITATION) == []


# forged origins


def test_a_client_knocks_at_every_end_that_is_somebody_elses() -> None:
    world, truth = told("forged-origin")
    alice = tunnel(truth)
    knocked = [
        frame.destination
        for frame, _ in sent("forged-origin", "alice", TeredoPacket.BUBBLE, "outside")
    ]
    assert len(knocked) == 5
    assert len({end.ip for end in knocked if end}) == 1
    assert drops("forged-origin") == {"unreachable-origin": 2}
    refusals = [frame for frame in truth.captures["inside"].labelled if frame.quoted]
    assert {frame.sender for frame in refusals} == {"victim"}
    assert len(refusals) == 5
    assert (alice.relays, alice.peers) == ((), ())
    assert world.relay.node.events == []


# nonces


def test_clones_ask_with_the_same_nonces() -> None:
    asked = {
        name: nonces("shared-nonce", name, TeredoPacket.ROUTER_SOLICITATION)
        for name in ("alice", "bob")
    }
    assert asked["alice"][:2] == asked["bob"][:2]
    assert asked["alice"][0] != asked["alice"][1]


def test_a_replayed_answer_is_refused_for_its_nonce() -> None:
    first = nonces("shared-nonce", "server", TeredoPacket.ROUTER_ADVERTISEMENT)[0]
    assert nonces("shared-nonce", "mallory", TeredoPacket.ROUTER_ADVERTISEMENT) == [first]
    assert drops("shared-nonce", 0) == {"nonce": 1}
    assert [each.state for each in told("shared-nonce")[1].tunnels] == ["qualified"] * 2


def test_where_the_nonce_never_changes_the_replay_is_believed() -> None:
    old, new, replayed, right = changes("stuck-nonce")
    assert old == replayed != new == right
    asked = nonces("stuck-nonce", "alice", TeredoPacket.ROUTER_SOLICITATION)
    assert len(asked) > 4
    assert len(set(asked)) == 1
