"""Captures in, changes out: order, memory, selection and the ledger of a whole observation."""

from __future__ import annotations

import gc
import os
import threading
import time
import tracemalloc
import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sensor import pipeline
from sensor.capture.batch import FrameBatch
from sensor.capture.files import CaptureFile
from sensor.capture.selection import Selection
from sensor.capture.writer import PcapWriter
from sensor.data import resource
from sensor.decode.decoded import Run
from sensor.decode.settings import DecodeSettings, FragmentLimits
from sensor.emit.identity import event_id
from sensor.pipeline import Ledger, Replay, Source
from sensor.schema.records import Change, ExposureRecord, Scope, SensorRecord, TunnelRecord
from sensor.schema.rows import pack
from sensor.schema.words import ExposureState, Kind, Reason, Vantage
from sensor.track.scalar import Table
from sensor.track.settings import TrackSettings
from tests import build
from tests.captures import demo
from tests.fragments import ipv4_fragments, spans
from tests.track import rows as made_rows

FRAMES = demo.frames()
DAY = 86_400_000_000_000
TINY = 256  # octets: a batch holds a frame or two
USER_LINK_TYPE = 147
EVERYTHING = Selection()

Timed = Sequence[tuple[int, bytes]]


def capture(path: Path, frames: Timed, linktype: int = 1) -> str:
    with path.open("wb") as stream:
        writer = PcapWriter(stream, linktype)
        for time, frame in frames:
            writer.write(frame, time)
    return str(path)


def replay(*paths: str, selection: Selection = EVERYTHING) -> Replay:
    sources = [Source(path) for path in paths]
    return Replay(sources, DecodeSettings(), TrackSettings(), selection)


def outcome(*paths: str, selection: Selection = EVERYTHING) -> tuple[list[str], SensorRecord]:
    """Identities of all changes, which no path goes into, and the ledger."""
    changes = list(replay(*paths, selection=selection).changes())
    ledger = changes[-1].record
    assert isinstance(ledger, SensorRecord)
    return [event_id(change, "test") for change in changes], ledger


def exposures(changes: Sequence[Change]) -> dict[int, ExposureRecord]:
    found = [change.record for change in changes if isinstance(change.record, ExposureRecord)]
    return {record.port: record for record in found}


@pytest.fixture
def whole() -> list[str]:
    return outcome(str(demo.PATH))[0]


@pytest.fixture
def tiny_arenas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "CaptureFile", partial(CaptureFile, arena_size=TINY))


# the ledger


def test_every_frame_is_counted_once() -> None:
    _, ledger = outcome(str(demo.PATH))
    assert (ledger.read, ledger.tunnelled, ledger.copies) == (49, 36, 0)
    assert (ledger.other, ledger.unreadable) == (13, 0)
    assert ledger.kinds == {"teredo": 23, "6in4": 13}
    assert ledger.reasons == {"not-ip": 2, "tcp": 9, "udp": 1, "udp-short": 1}
    assert (ledger.first_time, ledger.last_time) == (FRAMES[0][0], FRAMES[-1][0])


def test_the_ledger_tells_unreadable_from_other() -> None:
    ledger = Ledger()
    ledger.reasons.update({Reason.TUNNELLED: 5, Reason.COPY: 2, Reason.STUN: 3, Reason.BAD_UDP: 4})
    table = Table(TrackSettings())
    table.limits_hit["peers"] = 1
    record = ledger.record(table, 0.5, Scope(Vantage.UNKNOWN, False, False))
    assert record.read == 14
    assert (record.tunnelled, record.copies, record.other, record.unreadable) == (5, 2, 3, 4)
    assert record.reasons == {"stun": 3, "bad-udp": 4}
    assert record.frames_per_second == 28


def test_copies_are_counted_apart(tmp_path: Path) -> None:
    doubled = [(time + late, frame) for time, frame in FRAMES for late in (0, 1_000)]
    _, ledger = outcome(capture(tmp_path / "doubled.pcap", doubled))
    assert (ledger.read, ledger.tunnelled, ledger.copies, ledger.other) == (98, 36, 36, 26)
    assert ledger.kinds == {"teredo": 23, "6in4": 13}


