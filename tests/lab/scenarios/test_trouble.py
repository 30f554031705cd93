"""What breaks in the stories of trouble, and what is whole again."""

from __future__ import annotations

from tests.lab.scenarios.stories import answers, services, told, tunnel


def words(name: str) -> list[str]:
    """What the client said of itself, in order."""
    world, _ = told(name)
    wanted = ("qualified", "off-line", "mapping-changed", "stopped")
    return [event.what for _, event in world.clients[0].node.events if event.what in wanted]


def test_who_loses_its_server_qualifies_again() -> None:
    _, truth = told("server-lost")
    assert words("server-lost") == ["qualified", "off-line", "qualified"]
    assert len(tunnel(truth).mappings) == 1, "the NAT held it meanwhile"
    assert answers(truth) == [("remote", "alice", True)]


def test_a_connection_dies_with_its_mapping_and_the_next_one_lives() -> None:
    _, truth = told("rebound")
    assert words("rebound") == ["qualified", "mapping-changed"]
    assert [tried.answered for tried in truth.tries] == [True, True]
    assert answers(truth) == [("remote", "alice", False), ("remote", "alice", True)]
    assert len({exposure.address for exposure in truth.exposures}) == 2


def test_a_mapping_may_end_before_it_is_refreshed() -> None:
    _, truth = told("short-lived")
    alice = tunnel(truth)
    assert words("short-lived") == ["qualified", "mapping-changed", "mapping-changed"]
    assert [mapping.until is None for mapping in alice.mappings] == [False, False, True]
    assert answers(truth) == [("remote", "alice", True)]


def test_a_bad_line_is_bad_and_yet_the_page_arrives() -> None:
    world, truth = told("bad-line")
    assert world.internet.drops["lost"] > 0
    assert answers(truth) == [("remote", "alice", True)]


def test_who_is_gone_refuses_by_icmp() -> None:
    _, truth = told("gone")
    assert words("gone") == ["qualified", "stopped"]
    assert services(truth) == {("alice", 80): "answered"}
    assert answers(truth) == [("remote", "alice", False)]
    assert any(frame.quoted for frame in truth.captures["outside"].labelled)
