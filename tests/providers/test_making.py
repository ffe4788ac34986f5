"""Providers by name, and what happens where a package is missing."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from chatapp.providers.callback import CallbackProvider
from chatapp.providers.guide import GuideProvider
from chatapp.providers.making import make_provider
from chatapp.providers.openai import OpenAIProvider
from chatapp.providers.presets import PRESETS
from chatapp.providers.scripted import ScriptedProvider

from .conftest import ask, listen

ROOT = Path(__file__).resolve().parents[2]


def test_each_that_is_built_in_is_made_by_its_name() -> None:
    made = {
        "callback": make_provider("callback", stream=lambda: "Hi"),
        "guide": make_provider("guide"),
        "scripted": make_provider("scripted", script=["Hi"]),
        "ollama": make_provider("ollama", model="llama3.2"),
        "openai": make_provider("openai", model="gpt-5-mini", api_key="sk-test"),
    }

    assert [type(provider) for provider in made.values()] == [
        CallbackProvider,
        GuideProvider,
        ScriptedProvider,
        OpenAIProvider,
        OpenAIProvider,
    ]
    assert [provider.name for provider in made.values()] == [*made]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_a_name(name: str) -> None:
    base_url = "http://127.0.0.1:9/v1"

    assert make_provider(name, model="m", base_url=base_url, api_key="sk-test").name == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("openia", "did you mean 'openai'"),
        ("Ollama", "did you mean 'ollama'"),
        ("zzz", "known are .*callback, .*guide"),
    ],
)
def test_another_name_is_a_value_error_that_says_which_are_near(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"provider '{name}' is not known; {hint}"):
        make_provider(name)


def test_options_that_cannot_be_are_named() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"make_provider\('ollama'\).*'modle'.*did you mean 'model'"):
        make_provider("ollama", modle="llama3.2")
    with pytest.raises(ImproperlyConfigured, match="leave preset out"):
        make_provider("ollama", model="llama3.2", preset="openai")


async def test_each_call_makes_one_of_its_own() -> None:
    first, second = make_provider("scripted", script=["One."]), make_provider("scripted", script=["Two."])

    assert [(await listen(each, ask("Hi"))).text for each in (first, second)] == ["One.", "Two."]


BLOCKED = """
import sys

class Blocker:
    names = {names!r}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "chatapp"], SECRET_KEY="x")
django.setup()
import chatapp
from chatapp.providers.making import make_provider
print(make_provider("scripted", script=["Hi"]).name)
try:
    make_provider("ollama", model="m")
except Exception as error:
    print(type(error).__name__, error)
"""


def test_without_optional_packages_the_app_is_imported_and_what_needs_one_names_it() -> None:
    names = ("openai", "httpx2", "aiohttp", "PIL", "pypdf", "html5lib", "langchain_core", "pydantic_ai", "chatlas")
    code = BLOCKED.format(names=names)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first == "scripted"
    assert second.startswith("ImproperlyConfigured make_provider('ollama')")
    assert second.endswith("pip install 'openai[aiohttp]'")