# several captures


@pytest.mark.usefixtures("tiny_arenas")
@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_overlapping_captures_are_merged_by_time(
    parts: int, tmp_path: Path, whole: list[str]
) -> None:
    paths = [capture(tmp_path / f"{i}.pcap", FRAMES[i::parts]) for i in range(parts)]
    assert outcome(*paths)[0] == whole
    assert outcome(*reversed(paths))[0] == whole


@pytest.mark.parametrize("cut", [5, 22, 23, 24, 33, 48])
def test_rotated_captures_continue_each_other(cut: int, tmp_path: Path, whole: list[str]) -> None:
    paths = [
        capture(tmp_path / "b.pcap", FRAMES[:cut]),
        capture(tmp_path / "a.pcap", FRAMES[cut:]),
    ]
    assert outcome(*paths)[0] == whole
    assert outcome(*reversed(paths))[0] == whole


def test_a_handshake_over_two_files_is_one_exposure_with_proof_in_both(tmp_path: Path) -> None:
    first = capture(tmp_path / "first.pcap", FRAMES[:22])
    second = capture(tmp_path / "second.pcap", FRAMES[22:])
    found = exposures(list(replay(second, first).changes()))
    assert found.keys() == {80, 22}
    assert found[80].state is ExposureState.ANSWERED
    assert [(proof.capture, proof.frame, proof.what) for proof in found[80].evidence] == [
        (first, 22, "SYN in"),
        (second, 1, "SYN-ACK out"),
        (second, 2, "ACK in"),
    ]


@pytest.mark.slow
def test_many_small_captures_hold_few_files_open(tmp_path: Path, whole: list[str]) -> None:
    size = 1_000
    frames = [FRAMES[i] if i < len(FRAMES) else FRAMES[0] for i in range(size)]
    times = [frames[min(i, len(FRAMES) - 1)][0] + max(0, i - len(FRAMES)) for i in range(size)]
    made = [(time, frame) for time, (_, frame) in zip(times, frames, strict=True)]
    paths = [capture(tmp_path / f"{i:04}.pcap", made[i : i + 1]) for i in range(size)]
    observed = replay(*paths)
    before, most = open_files(), 0

    def look() -> None:
        nonlocal most
        most = max(most, open_files())

    observed.on_batch = look
    changes = list(observed.changes())
    assert observed.ledger.read == size
    assert most - before <= 2
    assert exposures(changes)[80].state is ExposureState.ANSWERED
    assert observed.bytes_read == sum(os.path.getsize(path) for path in paths)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def most_memory(*paths: str) -> int:
    tracemalloc.start()
    try:
        outcome(*paths)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_captures_that_are_done_leave_no_arena_behind(tmp_path: Path) -> None:
    paths = [capture(tmp_path / f"{i}.pcap", FRAMES[i : i + 1]) for i in range(len(FRAMES))]
    # An arena is 2 MiB, and there are 49 files.
    assert most_memory(*paths) - most_memory(paths[0]) < 16 << 20


def test_a_pipe_takes_its_turn_although_its_first_time_is_unknown(
    tmp_path: Path, whole: list[str]
) -> None:
    early = capture(tmp_path / "early.pcap", FRAMES[:23])
    late = Path(capture(tmp_path / "late.pcap", FRAMES[23:])).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(late,))
    writer.start()
    found, _ = outcome(str(pipe), early)
    writer.join()
    assert found == whole


def test_an_early_start_that_the_selection_drops_gives_no_precedence(
    tmp_path: Path, whole: list[str]
) -> None:
    long_ago = (demo.START - DAY, FRAMES[0][1])
    first = capture(tmp_path / "first.pcap", [long_ago, *FRAMES[30:]])
    second = capture(tmp_path / "second.pcap", FRAMES[:30])
    found, ledger = outcome(first, second, selection=Selection(start=demo.START))
    assert ledger.read == len(FRAMES)
    assert found == whole


# damage


