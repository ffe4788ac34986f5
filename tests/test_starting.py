"""`manage.py chatapp_startassistant`: in a fresh project, for each provider and each example."""

import asyncio
import compileall
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import modify_settings

from chatapp.starters import FILES, PROVIDERS, TEMPLATES, make_context, render_files
from tests.faults.exchange import HELLO, Exchange
from tests.faults.fault import FAULTS, Fault
from tests.faults.server import FaultServer

ROOT = Path(__file__).resolve().parent.parent
KEY = "sk-STARTED-0123456789abcdef"

PLAYED: Mapping[str, Mapping[str, str]] = {
    "ollama": {"OLLAMA_BASE_URL": "{url}"},
    "openai": {"OPENAI_BASE_URL": "{url}", "OPENAI_API_KEY": KEY},
    "anthropic": {"ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_API_KEY": KEY},
    "google": {"GEMINI_BASE_URL": "{url}", "GEMINI_API_KEY": KEY},
    "azure": {"AZURE_OPENAI_BASE_URL": "{url}", "AZURE_OPENAI_API_KEY": KEY},
    # Another model in place of Bedrock's, whose library signs each request for its own address.
    "bedrock": {"BEDROCK_MODEL": "openai-chat:m", "OPENAI_BASE_URL": "{url}", "OPENAI_API_KEY": KEY},
    "langchain": {"LANGCHAIN_BASE_URL": "{url}", "OPENAI_API_KEY": KEY},
}
"""The environment in which each provider asks the fake server instead, by its name."""


class Project:
    """A fresh site, with chatapp in its INSTALLED_APPS and nothing else done."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        call_command("startproject", "mysite", str(root))
        self.append("mysite/settings.py", 'INSTALLED_APPS += ["chatapp"]')

    def append(self, path: str, text: str) -> None:
        """Write something at the end of a file."""
        with (self.root / path).open("a") as file:
            file.write(f"\n{text}\n")

    async def manage(self, *arguments: str) -> str:
        """What a command of manage.py says. Raises AssertionError if it fails."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "manage.py", *arguments),
            cwd=self.root,
            env=self.env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _nothing = await process.communicate()
        assert process.returncode == 0, out.decode()
        return out.decode()

    async def start(self, *arguments: str) -> str:
        """Start an assistant, and do what is said of settings, addresses and ASGI."""
        said = await self.manage("chatapp_startassistant", *arguments)
        self.obey(said)
        return said

    def obey(self, said: str) -> None:
        """Do what was said of settings, addresses and ASGI."""
        for path, block in re.findall(r"^At the end of (\S+):\n\n((?:(?:    .*)?\n)+)", said, re.MULTILINE):
            self.append(path, re.sub(r"^    ", "", block, flags=re.MULTILINE))

    def add(self, provider: str, template: str) -> None:
        """One more example, without a process of its own."""
        app = f"desk_{template}"
        write(self.root / app, provider, template)
        self.append("mysite/settings.py", f'INSTALLED_APPS += ["{app}"]')


