"""The harness itself: it says what went wrong, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from .lab import Lab, wait_until
from .programs import miredo_client, miredo_relay, miredo_server
from .world import World

UNWILLING = "trap '' TERM; setsid sleep 600 & echo helper $!; wait"


def test_a_program_that_ends_too_early_is_told_with_its_log(lab: Lab) -> None:
    program = lab.namespace("alone").start("echo", "echo", "no such thing")
    with pytest.raises(AssertionError, match=r"echo in alone never said 'ready':\nno such thing"):
        program.wait_for("ready")
    assert program.finish() == 0
    assert lab.logs() == "--- echo in alone\nno such thing\n"


def test_a_command_that_fails_is_told_with_what_it_said(lab: Lab) -> None:
    with pytest.raises(AssertionError, match=r"alone: ls /nowhere: exit 2\nls: .*nowhere"):
        lab.namespace("alone").run("ls", "/nowhere")


def test_what_never_happens_is_waited_for_so_long_and_no_longer() -> None:
    with pytest.raises(TimeoutError, match="after 0 s still not: rain"):
        wait_until(lambda: False, "rain", seconds=0)


def test_a_program_that_will_not_end_is_ended_with_its_helpers(lab: Lab) -> None:
    program = lab.namespace("alone").start("unwilling", "sh", "-c", UNWILLING)
    helper = int(program.wait_for(r"helper (\d+)")[1])
    assert Path(f"/proc/{helper}").exists()
    lab.close()
    wait_until(lambda: not Path(f"/proc/{helper}").exists(), "the helper has ended")
    assert not Path(f"/proc/{program.pid}").exists()


def test_two_labs_do_not_meet(lab: Lab) -> None:
    with Lab() as other:
        mine, theirs = lab.namespace("same"), other.namespace("same")
        assert {mine.name, theirs.name} <= Lab.names()
    assert theirs.name not in Lab.names()
    assert mine.name in Lab.names()


@pytest.mark.slow
def test_nothing_of_a_world_stays_behind(lab: Lab, world: World, miredo: None) -> None:
    miredo_server(world)
    miredo_relay(world)
    miredo_client(world)
    names = {namespace.name for namespace in lab.namespaces}
    assert names <= Lab.names()
    lab.close()
    assert names.isdisjoint(Lab.names())
