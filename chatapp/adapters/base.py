"""What all assistants have in common behind which an agent of another library stands.

The thread is the memory: an agent is told the whole branch that is shown with each question, so what people edit,
branch or delete is so for it as well, and nothing of one person is kept on what all share.
"""

import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, Self

from pydantic_core import to_jsonable_python

from chatapp import handlers
from chatapp.activity import ToolCall
from chatapp.artifacts import JsonArtifact
from chatapp.assistants import Assistant
from chatapp.customizing import name_models
from chatapp.errors import ChatappError, ProviderError
from chatapp.events import Finish, ThinkingDelta
from chatapp.mappers import is_foreign
from chatapp.parts import Part
from chatapp.retrieval import add_sources
from chatapp.turn import Turn

from .failures import explain
from .records import Requests, Rows


class AgentAssistant(Assistant):
    """An assistant that lets somebody else's agent answer. Use one of its subclasses, each in a module of its own."""

    alias: ClassVar[str] = ""
    """As what the ledger knows the requests of the agent."""

    given: ClassVar[str] = ""
    """Name of the attribute that holds the agent."""

    sees_images: ClassVar[bool | None] = True

    @classmethod
    def of(cls, agent: Any, *, slug: str, **attributes: Any) -> type[Self]:
        """An assistant with this agent, and with these attributes of an Assistant:

        chatapp.register(PydanticAIAssistant.of(agent, slug="desk", greeting="Hello!"))
        """
        name = slug.title().replace("-", "")
        # As a class statement at the place of the call would, so that the checks name that place.
        module = sys._getframe(1).f_globals.get("__name__", cls.__module__)
        return type(name, (cls,), {"__module__": module, "slug": slug, cls.given: agent, **attributes})

    async def load_given(self, turn: Turn) -> Any:
        """The agent that answers this turn: what the `get_` twin of the attribute gives, whatever its colour.

        Without a detour through a thread if nobody overrode it. Raises ChatappError if there is none.
        """
        agent = getattr(self, self.given)
        if self._has_twin():
            agent = await handlers.call(getattr(self, f"get_{self.given}"), turn)
        if agent is None:
            raise ChatappError(f"{type(self).__qualname__} has no {self.given}")
        return agent

    def find_model(self, alias: str = "") -> str:
        """The model that answers where nobody chose another, if it is declared here; else only the agent knows it."""
        return self.model or next(iter(name_models(() if isinstance(self.models, str) else self.models)), "")

    def get_model_options(self, turn: Turn) -> dict[str, Any]:
        """The sampling options of this answer by their wire names: those that are declared, and what was chosen."""
        return {**self.options, **turn.config.get_options()}

    def check(self) -> list[str]:
        problems = super().check()
        if getattr(self, self.given) is None and not self._has_twin():
            problems.append(f"there is no {self.given}; write {self.given} = …, or get_{self.given}(self, turn)")
        if self.tools:
            problems.append(f"tools are those of the {self.given}; give them to it")
        return problems

    def _has_twin(self) -> bool:
        """Whether somebody overrode get_agent, or what it is called here."""
        twin = getattr(type(self), f"get_{self.given}")
        return not twin.__module__.startswith(f"{__package__}.")

    def respond(self, turn: Turn) -> AsyncGenerator[Any, None]:
        """What the agent says, as text, thinking, rows of tools and usage, then the sources that it names; see
        `speak`."""
        return add_sources(self._listen(turn), turn)

    async def _listen(self, turn: Turn) -> AsyncGenerator[Any, None]:
        requests = Requests(turn, self.alias)
        has_said = False
        error_code = ""
        try:
            async with aclosing(self.speak(turn, requests, Rows())) as said:
                async for item in said:
                    has_said = has_said or isinstance(item, str | ThinkingDelta)
                    yield item
                    if isinstance(item, ToolCall) and turn.desk is not None:
                        await turn.desk.save()
            yield Finish("stop" if requests.finish == "tool_calls" else requests.finish)
        except Exception as error:
            failure = explain(error, has_said=has_said)
            error_code = failure.code if isinstance(failure, ProviderError) else "failed"
            if failure is None or failure is error:
                raise
            raise failure from error
        finally:
            requests.close(error_code)

    def speak(self, turn: Turn, requests: Requests, rows: Rows) -> AsyncGenerator[Any, None]:
        """What the agent says to this turn, whatever may be yielded; each request to a model is told to `requests`.

        Closing this closes the connection to the model.
        """
        raise NotImplementedError(f"{type(self).__qualname__}.speak")


def say_missing(library: str, extra: str, error: ImportError) -> ImportError:
    """What to raise where the library of an adapter cannot be imported."""
    return ImportError(
        f"{library} cannot be imported ({error}); install it with: pip install 'django-chatapp[{extra}]'",
        name=error.name,
    )


def show_output(output: Any) -> Any:
    """What an agent gives that does not answer with text, as something to yield."""
    if isinstance(output, Part) or is_foreign(output):
        return output
    return JsonArtifact(title=type(output).__name__, data=to_jsonable_python(output, fallback=str))


def split_question(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Mapping[str, Any] | None]:
    """What was said before, and the question: the last message, if that is the person's."""
    if messages and messages[-1]["role"] == "user":
        return messages[:-1], messages[-1]
    return messages, None
