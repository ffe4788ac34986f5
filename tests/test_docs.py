"""What the documentation says is true: names, defaults, ids, examples."""

import ast
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import django.dispatch
import pytest

import chatapp
from chatapp import errors, registry, signals
from chatapp.conf import Settings
from chatapp.parts import Part
from chatapp.protocol import CloseCode
from project.environment import Environment

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def read_docstrings(path: str, class_name: str) -> dict[str, str]:
    """The docstring under each field of a class, its line breaks folded."""
    tree = ast.parse((ROOT / path).read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name)
    return {
        field.target.id: " ".join(ast.literal_eval(text.value).split())
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr)
    }


def get_rows(path: str, model: Any, class_name: str) -> list[str]:
    """The table rows that docs/settings.md must have for a settings class."""
    docstrings = read_docstrings(path, class_name)
    return [
        f"| `{name}` | {show(field.get_default(call_default_factory=True))} | {docstrings[name]} |"
        for name, field in model.model_fields.items()
    ]


def show(default: Any) -> str:
    """A default as the tables write it."""
    if isinstance(default, Path):
        return f"`{default.relative_to(ROOT).as_posix()}`"
    text = str(default).replace(f"sqlite:///{ROOT}/", "sqlite:///")
    return "none" if default is None or text in ("", "()", "[]", "{}") or set(text) == {"*"} else f"`{text}`"


def list_check_ids() -> set[str]:
    """Ids of all system checks in the source."""
    files = [*ROOT.glob("chatapp/checks/*.py"), ROOT / "project/checks.py"]
    return {found for file in files for found in re.findall(r'id="((?:chatapp|project)\.[EW]\d+)"', file.read_text())}


def list_blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a language in a document."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    text = (DOCS / "settings.md").read_text()

    assert [row for row in get_rows("chatapp/conf.py", Settings, "Settings") if row not in text] == []


def test_every_environment_variable_stands_in_the_table_with_its_default() -> None:
    text = (DOCS / "settings.md").read_text()

    assert [row for row in get_rows("project/environment.py", Environment, "Environment") if row not in text] == []


def test_no_setting_is_documented_that_is_gone() -> None:
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "settings.md").read_text(), re.MULTILINE))

    assert named == set(Settings.model_fields) | set(Environment.model_fields)


def test_every_check_has_its_paragraph_and_every_paragraph_its_check() -> None:
    described = set(re.findall(r"^\*\*([a-z]+\.[EW]\d+)\*\*", (DOCS / "checks.md").read_text(), re.MULTILINE))

    assert described == list_check_ids()


def test_every_failure_stands_in_the_table_with_its_sentence_and_its_next_step() -> None:
    steps = {"retry": "Try again", "continue": "Continue", "new_chat": "New chat", "none": "none"}
    rows = [f"| `{code}` | {errors.get_sentence(code)} | {steps[step]} |" for code, step in errors.NEXT_STEPS.items()]

    text = (DOCS / "errors.md").read_text()

    assert re.findall(r"^\| `[a-z_]+` \| .+\. \| .+ \|$", text, re.M) == rows


def test_every_close_code_stands_in_the_table() -> None:
    found = re.findall(r"^\| (\d{4}) \| `(\w+)`", (DOCS / "errors.md").read_text(), re.M)

    assert {name: int(code) for code, name in found} == {code.name: int(code) for code in CloseCode}


def test_every_signal_is_documented() -> None:
    text = (DOCS / "tutorial.md").read_text()
    names = [name for name, value in vars(signals).items() if isinstance(value, django.dispatch.Signal)]

    assert names
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_built_in_part_is_documented() -> None:
    text = "".join((DOCS / name).read_text() for name in ("tutorial.md", "parts.md"))
    kinds = [cls.kind for cls in Part.__subclasses__() if cls.__module__.startswith("chatapp.")]

    assert kinds
    assert [kind for kind in kinds if f"`{kind}`" not in text] == []


def test_every_public_name_is_documented() -> None:
    text = "".join(path.read_text() for path in [ROOT / "README.md", *DOCS.glob("*.md")])

    assert [name for name in chatapp.__all__ if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("document", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda path: path.name)
def test_every_python_example_is_python(document: Path) -> None:
    for block in list_blocks(document, "python"):
        compile(block, str(document), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("document", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", [ROOT / "README.md", DOCS / "tutorial.md"], ids=lambda path: path.name)
def test_the_assistants_of_the_examples_can_be_registered(document: Path) -> None:
    examples = [block for block in list_blocks(document, "python") if "@chatapp.register" in block]

    assert examples
    for example in examples:
        with registry.override():
            exec(compile(example, str(document), "exec"), {"__name__": "shop.assistants"})  # noqa: S102  # our own text
            assert len(registry.get_all()) == 1
            assert [problem for assistant in registry.get_all() for problem in assistant.check()] == []


ASK = """
import asyncio
from django.contrib.auth import get_user_model
from django.test.utils import setup_test_environment
from chatapp.testing import ThreadSocket, stop_everything

async def ask():
    user = await get_user_model().objects.acreate(username="{assistant}")
    async with ThreadSocket(user, assistant="{assistant}") as socket:
        await socket.post("hello")
        page = await socket.until(lambda page: page.state == "complete")
        print(page.text)
    await stop_everything()

setup_test_environment()
asyncio.run(ask())
"""


def test_the_readme_brings_an_answer_into_a_fresh_site(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("-m", "django", "startproject", "mysite", ".")
    added: list[str] = []
    for block in list_blocks(ROOT / "README.md", "python"):
        first, _, rest = block.partition("\n")
        if first.startswith("# mysite/") and "PROVIDERS" not in rest:
            with (tmp_path / first.removeprefix("# ")).open("a") as file:
                file.write(f"\n{rest}")
            if "class Support" not in rest:
                added += filter(None, rest.splitlines())

    assert len(added) <= 10
    run("manage.py", "check")
    run("manage.py", "migrate")
    assert "You said: hello" in run("manage.py", "shell", "-c", ASK.format(assistant="parrot"))
    assert "scripted guide" in run("manage.py", "shell", "-c", ASK.format(assistant="support"))
