"""What grows reaches all that a decoder can say: damage done to it would else prove little."""

from __future__ import annotations

import random

import pytest

from sensor.decode.scalar import decode_batch
from sensor.schema.rows import Observation, unpack
from sensor.schema.words import Anomaly, Evidence, Kind, Layer, Reason, kind_texts

from ..decode.twins import batch_from
from .grown import grown
from .test_kernel import FULLEST

FRAMES = 6_000
Decoded = tuple[list[Observation], set[Reason]]


@pytest.fixture(scope="module")
def decoded(seed: int) -> Decoded:
    print(f"seed {seed}")
    found = decode_batch(batch_from(grown(random.Random(seed), FRAMES)), FULLEST)
    return unpack(found.rows), {Reason(code) for code in found.reasons.tolist()}


def test_every_anomaly_and_every_sign_is_met(decoded: Decoded) -> None:
    rows, _ = decoded
    anomalies = {bit for row in rows for bit in Anomaly(row.anomalies)}
    evidence = {bit for row in rows for bit in Evidence(row.reasons)}
    # Reassembly says the one, the table of tunnels the other.
    assert anomalies == set(Anomaly) - {Anomaly.FRAGMENT_OVERLAP}
    assert evidence == set(Evidence) - {Evidence.LEARNED_FLOW}


def test_every_kind_and_every_layer_is_met(decoded: Decoded) -> None:
    rows, _ = decoded
    kinds = {text for row in rows for text in kind_texts(row.kinds)}
    layers = {layer for row in rows for layer in row.stack[: row.stack_length]}
    assert kinds == {kind.text for kind in Kind} - {"none", "ip6-in-ip6"}
    assert layers == set(Layer) - {Layer.NONE}


def test_every_end_of_the_way_is_met(decoded: Decoded) -> None:
    _, reasons = decoded
    # Every link type is a known one, and no single frame is a copy.
    assert reasons == set(Reason) - {Reason.COPY, Reason.UNKNOWN_LINK_TYPE}
