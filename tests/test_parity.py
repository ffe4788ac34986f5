"""The table of docs/parity.md: what other chats have, and the tests that say that we have it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARITY = ROOT / "docs" / "parity.md"
_ROW = re.compile(r"^\| ([A-Z]{1,2}\d+) \| ([^|]+) \| ([^|]+) \|$", re.M)


def list_rows() -> list[tuple[str, list[str]]]:
    """Each row of the table: its id and the tests that it names."""
    return [(row, re.findall(r"`(\w+)`", tests)) for row, _, tests in _ROW.findall(PARITY.read_text())]


@pytest.fixture(scope="module")
def functions() -> set[str]:
    """Names of all test functions of the suite."""
    trees = (ast.parse(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_names_tests_that_exist(functions: set[str]) -> None:
    rows = list_rows()

    assert rows
    assert {row: tests for row, tests in rows if not tests or not functions.issuperset(tests)} == {}


def test_every_row_stands_once_and_every_line_is_a_row() -> None:
    lines = [line for line in PARITY.read_text().splitlines() if line.startswith("| ") and not line.startswith("| --")]
    rows = [row for row, _ in list_rows()]

    assert len(rows) == len(set(rows))
    headings = [line for line in lines if line.startswith("| Row |")]
    assert len(rows) == len(lines) - len(headings)
