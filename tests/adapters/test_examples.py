"""The examples of docs/agents.md answer, each with its library, against an endpoint on loopback."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import chatlas
import pytest

import chatapp
from chatapp import registry
from chatapp.testing import ask
from tests.faults.server import FaultServer

from .agents import KEY

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/agents.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def _endpoint(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.setenv(name, server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    # chatlas reads its address from nowhere else.
    here = partial(chatlas.ChatOpenAICompletions, base_url=server.base_url)
    monkeypatch.setattr(chatlas, "ChatOpenAICompletions", here)
    with registry.override():
        yield


def test_there_is_an_example_for_each_library() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.usefixtures("_endpoint")
@pytest.mark.parametrize("example", EXAMPLES, ids=["pydantic-ai", "langchain", "chatlas"])
async def test_an_example_answers_and_calls_its_tool(example: str) -> None:
    names: dict[str, Any] = {"__name__": "shop.assistants"}
    exec(compile(example, "docs/agents.md", "exec"), names)  # noqa: S102  # our own text
    (desk,) = registry.get_all()

    answer = await ask(desk, "fault:tools")

    rows = [part for part in answer.parts if isinstance(part, chatapp.ToolCallPart)]
    assert {row.result for row in rows} == {"17 is in Bern.", "18 is in Bern.", "19 is in Bern."}
    assert desk.check() == []
    await close(names["Desk"])


async def close(desk: Any) -> None:
    """Close the connections that the library keeps."""
    if hasattr(desk, "client"):
        await desk.client.close_async()
    elif hasattr(desk, "agent"):
        await desk.agent.model.client.close()
