"""What a person is given: the record of a consent in the shape of ISO/IEC TS 27560."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..document import PilotDocument
from .state import ConsentEvent, replay
from .texts import ConsentText

SCHEMA = "https://w3id.org/dpv/schema/iso-27560"


def utc(time_us: int) -> str:
    """RFC 3339 with milliseconds, UTC."""
    moment = datetime.fromtimestamp(time_us / 1e6, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def receipt(
    document: PilotDocument, events: Sequence[ConsentEvent], text: ConsentText, now_us: int
) -> dict[str, Any]:
    """The receipt of one person's consent for one purpose.

    Args:
        document: the pilot.
        events: all events of this person and purpose, in their order; at least one.
        text: what was shown.
        now_us: UTC now, µs.

    """
    first = events[0]
    collected = [c for c in document.collect if first.purpose in c.purposes]
    return {
        "@context": SCHEMA,
        "record": {
            "id": f"{first.pilot}/{first.person}/{first.purpose}",
            "schema_version": "ISO/IEC TS 27560:2023",
            "issued": utc(now_us),
            "state": replay(events).status_at(now_us).value,
        },
        "subject": {"pseudonym": first.person},
        "processing": {
            "purpose": first.purpose,
            "pilot": document.name,
            "data": sorted({metric for item in collected for metric in item.metrics}),
            "retention_days": {
                "waveform": document.retention.waveform_days,
                "scalar": document.retention.scalar_days,
                "event": document.retention.event_days,
                "summary": document.retention.summary_days,
            },
        },
        "parties": {
            "controller": document.controller or document.city,
            "company": document.company.name if document.company else "",
        },
        "context": {
            "notice": {
                "title": text.title,
                "text": text.body,
                "language": text.language,
                "version": text.version,
                "sha256": text.sha256,
            },
            "rights": ["access", "rectification", "erasure", "portability", "withdrawal"],
            "dpia": document.dpia,
        },
        "events": [event_record(event) for event in events],
    }


def event_record(event: ConsentEvent) -> dict[str, Any]:
    """One event for a record or an export."""
    return {
        "kind": event.kind.value,
        "purpose": event.purpose,
        "at": utc(event.at_us),
        "effective": utc(event.effective_us),
        "expires": None if event.expires_us is None else utc(event.expires_us),
        "method": event.method,
        "by": event.actor,
        "language": event.language,
        "text_version": event.text_version,
        "text_sha256": event.text_sha256,
    }
