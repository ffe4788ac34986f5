"""The table of docs/parity.md: what other chats have, and the tests that say that we have it."""

import ast
import re
from pathlib import Path

import pytest

from tests.faults.server import FAULTS

ROOT = Path(__file__).resolve().parent.parent
PARITY = ROOT / "docs" / "parity.md"
SECURITY = ROOT / "docs" / "security.md"
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


def list_faults() -> list[list[str]]:
    """The cells of each row of the two tables of faults in docs/security.md."""
    section = SECURITY.read_text().partition("## What fails,")[2].partition("\n## ")[0]
    lines = [
        line for line in section.splitlines() if line.startswith("| ") and not line.startswith(("| --", "| Fault "))
    ]
    return [line.strip("| ").split(" | ") for line in lines]


def test_every_fault_of_a_provider_stands_in_the_table_once() -> None:
    played = [name for cells in list_faults() if len(cells) == 4 for name in re.findall(r"`([^`]+)`", cells[1])]

    assert sorted(played) == sorted(FAULTS)


def test_every_fault_names_tests_that_exist(functions: set[str]) -> None:
    named = {cells[0]: re.findall(r"`(\w+)`", cells[-1]) for cells in list_faults()}

    assert len(named) > 40
    assert {fault: tests for fault, tests in named.items() if not tests or not functions.issuperset(tests)} == {}
