"""`python3 -m play SCENE [KEY=VALUE …]`: plays a scene; what it found is in /share/result.json."""

from __future__ import annotations

import json
import sys
import time
import traceback

import scenes
from house import SHARE


def main() -> int:
    name, *words = sys.argv[1:]
    given = {key: float(value) for key, value in (word.split("=", 1) for word in words)}
    try:
        result = getattr(scenes, name)(**given)
    except Exception:
        traceback.print_exc()
        return 1
    result["virtual_s"] = time.monotonic()
    (SHARE / "result.json").write_text(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
