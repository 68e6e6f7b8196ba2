"""The table of requirements names tests that exist, and leaves no requirement out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

NUMBERS = {*range(1, 12), *range(21, 32), *range(33, 41), 32}


def test_every_requirement_names_tests_that_exist(root: Path) -> None:
    text = (root / "docs" / "operators" / "security.md").read_text()
    rows = {int(n): row for n, row in re.findall(r"^\| (\d+) \|(.+)\|$", text, re.MULTILINE)}
    assert set(rows) == NUMBERS
    for number, row in rows.items():
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, number
        for file, test in named:
            names = {
                node.name
                for node in ast.walk(ast.parse((root / file).read_text()))
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            assert test in names, f"{number}: {file}::{test}"
