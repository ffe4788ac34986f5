"""Who may import whom, and which tool stands where: docs/architecture.md as two tables, checked against the source."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "chatapp"

FLOORS = {
    "wiring": {"apps", "asgi", "checks", "urls", "routing"},
    "doors": {"consumers", "views", "forms", "admin", "templatetags", "management", "starters", "testing"},
    "doing": {
        *("accounting", "actions", "answering", "arranging", "attaching", "branching", "choosing", "clearing"),
        *("commanding", "copying", "exporting", "finding", "foldering", "forking", "importing", "opening", "posting"),
        *("queueing", "rating", "reading", "replying", "resetting", "searching", "sharing", "speaking"),
        *("streams", "swapping", "tidying", "playground", "trials"),
    },
    "running": {"runs"},
    "storage": {"models", "policy", "library", "fulltext", "migrations"},
    "declaring": {
        *("turn", "requesting"),
        "customizing",
        "toolloop",
        *("extracting", "trimming"),
        "assistants",
        "composing",
        "greetings",
        *("commands", "contexts", "retrieval"),
        "prompts",
        "registry",
        "stretches",
        "adapters",
        "__init__",
    },
    "outside": {"handlers", "tools", "providers", "rendering", "origins", "files", "intake", "tokens", "tracing"},
    "words": {
        *("errors", "mappers", "parts", "activity", "artifacts", "todos", "questions", "approvals"),
        *("history", "inputs", "events", "protocol", "icons"),
        *("figures", "menu", "sampling", "profiles", "prices", "fencing"),
        *("signals", "conf", "docstrings", "redaction", "scrubbing", "terms", "transfers"),
    },
}
"""From the roof to the ground. A module imports from its own floor or below."""

THIRD_PARTIES = {
    "openai": {"providers/http.py"},
    "httpx2": {"providers/http.py", "providers/transport.py"},
    "tiktoken": {"tokens.py"},
    "aiohttp": {"providers/transport.py"},
    "pyromark": {"rendering/markdown.py", "rendering/maths.py"},
    "nh3": {"rendering/markdown.py"},
    "opentelemetry": {"tracing.py"},
    "pygments": {"rendering/highlighting.py"},
    "PIL": {"files/images.py"},
    "pypdf": {"files/pdfreader.py"},
    "pydantic_ai": {"adapters/pydantic_ai.py"},
    "langchain_core": {"adapters/langchain.py", "adapters/langchain_events.py"},
    "langgraph": {"adapters/langchain.py"},
    "chatlas": {"adapters/chatlas.py"},
    "latex2mathml": {"rendering/maths.py"},
    "channels": {
        "consumers.py",
        "routing.py",
        "runs/hub.py",
        "views/health.py",
        "checks/site.py",
        "checks/deployment.py",
        "testing/__init__.py",
    },
    "channels_redis": set(),
    "daphne": {"runs/draining.py"},
    "twisted": {"runs/draining.py"},
    "html5lib": {"testing/page.py"},
    "uvicorn": set(),
    "redis": set(),
}
"""Each third party is imported in one place, so that replacing it is one file's work."""

NAMES = {
    "mark_safe": {"rendering/"},
    "create_task": {"runs/", "consumers.py", "toolloop.py"},
    "ensure_future": {"views/live.py"},
}
"""Calls that are only safe where somebody thought about them."""

STRINGS = {
    "hx-swap-oob": {"rendering/fragments.py", "testing/page.py"},
    "ws-": {"rendering/fragments.py", "templates/chatapp/_thread.html", "templates/chatapp/_composer.html"},
}
"""Pieces of the wire that no other file may write, templates included. `testing/page.py` reads what a page would."""


def list_modules() -> list[Path]:
    """Every Python file of the app, migrations left out: Django writes them."""
    return sorted(path for path in APP.rglob("*.py") if "migrations" not in path.parts)


def get_floor(module: str) -> int:
    """Number of the floor of a module such as `chatapp.runs.feed`, 0 at the ground. Raises LookupError for another."""
    name = [*module.split("."), "__init__"][1]
    for number, members in enumerate(reversed(FLOORS.values())):
        if name in members:
            return number
    raise LookupError(f"{module} is on no floor; give it one in tests/test_architecture.py and docs/architecture.md")


