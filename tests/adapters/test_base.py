"""Declaring an assistant behind which an agent stands; what its errors mean; where its library is missing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pydantic_ai
import pytest
from django.core.checks import run_checks
from pydantic_ai.models.test import TestModel

import chatapp
from chatapp import registry
from chatapp.adapters.chatlas import ChatlasAssistant
from chatapp.adapters.failures import explain
from chatapp.adapters.langchain import LangChainAssistant
from chatapp.adapters.pydantic_ai import PydanticAIAssistant
from chatapp.adapters.records import Rows, read_finish
from chatapp.errors import ProviderError, VisibleError
from chatapp.testing import ask

ROOT = Path(__file__).resolve().parents[2]

ADAPTERS = {
    "agent": PydanticAIAssistant,
    "runnable": LangChainAssistant,
    "client": ChatlasAssistant,
}
LIBRARIES = {
    "pydantic_ai": ("pydantic_ai", "pydantic-ai"),
    "langchain": ("langgraph", "langchain"),
    "chatlas": ("chatlas", "chatlas"),
}


class Refused(Exception):
    """As a vendor's client raises it."""

    def __init__(self, status_code: int, body: Any) -> None:
        super().__init__(str(body))
        self.status_code, self.body = status_code, body


def find_problems() -> list[str]:
    """What the system check says of the assistants."""
    return [message.msg for message in run_checks() if message.id == "chatapp.E005"]


@pytest.mark.django_db
@pytest.mark.parametrize("given", ADAPTERS)
def test_an_assistant_without_an_agent_is_an_error_of_the_check(given: str) -> None:
    with registry.override(type("Desk", (ADAPTERS[given],), {"__module__": __name__})):
        (problem,) = find_problems()

    assert problem == (f"{__name__}.Desk: there is no {given}; write {given} = …, or get_{given}(self, turn).")


@pytest.mark.django_db
@pytest.mark.parametrize("given", ADAPTERS)
def test_an_agent_that_depends_on_the_turn_will_do(given: str) -> None:
    twin = {f"get_{given}": lambda self, turn: object(), "__module__": __name__}

    with registry.override(
        type("Desk", (ADAPTERS[given],), twin), type("Desk2", (ADAPTERS[given],), {given: object()})
    ):
        assert find_problems() == []


def test_tools_are_the_agents() -> None:
    @chatapp.tool
    def find_parcel(order: int) -> str:
        """Say where it is."""
        return ""

    desk = PydanticAIAssistant.of(pydantic_ai.Agent(TestModel()), slug="desk", tools=[find_parcel])

    assert desk().check() == ["tools are those of the agent; give them to it"]


async def test_one_line_declares_an_assistant() -> None:
    agent = pydantic_ai.Agent(TestModel(custom_output_text="Hello."))

    with registry.override():
        chatapp.register(PydanticAIAssistant.of(agent, slug="help-desk", greeting="What is it?"))
        (desk,) = registry.get_all()

    assert (desk.slug, desk.title, desk.greeting) == ("help-desk", "Help Desk", "What is it?")
    assert (type(desk).__module__, type(desk).__qualname__) == (__name__, "HelpDesk")
    assert (await ask(desk, "Hi")).text == "Hello."


@pytest.mark.parametrize("module", LIBRARIES)
def test_where_a_library_is_missing_chatapp_works_and_its_adapter_names_the_extra(module: str) -> None:
    library, extra = LIBRARIES[module]
    script = (
        "import sys\n"
        f"sys.modules[{library!r}] = None\n"
        "import chatapp, chatapp.adapters.base\n"
        "try:\n"
        f"    import chatapp.adapters.{module}\n"
        "except ImportError as error:\n"
        "    print(error)"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stderr, f"pip install 'django-chatapp[{extra}]'" in done.stdout) == ("", True)


def test_importing_chatapp_imports_none_of_them() -> None:
    libraries = {"pydantic_ai", "langchain_core", "langgraph", "chatlas"}
    script = f"import sys, chatapp; print(sorted({libraries} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "[]"


def chain(error: Exception, cause: Exception) -> Exception:
    """The error, raised from that cause."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "has_said", "code"),
    [
        (Refused(429, {"error": {"message": "slow down"}}), False, "busy"),
        (Refused(429, {"error": {"code": "insufficient_quota"}}), False, "quota"),
        (Refused(401, "wrong key"), False, "refused"),
        (chain(RuntimeError("it failed"), Refused(503, "")), False, "busy"),
        (ExceptionGroup("two", [Refused(529, ""), KeyError()]), False, "busy"),
        (httpx.ConnectError("refused"), False, "unreachable"),
        (httpx.ReadError("reset"), True, "cut_off"),
        (httpx.ReadTimeout("slow"), False, "timeout"),
        (ConnectionError("no Ollama"), False, "unreachable"),
        (pydantic_ai.exceptions.ModelHTTPError(400, "m", {"message": "prompt is too long"}), False, "context"),
        (pydantic_ai.exceptions.ModelRateLimitError("m", "slow down"), False, "busy"),
        (pydantic_ai.exceptions.ContentFilterError("no"), False, "filtered"),
        (pydantic_ai.exceptions.UnexpectedModelBehavior("what?"), False, "garbled"),
        (pydantic_ai.exceptions.UsageLimitExceeded("50"), False, "quota"),
        (pydantic_ai.exceptions.ModelRequestTimeout("m", 3), False, "timeout"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_of_a_library_is_one_of_ours(error: Exception, has_said: bool, code: str) -> None:
    failure = explain(error, has_said=has_said)

    assert isinstance(failure, ProviderError)
    assert failure.code == code


def test_keys_in_an_error_are_not_in_the_cause() -> None:
    failure = explain(Refused(401, "Incorrect API key provided: sk-SEEDED-0123456789"), has_said=False)

    assert isinstance(failure, ProviderError)
    assert "SEEDED" not in failure.cause


def test_what_was_raised_for_the_person_stays_what_it_is() -> None:
    sentence = VisibleError("The warehouse is closed.")

    assert explain(chain(RuntimeError("wrapped"), sentence), has_said=False) is sentence


def test_a_bug_is_no_failure_of_a_model() -> None:
    assert explain(KeyError("parcel"), has_said=False) is None


@pytest.mark.parametrize(
    ("reason", "finish"), [("MAX_TOKENS", "length"), ("tool_use", "tool_calls"), ("end_turn", "stop"), (None, "stop")]
)
def test_every_vendors_word_for_the_end_is_read(reason: str | None, finish: str) -> None:
    assert read_finish(reason) == finish


def test_an_id_that_comes_twice_is_two_rows() -> None:
    rows = Rows()

    first = rows.open("call_0", "find", {})
    rows.fill("call_0", "a")
    second = rows.open("call_0", "find", {})

    assert (first.tool_id, second.tool_id == first.tool_id) == ("call_0", False)
    assert rows.fill("call_0", "b").tool_id == second.tool_id


def test_what_a_library_gives_is_stored_as_json_and_without_controls() -> None:
    rows = Rows()
    ring: list[Any] = []
    ring.append(ring)

    call = rows.open("1", "find\x00", {"a": "b\x00"})
    assert (call.name, call.arguments) == ("find", {"a": "b"})
    assert rows.open("2", "find", "no object").arguments == {}
    assert rows.fill("1", ring).result == "[[...]]"
    assert len(rows.fill("2", "x" * 1_000_000).result) < 1_000_000
