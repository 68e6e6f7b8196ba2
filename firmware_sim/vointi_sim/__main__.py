"""`python -m vointi_sim`."""

from __future__ import annotations

import sys

from vointi_sim.cli import main

sys.exit(main())