def get_name(path: Path) -> str:
    """`chatapp.runs.feed` for chatapp/runs/feed.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def list_imports(source: str, module: str, *, is_package: bool) -> Iterator[str]:
    """Dotted names that a source imports at run time, relative ones resolved."""
    package = module if is_package else module.rpartition(".")[0]
    for node in walk_at_run_time(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from chatapp import checks` imports a module, `from chatapp.conf import settings` does not.
            yield from (f"{base}.{alias.name}" for alias in node.names) if base in ("chatapp", package) else [base]


def walk_at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from walk_at_run_time(node)


def find_climbing_imports(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """Imports of a module from a floor above its own."""
    own = get_floor(module)
    return [
        name
        for name in list_imports(source, module, is_package=is_package)
        if name.split(".")[0] == "chatapp" and _is_module(name) and get_floor(name) > own
    ]


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def find_strangers(source: str, module: str, where: str, *, is_package: bool = False) -> list[str]:
    """Third parties that a file imports although their place is elsewhere."""
    return [
        name
        for name in list_imports(source, module, is_package=is_package)
        if where not in THIRD_PARTIES.get(name.split(".")[0], {where})
    ]


def list_texts(source: str) -> Iterator[str]:
    """String literals of a source, docstrings left out: they may speak about anything."""
    tree = ast.parse(source)
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def is_allowed(where: str, places: Iterable[str]) -> bool:
    """Whether a file is one of these places or in one of these folders."""
    return any(where == place or (place.endswith("/") and where.startswith(place)) for place in places)


@pytest.fixture(params=list_modules(), ids=lambda path: str(path.relative_to(APP)))
def path(request: pytest.FixtureRequest) -> Path:
    """Each module of the app in turn."""
    return request.param


def test_a_module_imports_from_its_own_floor_or_below(path: Path) -> None:
    source = path.read_text()

    assert find_climbing_imports(source, get_name(path), is_package=path.stem == "__init__") == []


def test_a_third_party_is_imported_in_its_place_only(path: Path) -> None:
    where = path.relative_to(APP).as_posix()

    assert find_strangers(path.read_text(), get_name(path), where, is_package=path.stem == "__init__") == []


@pytest.mark.parametrize("name", NAMES)
def test_a_delicate_call_stands_in_its_place_only(path: Path, name: str) -> None:
    where = path.relative_to(APP).as_posix()
    used = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)} | {
        node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
    }

    assert name not in used or is_allowed(where, NAMES[name])


@pytest.mark.parametrize("text", STRINGS)
def test_only_the_fragments_write_the_wire_in_python(path: Path, text: str) -> None:
    where = path.relative_to(APP).as_posix()

    assert is_allowed(where, STRINGS[text]) or [found for found in list_texts(path.read_text()) if text in found] == []


@pytest.mark.parametrize("text", STRINGS)
def test_only_named_templates_write_the_wire(text: str) -> None:
    templates = [*APP.glob("templates/**/*.html"), *ROOT.glob("templates/**/*.html")]
    writing = {
        path.relative_to(APP if APP in path.parents else ROOT).as_posix()
        for path in templates
        if text in path.read_text()
    }

    assert templates
    assert writing <= STRINGS[text]


def test_every_module_has_a_floor() -> None:
    assert [name for name in map(get_name, list_modules()) if get_floor(name) < 0] == []


def test_no_name_of_the_floors_is_left_over() -> None:
    planned = {"tools", "forms", "testing"}
    names = set().union(*FLOORS.values()) - planned

    assert [name for name in sorted(names) if not (APP / name).is_dir() and not (APP / f"{name}.py").exists()] == []


def test_an_import_that_climbs_is_found() -> None:
    source = "from chatapp.models import Run\nfrom chatapp import actions"

    assert find_climbing_imports(source, "chatapp.turn") == ["chatapp.models", "chatapp.actions"]


def test_an_import_for_the_type_checker_may_climb() -> None:
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from chatapp.models import Run"

    assert find_climbing_imports(source, "chatapp.turn") == []


def test_a_relative_import_is_resolved() -> None:
    assert list(list_imports("from .feed import Feed", "chatapp.runs.hub", is_package=False)) == ["chatapp.runs.feed"]


def test_a_third_party_out_of_place_is_found() -> None:
    assert find_strangers("import nh3", "chatapp.views.threads", "views/threads.py") == ["nh3"]


def test_a_module_on_no_floor_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"chatapp\.utils is on no floor"):
        get_floor("chatapp.utils")


def test_chatapp_can_be_imported_before_django_is_set_up() -> None:
    script = (
        "import sys, chatapp\n"
        "from django.apps import apps\n"
        "print(apps.ready, sorted(name for name in sys.modules if name.startswith('chatapp.models')))"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout.strip(), done.stderr) == ("False []", "")