def write(folder: Path, provider: str, template: str) -> None:
    """The files of an example."""
    context = make_context(
        provider=provider, template=template, app=folder.name, class_name=f"Desk{template.title()}", title="Desk"
    )
    for path, text in {"__init__.py": "", **render_files(template, context)}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh site."""
    return Project(tmp_path)


@pytest.fixture
def here(tmp_path: Path, settings: Any) -> Path:
    """The site of the tests, as if it were in an empty folder: for commands that need no process."""
    settings.BASE_DIR = tmp_path
    return tmp_path


def start(*arguments: str) -> str:
    """What the command says, of the site of the tests."""
    out = StringIO()
    call_command("chatapp_startassistant", *arguments, stdout=out)
    return out.getvalue()


ENQUIRY = '{"name": "Ada", "email": "ada@example.org", "topic": "A return", "message": "Shoes"}'


async def play(exchange: Exchange) -> None:
    """A model that also gives what is asked for as JSON, in either way in which that is asked for, streamed or not."""
    tools = [tool["function"]["name"] for tool in exchange.body.get("tools", [])]
    wanted = [name for name in tools if name in ("final_result", "Enquiry")]
    said: dict[str, Any] = {"content": ENQUIRY if "response_format" in exchange.body else HELLO}
    if wanted:
        said = {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": wanted[0], "arguments": ENQUIRY}}]}
    finish = "tool_calls" if wanted else "stop"
    if not exchange.body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish}
        whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return await exchange.answer("200 OK", json.dumps(whole).encode())
    await exchange.start()
    await exchange.chunk({**said, **({"tool_calls": [{"index": 0, **said["tool_calls"][0]}]} if wanted else {})})
    return await exchange.finish(finish)


@pytest.mark.parametrize("provider", PLAYED)
async def test_in_a_fresh_project_each_example_passes_its_smoke_test_with_a_fake_model(
    project: Project, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAULTS, "ok", Fault(name="ok", play=play))

    await project.start("desk-form", "--provider", provider, "--template", "form")
    for template in TEMPLATES.keys() - {"form"}:
        project.add(provider, template)
    async with FaultServer() as server:
        project.env |= {name: value.format(url=server.base_url) for name, value in PLAYED[provider].items()}
        project.env["SMOKE_TEST"] = "1"
        # The library keeps its connections for the whole process, and each test has an event loop of its own.
        alone = [f"desk_{name}" for name in TEMPLATES] if PROVIDERS[provider].kind == "langchain" else [""]
        said = "".join([await project.manage("test", *filter(None, [label])) for label in alone])
        keys = {exchange.headers.get("api-key", exchange.key) for exchange in server.received}

    assert sum(int(count) for count in re.findall(r"Ran (\d+) tests", said)) == 2 * len(TEMPLATES)
    assert "skipped" not in said
    assert keys == {KEY if PROVIDERS[provider].key else "none"}


async def test_a_fresh_project_with_what_is_printed_is_whole_and_costs_nothing_to_test(project: Project) -> None:
    await project.start("wiki", "--provider", "ollama", "--template", "rag")

    check = "from django.core.management import call_command as call; call('check'); call('makemigrations', check=True)"
    said = await project.manage("shell", "-c", check)

    assert "No changes detected" in said
    assert "OK (skipped=1)" in await project.manage("test")


def test_what_is_written_compiles_and_is_as_tidy_as_this_repository(tmp_path: Path) -> None:
    for provider in PROVIDERS:
        for template in TEMPLATES:
            write(tmp_path / f"{provider}_{template}", provider, template)

    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", str(tmp_path)]
    said = [
        subprocess.run([sys.executable, "-m", "ruff", *command, *config], capture_output=True, text=True, check=False)
        for command in (
            # In tests an assert is what it is in ours.
            ["check", "-q", "--output-format", "concise", "--extend-per-file-ignores", "test_*.py:S101"],
            ["format", "-q", "--diff"],
        )
    ]

    assert [run.stdout + run.stderr for run in said if run.returncode] == []
    assert compileall.compile_dir(tmp_path, quiet=2, force=True)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_it_says_what_is_left_to_do_and_where_the_key_comes_from(here: Path, provider: str) -> None:
    said = start("desk", "--provider", provider)

    starter = PROVIDERS[provider]
    assert starter.where in said
    assert "http" not in starter.where
    assert "python manage.py test desk" in said
    example = (here / ".env.example").read_text()
    for variable in starter.variables:
        assert f"{variable.name}=" in example
    if starter.key:
        assert f"as {starter.key.name}" in said
        assert f"\n{starter.key.name}=\n" in example  # a name, never a key
    assert ("pip install" in said) == bool(starter.install)
    assert ('"preset": ' in said) == (starter.kind == "model")


async def test_a_second_assistant_of_the_same_provider_needs_only_its_app(project: Project) -> None:
    await project.start("front-desk", "--provider", "ollama")
    before = (project.root / ".env.example").read_text()

    said = await project.start("BackDesk", "--provider", "ollama")

    assert (project.root / ".env.example").read_text() == before
    assert "PROVIDERS" not in said
    assert "urls.py" not in said
    assert "asgi.py" not in said
    assert re.findall(r"INSTALLED_APPS = .*", said) == ['INSTALLED_APPS = [*INSTALLED_APPS, "back_desk"]']
    project.obey(
        await project.manage(
            "shell",
            "-c",
            "from chatapp import registry\nfrom django.core.management import call_command\n"
            "assert list(each.slug for each in registry.get_all()) == ['front-desk', 'back-desk']\n"
            "call_command('chatapp_startassistant', 'desk', provider='openai')",
        )
    )
    assert '**CHATAPP.get("PROVIDERS", {}),' in (project.root / "mysite/settings.py").read_text()
    assert "OPENAI_API_KEY=\n" in (project.root / ".env.example").read_text()


def test_it_goes_into_an_app_that_is_there_and_overwrites_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = here / "shop"
    shop.mkdir()
    call_command("startapp", "shop", str(shop))
    monkeypatch.syspath_prepend(str(here))
    before = {path: path.read_text() for path in shop.rglob("*.py")}

    with modify_settings(INSTALLED_APPS={"append": "shop"}):
        said = start("desk", "--provider", "ollama", "--app", "shop", "--template", "tools")
        written = (shop / "assistants.py").read_text()
        with pytest.raises(
            CommandError, match=r"shop/assistants.py, shop/test_assistants.py is there already, and not"
        ):
            start("other", "--provider", "openai", "--app", "shop")
        with pytest.raises(
            CommandError, match=r"shop/models.py, .* leave --app out, so that it gets an app of its own"
        ):
            start("wiki", "--provider", "ollama", "--app", "shop", "--template", "rag")

    assert "    shop/assistants.py\n" in said
    assert '"shop"' not in said
    assert "class Desk(chatapp.Assistant):" in written
    assert (shop / "assistants.py").read_text() == written
    assert {path: path.read_text() for path in before} == before
    assert not (shop / "admin").exists()


def test_a_new_app_may_stand_in_a_folder_and_is_never_written_twice(here: Path) -> None:
    said = start("desk", "--provider", "ollama", "--directory", str(here / "parts"))

    assert '"parts.desk"' in said
    assert (here / "parts/desk/assistants.py").exists()
    with pytest.raises(CommandError, match=r"parts/desk/__init__.py, .* is there already, .* take another name"):
        start("desk", "--provider", "openai", "--directory", str(here / "parts"))
    assert "OPENAI" not in (here / ".env.example").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["desk", "--provider", "antropic"], "known are ollama, anthropic, .*; did you mean anthropic"),
        (["desk", "--provider", "ollama", "--template", "chat"], "--template 'chat' is not known; known are basic, "),
        (["1st", "--provider", "ollama"], "'1st' is not usable; take up to 50 letters and digits that begin with a"),
        (["../desk", "--provider", "ollama"], "is not usable"),
        (["", "--provider", "ollama"], "is not usable"),
        (["x" * 51, "--provider", "ollama"], "is not usable"),
        (["class", "--provider", "ollama"], "'class' cannot be the name of a Python package"),
        (["json", "--provider", "ollama"], "there is a Python module 'json' already; take another name, such as json_"),
        (["Asker", "--provider", "ollama"], "there is an assistant 'asker' already: tests.assistants"),
        (["desk", "--provider", "ollama", "--app", "shop"], "there is no app 'shop'; apps of this site are: "),
        (["desk", "--provider", "ollama", "--app", "auth"], "the app 'auth' is no part of this site"),
    ],
)
def test_what_cannot_be_started_says_what_could(arguments: list[str], message: str, here: Path) -> None:
    with pytest.raises(CommandError, match=message):
        start(*arguments)

    assert list(here.iterdir()) == []


def test_the_files_are_in_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")

    names = set(zipfile.ZipFile(wheel).namelist())

    used = {
        name.format(template=template) for template, each in TEMPLATES.items() for name in each.files.values() if name
    }
    assert {path.name for path in FILES.iterdir()} == used | {"settings.txt", "urls.txt", "asgi.txt"}
    assert {f"chatapp/starters/files/{path.name}" for path in FILES.iterdir()} <= names