def test_damage_ends_one_capture_and_leaves_the_others(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(demo.PATH.read_bytes()[:3000])
    rest = capture(tmp_path / "rest.pcap", FRAMES[26:])
    observed = replay(str(cut), rest, str(tmp_path / "none.pcap"))
    changes = list(observed.changes())
    assert {damage.path: damage.frame for damage in observed.damages} == {
        str(cut): 27,
        str(tmp_path / "none.pcap"): 0,
    }
    assert observed.ledger.read == len(FRAMES)
    assert exposures(changes)[80].state is ExposureState.ANSWERED


def test_a_link_type_that_cannot_be_read_is_damage_named_once(tmp_path: Path) -> None:
    foreign = capture(tmp_path / "foreign.pcap", FRAMES, USER_LINK_TYPE)
    observed = replay(foreign, str(demo.PATH))
    ledger = list(observed.changes())[-1].record
    assert isinstance(ledger, SensorRecord)
    (damage,) = observed.damages
    assert (damage.path, damage.frame, damage.offset) == (foreign, 1, 24)
    assert "147" in damage.reason
    assert (ledger.read, ledger.unreadable, ledger.tunnelled) == (98, 49, 36)


def test_damage_that_reading_ahead_came_upon_is_told_in_its_turn(tmp_path: Path) -> None:
    first = capture(tmp_path / "first.pcap", FRAMES[:10], USER_LINK_TYPE)
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(Path(capture(cut, FRAMES[10:20])).read_bytes()[:-1])
    last = capture(tmp_path / "last.pcap", FRAMES[20:], USER_LINK_TYPE)
    observed = replay(first, str(cut), last)
    known: list[list[str]] = []
    observed.on_batch = lambda: known.append([damage.path for damage in observed.damages])
    list(observed.changes())
    assert known == [[first], [first], [first, str(cut), last], [first, str(cut), last]]


def test_stopping_leaves_out_the_damage_further_on(tmp_path: Path) -> None:
    first = capture(tmp_path / "first.pcap", FRAMES[:10])
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(Path(capture(cut, FRAMES[10:20])).read_bytes()[:-1])
    last = capture(tmp_path / "last.pcap", FRAMES[20:])
    observed = replay(first, str(cut), last)

    def stop_late() -> None:
        time.sleep(0.1)  # until all is read ahead that may be
        observed.stop()

    observed.on_batch = stop_late
    list(observed.changes())
    assert observed.ledger.read == 10
    assert not observed.damages


# two threads


def through_pipes(paths: Sequence[str], folder: Path) -> tuple[list[str], SensorRecord]:
    """The outcome of one thread alone: reading may wait."""
    pipes, writers = [], []
    for number, path in enumerate(paths):
        pipe = folder / f"pipe{number}"
        os.mkfifo(pipe)
        content = Path(path).read_bytes()
        writers.append(threading.Thread(target=pipe.write_bytes, args=(content,)))
        pipes.append(str(pipe))
    for writer in writers:
        writer.start()
    found = outcome(*pipes)
    for writer in writers:
        writer.join()
    return found


@pytest.mark.usefixtures("tiny_arenas")
@pytest.mark.parametrize("parts", [1, 2, 5])
def test_one_thread_and_two_come_to_the_same(parts: int, tmp_path: Path, whole: list[str]) -> None:
    paths = [capture(tmp_path / f"{i}.pcap", FRAMES[i::parts]) for i in range(parts)]
    assert through_pipes(paths, tmp_path)[0] == outcome(*paths)[0] == whole


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_arenas")
@pytest.mark.parametrize("unwanted", [0, 40])  # after each frame: read, but never tracked
def test_a_run_of_frames_stays_as_it_is_while_it_is_tracked(
    unwanted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = b"\xff" * 14 + b"noise"
    mixed = [each for frame in FRAMES for each in [frame, *[(frame[0], noise)] * unwanted]]
    track = Replay._track
    tracked: list[tuple[int, bytes]] = []

    def track_slowly(self: Replay, run: Run) -> None:
        time.sleep(0.01)  # until all is read ahead that may be
        batch = run.batch
        tracked.extend((int(batch.times[i]), batch.frame(i)) for i in range(len(batch)))
        track(self, run)

    monkeypatch.setattr(Replay, "_track", track_slowly)
    wanted = Selection(keep=lambda frame, linktype, wire: frame != noise)
    observed = replay(capture(tmp_path / "mixed.pcap", mixed), selection=wanted)
    found = exposures(list(observed.changes()))
    assert tracked == FRAMES
    assert found[80].state is ExposureState.ANSWERED
    assert observed.ledger.kinds == {Kind.TEREDO: 23, Kind.SIXINFOUR: 13}


def test_a_fault_of_the_second_thread_is_one_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    observed = replay(str(demo.PATH))

    def fail(self: CaptureFile) -> Iterator[FrameBatch]:
        assert threading.current_thread() is not threading.main_thread()
        raise MemoryError

    monkeypatch.setattr(CaptureFile, "batches", fail)
    with pytest.raises(MemoryError):
        list(observed.changes())


@pytest.mark.usefixtures("tiny_arenas")
def test_who_leaves_early_leaves_no_thread_and_no_file_behind() -> None:
    before = threading.active_count(), open_files()
    changes = replay(str(demo.PATH)).changes()
    next(changes)
    assert threading.active_count() > before[0]
    changes.close()
    assert (threading.active_count(), open_files()) == before


@pytest.mark.usefixtures("tiny_arenas")
def test_octets_read_are_those_of_the_frames_so_far() -> None:
    observed = replay(str(demo.PATH))
    seen: list[tuple[int, int]] = []
    observed.on_batch = lambda: seen.append((observed.bytes_read, observed.ledger.read))
    list(observed.changes())
    ends = [24]
    for _, frame in FRAMES:
        ends.append(ends[-1] + 16 + len(frame))
    assert seen[-1] == (ends[-1], len(FRAMES))
    # What is read beyond the frames tracked is less than an arena and the largest frame.
    assert all(0 <= octets - ends[frames] < 2048 for octets, frames in seen)
    assert seen == sorted(seen)


# fragments


def in_fragments(frame: bytes, *cuts: int, identification: int = 1) -> list[bytes]:
    """An Ethernet frame with IPv4 as those of its fragments."""
    parts = spans(len(frame) - 34, *cuts)
    return [frame[:14] + part for part in ipv4_fragments(frame[14:], parts, identification)]


def spaced(frames: Sequence[bytes]) -> Timed:
    return [(demo.START + i * 1_000_000, frame) for i, frame in enumerate(frames)]


def demo_in_fragments() -> tuple[Timed, int]:
    """The demo with every tunnel cut in two, and how many that are."""
    found: list[tuple[int, bytes]] = []
    cut = 0
    for when, frame in FRAMES:
        parts = [frame]
        if frame[12:14] == b"\x08\x00" and frame[23] in (17, 41):
            cut += 1
            parts = in_fragments(frame, 24, identification=cut)
        found += [(when + i, part) for i, part in enumerate(parts)]
    return found, cut


@pytest.mark.parametrize("files", [1, 3])
def test_fragments_hide_nothing(files: int, tmp_path: Path) -> None:
    """Teredo SYN and SYN-ACK among them, and fragments of one packet in different captures."""
    frames, cut = demo_in_fragments()
    paths = [capture(tmp_path / f"{i}.pcap", frames[i::files]) for i in range(files)]
    changes = list(replay(*paths).changes())
    found, expected = exposures(changes), exposures(list(replay(str(demo.PATH)).changes()))
    assert found.keys() == expected.keys() == {80, 22}
    for port, record in found.items():
        before = expected[port]
        assert (record.state, record.remotes) == (before.state, before.remotes)
        assert [proof.what for proof in record.evidence] == [
            proof.what for proof in before.evidence
        ]
    assert found[80].state is ExposureState.ANSWERED
    ledger = changes[-1].record
    assert isinstance(ledger, SensorRecord)
    assert (ledger.read, ledger.tunnelled, ledger.other) == (49 + cut, 36, 13 + cut)
    assert ledger.kinds == {"teredo": 23, "6in4": 13}
    assert ledger.reasons == {"not-ip": 2, "tcp": 9, "udp": 1, "udp-short": 1, "fragment": cut}


def test_a_solicitation_in_fragments_is_read_from_what_was_put_together(tmp_path: Path) -> None:
    asked, told, *_ = build.exchange()
    frames = [*in_fragments(asked, 16), *in_fragments(told, 24, 64)]
    *_, last, _ = list(replay(capture(tmp_path / "setup.pcap", spaced(frames))).changes())
    assert isinstance(last.record, TunnelRecord)
    assert last.record.teredo is not None
    assert last.record.teredo.qualified_at == spaced(frames)[-1][0]


def test_what_is_given_up_is_counted_once_and_late(tmp_path: Path) -> None:
    *_, opening, _, _ = build.exchange()
    lost = [in_fragments(opening, 64, identification=i)[0] for i in range(3)]
    noise = FRAMES[0][1]
    times = [0, 1, 2, 40]
    frames = [
        (demo.START + time * 1_000_000_000, frame)
        for time, frame in zip(times, [*lost, noise], strict=True)
    ]
    observed = replay(capture(tmp_path / "lost.pcap", frames))
    counts: list[tuple[int, int]] = []
    observed.on_batch = lambda: counts.append(
        (observed.ledger.read, observed.ledger.reasons[Reason.TUNNELLED])
    )
    ledger = list(observed.changes())[-1].record
    assert isinstance(ledger, SensorRecord)
    assert (ledger.read, ledger.tunnelled, ledger.kinds) == (4, 3, {"teredo": 3})
    assert "fragment" not in ledger.reasons
    assert ledger.dropped_state == 0
    assert counts == [(3, 0), (3, 1), (3, 2), (3, 3), (4, 3), (4, 3)]


def test_limits_of_reassembly_are_told_with_the_others(tmp_path: Path) -> None:
    *_, opening, _, _ = build.exchange()
    lost = [in_fragments(opening, 64, identification=i)[0] for i in range(9)]
    settings = DecodeSettings(fragments=FragmentLimits(datagrams=4))
    path = capture(tmp_path / "flood.pcap", spaced(lost))
    observed = Replay([Source(path)], settings, TrackSettings())
    ledger = list(observed.changes())[-1].record
    assert isinstance(ledger, SensorRecord)
    assert observed.limits_hit == {"fragmented_datagrams": 5}
    assert (ledger.dropped_state, ledger.tunnelled + ledger.copies) == (5, 9)


# selection


def selected(**fields: object) -> int:
    return outcome(str(demo.PATH), selection=Selection(**fields))[1].read  # type: ignore[arg-type]


def test_start_is_included_and_end_is_not() -> None:
    time = FRAMES[21][0]
    assert selected(start=time) == len(FRAMES) - 21
    assert selected(end=time) == 21
    assert selected(start=time, end=time) == 0
    assert selected(start=FRAMES[20][0], end=time) == 1


@pytest.mark.parametrize("count", [1, 21, 49, 50])
def test_count_is_of_the_whole_observation(count: int, tmp_path: Path) -> None:
    halves = [capture(tmp_path / f"{i}.pcap", FRAMES[i::2]) for i in range(2)]
    _, ledger = outcome(*halves, selection=Selection(count=count))
    assert ledger.read == min(count, len(FRAMES))
    assert ledger.last_time == FRAMES[min(count, len(FRAMES)) - 1][0]


def test_frames_not_kept_are_not_read() -> None:
    seen: list[tuple[int, int, int]] = []

    def keep(frame: bytes, linktype: int, wire: int) -> bool:
        seen.append((len(frame), linktype, wire))
        return frame[12:14] == b"\x08\x06"

    assert selected(keep=keep) == 2
    assert seen == [(len(frame), 1, len(frame)) for _, frame in FRAMES]


# the end


@pytest.mark.usefixtures("tiny_arenas")
def test_stop_ends_after_the_current_frames_and_still_gives_totals() -> None:
    observed = replay(str(demo.PATH))

    def stop_in_the_handshake() -> None:
        if observed.ledger.read >= 23:
            observed.stop()

    observed.on_batch = stop_in_the_handshake
    changes = list(observed.changes())
    ledger = changes[-1].record
    assert isinstance(ledger, SensorRecord)
    assert 23 <= ledger.read <= 27
    assert observed.stopped
    assert not observed.damages
    assert exposures(changes)[80].state is ExposureState.ANSWERED


@pytest.mark.usefixtures("tiny_arenas")
def test_stop_loses_no_fragment_that_waits_for_others(tmp_path: Path) -> None:
    """Nothing more is read, but what was read is told: an interrupt is how following ends."""
    *_, opening, _, _ = build.exchange()
    alone, noise = in_fragments(opening, 64)[0], FRAMES[0][1]
    frames = [(demo.START + i, frame) for i, frame in enumerate([alone] + [noise] * 40)]
    observed = replay(capture(tmp_path / "lone.pcap", frames))
    observed.on_batch = observed.stop
    list(observed.changes())
    assert observed.ledger.read < 41
    assert observed.ledger.reasons[Reason.TUNNELLED] == 1
    assert observed.ledger.reasons[Reason.FRAGMENT] == 0


def test_what_was_observed_outlives_the_tunnels(tmp_path: Path) -> None:
    later = capture(tmp_path / "later.pcap", [*FRAMES, (demo.START + 2 * DAY, FRAMES[0][1])])
    changes = list(replay(later).changes())
    assert "tunnel-closed" in {change.action for change in changes}
    ledger = changes[-1].record
    assert isinstance(ledger, SensorRecord)
    assert ledger.scope.vantage is Vantage.INSIDE
    assert ledger.scope.both_directions


def test_an_empty_capture_has_totals_all_the_same(tmp_path: Path) -> None:
    (change,) = replay(capture(tmp_path / "empty.pcap", [])).changes()
    assert isinstance(change.record, SensorRecord)
    assert change.record.read == 0
    assert (change.record.first_time, change.record.last_time) == (None, None)


def test_nothing_is_left_of_an_observation(tmp_path: Path) -> None:
    """Not for the garbage collector either, which waits long: a thousand files are replayed so."""
    whole = Path(resource("demo.pcap")).read_bytes()
    gc.collect()
    gc.disable()
    try:
        for cut in (0, 5, len(whole) - 10, len(whole)):
            path = tmp_path / f"{cut}.pcap"
            path.write_bytes(whole[: len(whole) - cut])
            replay = Replay([Source(str(path))], DecodeSettings(), TrackSettings())
            assert list(replay.changes())
            damages, left = replay.damages, weakref.ref(replay)
            assert len(damages) == (cut > 0)
            del replay
            assert left() is None, cut
    finally:
        gc.enable()


# rows that are no traffic


def test_quotations_and_frames_of_no_kind_stay_what_the_decoder_said() -> None:
    with CaptureFile(str(demo.PATH), 0) as opened:
        batch = next(iter(opened.batches()))
    reasons = np.full(len(batch), Reason.UDP, dtype=np.uint8)
    reasons[:4] = Reason.QUOTED, Reason.TOO_MANY_LAYERS, Reason.TUNNELLED, Reason.TUNNELLED
    made = [
        made_rows.row(made_rows.CLIENT, made_rows.RELAY, quoted=1, frame=1),
        made_rows.unfollowed()._replace(frame=2),
        made_rows.row(made_rows.CLIENT, made_rows.RELAY, frame=3),
        made_rows.row(made_rows.CLIENT, made_rows.RELAY, frame=3, quoted=1, depth=1),
        made_rows.bare(made_rows.row(made_rows.CLIENT, made_rows.RELAY, frame=4)),
    ]
    ledger = Ledger()
    ledger.see(batch, reasons, pack(made))
    assert ledger.kinds == {Kind.TEREDO: 1}
    assert ledger.reasons == {
        Reason.QUOTED: 1,
        Reason.TOO_MANY_LAYERS: 1,
        Reason.TUNNELLED: 1,
        Reason.WEAK: 1,
        Reason.UDP: len(batch) - 4,
    }
