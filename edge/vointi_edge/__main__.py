"""python -m vointi_edge."""

from __future__ import annotations

import sys

from vointi_edge.cli import main

sys.exit(main())
