"""Records as documents of the Elastic Common Schema; pure.

Tunnels hold the outer tuple in source and destination, conversations and exposures the inner one.
What is unknown is absent: a document has no null, no empty text and no empty list.
"""

from __future__ import annotations

from typing import Any

from sensor import __version__
from sensor.emit.bodies import exposure_body, flow_body, ledger_body, tunnel_body
from sensor.emit.identity import event_id
from sensor.emit.message import message
from sensor.emit.related import related_ips
from sensor.emit.texts import time_text
from sensor.schema.fields import (
    ECS_VERSION,
    EXPOSURE,
    FLOW,
    MODULE,
    SENSOR,
    TUNNEL,
    Context,
    Document,
)
from sensor.schema.records import (
    Change,
    ExposureRecord,
    FlowRecord,
    Scope,
    SensorRecord,
    TunnelRecord,
)

__all__ = ["Context", "Document", "document"]


def document(change: Change, context: Context) -> Document:
    """The document of one change, as this observer writes it."""
    match change.record:
        case TunnelRecord() as tunnel:
            return _finished(change, context, TUNNEL, tunnel_body(tunnel, change.action))
        case FlowRecord() as flow:
            return _finished(change, context, FLOW, flow_body(flow))
        case ExposureRecord() as exposure:
            return _finished(change, context, EXPOSURE, exposure_body(exposure))
        case SensorRecord() as ledger:
            return _finished(change, context, SENSOR, ledger_body(ledger))


def _finished(change: Change, context: Context, dataset: str, body: Document) -> Document:
    """The common fields, completed by the body of one dataset; unknown parts removed."""
    common = {
        "@timestamp": time_text(change.time),
        "message": message(change),
        "ecs": {"version": ECS_VERSION},
        "event": _event(change, context, dataset),
        "data_stream": {
            "type": "metrics" if dataset == SENSOR else "logs",
            "dataset": dataset,
            "namespace": context.namespace,
        },
        "observer": _observer(context),
    }
    if not isinstance(change.record, SensorRecord):
        common["related"] = {"ip": related_ips(change.record)}
        common["v6tunnel"] = {"observation": _observation(change.record.scope)}
    finished: Document = _present(_merged(common, body))
    return finished


def _event(change: Change, context: Context, dataset: str) -> Document:
    return {
        "id": event_id(change, context.observer),
        "created": time_text(context.created),
        "module": MODULE,
        "dataset": dataset,
        "action": change.action,
        "category": ["network"],
    }


def _observer(context: Context) -> Document:
    return {
        "name": context.observer,
        "type": "ids",
        "product": "v6tunnel-sensor",
        "version": __version__,
        "ingress": {"interface": {"name": context.interface}, "zone": context.zone},
    }


def _observation(scope: Scope) -> Document:
    return {
        "vantage": scope.vantage.text,
        "directions": "both" if scope.both_directions else "one",
        "midstream": scope.midstream,
        "loss_percent": float(scope.loss_percent),
    }


def _merged(left: Document, right: Document) -> Document:
    """Two nested documents as one; they share objects but no values."""
    merged = dict(left)
    for key, value in right.items():
        both = key in left and isinstance(value, dict)
        merged[key] = _merged(left[key], value) if both else value
    return merged


def _present(value: Any) -> Any:
    """Without what is unknown: no null, no empty text, list or object at any depth."""
    if isinstance(value, dict):
        parts = {key: _present(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if not _is_absent(part)}
    if isinstance(value, list):
        return [_present(part) for part in value]
    return value


def _is_absent(value: Any) -> bool:
    return value is None or value in ("", [], {})
