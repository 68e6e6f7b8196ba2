"""One line an event on stderr, no measurement values, nothing a peer can forge lines with."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class LineFormatter(logging.Formatter):
    """`time level logger message`, control characters escaped, a stack as one JSON string."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in record.getMessage())
        line = f"{at} {record.levelname.lower()} {record.name} {text}"
        if record.exc_info:
            line += " stack=" + json.dumps(self.formatException(record.exc_info))
        return line


def configure(level: str) -> None:
    """Send every logger to stderr in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("paho", "uvicorn", "amqtt", "transitions"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
