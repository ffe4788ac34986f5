"""One agent of each library that asks the faulty provider, with the same tool: what one promises, all promise."""

import json
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import chatlas
import httpx2
import pydantic_ai
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI
from pydantic import SecretStr
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import chatapp
from chatapp.adapters.base import AgentAssistant
from chatapp.adapters.chatlas import ChatlasAssistant
from chatapp.adapters.langchain import LangChainAssistant
from chatapp.adapters.pydantic_ai import PydanticAIAssistant
from chatapp.providers.metering import ProviderCall
from chatapp.turn import ChatMessage, Turn

KEY = "sk-SEEDED-0123456789abcdef0123456789abcdef"
MODEL = "model-17"


@dataclass
class Parcels:
    """The tool, and for what it was asked."""

    asked: list[int] = field(default_factory=list)

    def find_parcel(self, order_number: int) -> str:
        """Say where the parcel of an order is."""
        self.asked.append(order_number)
        return f"{order_number} is in Bern."


def make_pydantic_ai(stack: AsyncExitStack, base_url: str, parcels: Parcels, **attributes: Any) -> type[AgentAssistant]:
    """See MAKERS."""
    client = AsyncOpenAI(base_url=base_url, api_key=KEY, max_retries=0)
    stack.push_async_callback(client.close)
    model = OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=client))
    return PydanticAIAssistant.of(pydantic_ai.Agent(model, tools=[parcels.find_parcel]), slug="desk", **attributes)


def make_langchain(stack: AsyncExitStack, base_url: str, parcels: Parcels, **attributes: Any) -> type[AgentAssistant]:
    """See MAKERS."""
    client = httpx2.AsyncClient()
    stack.push_async_callback(client.aclose)
    model = ChatOpenAI(
        model=MODEL,
        base_url=base_url,
        api_key=SecretStr(KEY),
        max_retries=0,
        stream_usage=True,
        http_async_client=client,
    )
    return LangChainAssistant.of(create_agent(model, [parcels.find_parcel]), slug="desk", **attributes)


def make_chatlas(stack: AsyncExitStack, base_url: str, parcels: Parcels, **attributes: Any) -> type[AgentAssistant]:
    """See MAKERS."""
    client = chatlas.ChatOpenAICompletions(
        base_url=base_url,
        api_key=KEY,
        model=MODEL,
        kwargs={"max_retries": 0},
    )
    stack.push_async_callback(client.close_async)
    client.register_tool(parcels.find_parcel)
    return ChatlasAssistant.of(client, slug="desk", **attributes)


Maker = Callable[..., type[AgentAssistant]]

MAKERS: dict[str, Maker] = {"pydantic-ai": make_pydantic_ai, "langchain": make_langchain, "chatlas": make_chatlas}
"""An assistant whose agent asks this endpoint and has this tool, by the extra that it needs; the stack closes it."""


class Notes:
    """A ledger that a test can read."""

    def __init__(self) -> None:
        self.calls: list[ProviderCall] = []

    def record(self, call: ProviderCall) -> None:
        self.calls.append(call)


def make_turn(assistant: type[AgentAssistant], text: str, history: Sequence[ChatMessage] = (), **fields: Any) -> Turn:
    """A question to this assistant."""
    messages = [*history, ChatMessage(role="user", content=text)]
    return Turn(assistant=assistant(), messages=messages, **fields)


def remember(question: str, answer: Sequence[chatapp.Part]) -> list[ChatMessage]:
    """A question and its answer as they come back with the next question, by way of the database."""
    stored = [json.loads(json.dumps(part.dump())) for part in answer]
    parts = [chatapp.parts.load_part(row) for row in stored]
    said = "\n\n".join(part.plain for part in parts if part.plain)
    return [ChatMessage(role="user", content=question), ChatMessage(role="assistant", content=said, parts=parts)]
