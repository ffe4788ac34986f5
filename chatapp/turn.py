"""One question waiting for its answer: the only argument of `respond`."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from chatapp.conf import settings
from chatapp.contexts import add_context, read_silent
from chatapp.errors import ChatappError
from chatapp.events import Delta, Event, Finish, ModelCall
from chatapp.files.context import CONTEXT_TOOL
from chatapp.files.writing import Written, add_files, write_context, write_files, write_summary
from chatapp.history import is_model_call, write_messages
from chatapp.inputs import InputUpdate
from chatapp.parts import Part, plain_text
from chatapp.providers.base import ModelRequest, Provider, get_provider
from chatapp.questions import InputRequest, InputType
from chatapp.sampling import ModelConfig
from chatapp.stretches import MessageStream, Speech
from chatapp.toolloop import converse
from chatapp.tools import Tool

if TYPE_CHECKING:
    from chatapp.assistants import Assistant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message of the history, as an assistant sees it."""

    role: str
    """user, assistant, system or tool."""

    content: str
    """What was said, as plain text or Markdown; without thinking, errors and notices."""

    id: UUID | None = None
    """Of the stored message; None for one that was made up."""

    parts: Sequence[Part] = ()
    """The same in full."""

    attachments: Sequence[Any] = ()
    """Files that came with it, each a chatapp.ChatFile."""


class Desk(Protocol):
    """Where a turn asks its person and is written down; whoever runs the turn brings it. See runs.desk."""

    async def ask(self, request: InputRequest, timeout: float | None) -> str: ...  # noqa: ASYNC109

    async def wait(self, timeout: float | None) -> str: ...  # noqa: ASYNC109

    async def allows(self, tool: str) -> bool: ...

    async def save(self) -> None: ...
    async def update_input(self, update: InputUpdate) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question waiting for its answer. Everything of one person is here and nowhere on the shared assistant.

    Frozen: a change of settings in mid-answer does not reach it.
    """

    assistant: "Assistant"
    """Who answers."""

    messages: Sequence[ChatMessage]
    """The branch that is shown, oldest first; the last one is the question."""

    user: Any = None
    """Who asks: the site's user."""

    thread_id: UUID | None = None
    """The thread; fetch it with the ORM if you need the row."""

    run_id: UUID | None = None
    """The run that this turn is."""

    config: ModelConfig = field(default_factory=ModelConfig)
    """Model and sampling chosen for this answer."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """What was chosen in the menu of the assistant, for the thread, by the person or by the site, as it was when the
    question came; and whatever else code keeps in the thread's settings."""

    provider: Provider | None = None
    """Who produces the tokens; None: the one that the assistant names."""

    desk: Desk | None = None
    """Where the person can be asked something; see `ask`. None: nobody is there, as in a turn made by hand."""

    speech: Speech | None = None
    """The message that is being said; see `message_stream`. None: nothing is, as in a turn made by hand."""

    @property
    def text(self) -> str:
        """The question, without what was mentioned in it."""
        if not self.messages:
            return ""
        return plain_text(self.messages[-1].parts) or self.messages[-1].content

    @property
    def attachments(self) -> Sequence[Any]:
        """Files that came with the question."""
        return self.messages[-1].attachments if self.messages else ()

    @property
    def attachment_summary(self) -> str:
        """One line that lists the files of the question; empty without any."""
        return write_summary(self.attachments)

    @property
    def context_text(self) -> str:
        """The text of the files of the question, each between marks with its name and type, whatever its length."""
        return write_context(self.attachments)

    @property
    def sees_images(self) -> bool:
        """Whether the model gets images as images: what the assistant says, else what its provider does."""
        sees = self.assistant.sees_images
        return self.get_provider().sees_images if sees is None else sees

    def get_provider(self) -> Provider:
        """Who produces the tokens of this answer."""
        return self.provider or get_provider(self.assistant.provider)

    async def get_request(self, prompt: str = "") -> ModelRequest:
        """What goes to the model: the instructions, then the branch that is shown without empty messages, the tools.

        `prompt` is said after that, as if by the person, and is in no history.
        """
        return await self._make_request(await self.assistant.load_tools(self), prompt)

    async def _make_request(self, tools: Mapping[str, Tool], prompt: str) -> ModelRequest:
        instructions = await self.assistant.load_instructions(self)
        system = [{"role": "system", "content": instructions}] if instructions else []
        files = await self._write_files(can_ask=CONTEXT_TOOL.name in tools)
        said = [
            written
            for place, message in enumerate(self.messages)
            if message.role in ("user", "assistant", "system")
            # Without a tool at hand some servers refuse to hear of calls.
            for written in _write(message, files.get(place), with_tools=bool(tools))
        ]
        if self.messages:
            sources = await self.assistant.load_context_sources(self.user)
            said = add_context(said, await read_silent(sources, self))
        if prompt:
            said.append({"role": "user", "content": prompt})
        return ModelRequest(
            messages=[*system, *said],
            model=self.config.model or self.assistant.model or None,
            options={**self.assistant.options, **self.config.get_options()},
            tools=tuple(tool.definition for tool in tools.values()),
        )

    async def _write_files(self, *, can_ask: bool) -> Mapping[int, Written]:
        if not any(message.attachments for message in self.messages):
            return {}
        return await write_files(
            self.messages,
            budget_chars=settings.ATTACHMENT_MODEL_CHARS,
            sees_images=self.sees_images,
            can_ask=can_ask,
        )

    async def stream(self, prompt: str = "") -> AsyncGenerator[str | Event, None]:
        """Ask the model and give back what it says: text as `str`, thinking, usage, and how it finished.

        If the assistant has tools, what the model calls is run, and the model is asked again with the results, until it
        calls nothing more; the rows of the calls are among what comes. See docs/tools.md. `prompt` is what it is
        asked after all that was said, as for a greeting; it is stored nowhere. Raises ProviderError after what was said
        before. Closing this generator closes the connection to the provider, and ends tools that run.
        """
        tools = await self.assistant.load_tools(self)
        request = await self._make_request(tools, prompt)
        said: AsyncGenerator[Any, None] = converse(self, request, tools) if tools else self.stream_once(request)
        async with aclosing(said) as items:
            async for item in items:
                if not isinstance(item, ModelCall):  # It was told of no tool, and calls one all the same.
                    yield item

    async def stream_once(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """What the model says to this one request; ModelCall is what it wants to be called. See stream."""
        deltas = self.get_provider().stream(request)
        try:
            async for delta in deltas:
                yield delta
                if isinstance(delta, Finish):
                    return
        finally:
            if isinstance(deltas, AsyncGenerator):
                await deltas.aclose()

    def message_stream(self) -> MessageStream:
        """A stretch of the answer that can be said anew while it is open:

            async with turn.message_stream() as message:
                await message.append("Looking")
                await message.replace("Found it.")

        `append` takes whatever may be yielded; `replace` says something in place of all that was said since the stream
        was entered. Inside of another one it is a checkpoint of the same message. Of two that run in parallel the
        second waits until the first has been left. Raises ChatappError if nothing is being said.
        """
        if self.speech is None:
            raise ChatappError("nothing is being said: this turn was made by hand and not by a run")
        return MessageStream(self.speech)

    async def ask(
        self,
        prompt: str,
        *,
        kind: InputType = "text",
        options: Sequence[str] | None = None,
        placeholder: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # of the person: they get no error, the assistant gets ""
    ) -> str:
        """Ask the person something in the middle of the answer, and give back what they say.

        `kind` is "text", "buttons" (Yes and No, if there are no `options`), "radio" or "select". After `timeout`
        seconds without an answer the question is closed and the answer is "". Stop ends the whole answer, as ever.
        Raises a ValidationError for a question that cannot be asked, ChatappError if nobody is there to answer it.
        """
        request = InputRequest.model_validate(
            {"prompt": prompt, "input_type": kind, "options": options, "placeholder": placeholder}
        )
        return await self._get_desk(timeout).ask(request, timeout)

    async def wait_for_input(self, timeout: float | None = None) -> str:  # noqa: ASYNC109  # as in ask
        """The answer to the InputRequest that was yielded last; "" if `timeout` seconds pass without one.

        Raises ChatappError if none was yielded, or if nobody is there to answer it.
        """
        return await self._get_desk(timeout).wait(timeout)

    async def update_input(
        self, value: str | None = None, *, placeholder: str | None = None, submit: bool = False, focus: bool = False
    ) -> None:
        """Change the message box in the open pages of the person; what is not given stays as it is.

        With `submit` the value is sent as if by the person, once, when this answer has ended; a draft of theirs stays.
        Raises ValueError for `submit` or `focus` without a value, ChatappError if nobody is there.
        """
        update = InputUpdate(value=value, placeholder=placeholder, submit=submit, focus=focus)
        await self._get_desk(None).update_input(update)

    def _get_desk(self, timeout: float | None) -> Desk:
        if timeout is not None and timeout <= 0:
            raise ValueError(f"timeout must be more than 0 seconds, or None for ever, not {timeout!r}")
        if self.desk is None:
            raise ChatappError("nobody is there to be asked: this turn was made by hand and not by a run")
        return self.desk


def _write(message: ChatMessage, files: Written | None, *, with_tools: bool) -> list[dict[str, Any]]:
    if with_tools and any(is_model_call(part) for part in message.parts):
        said = write_messages(message.role, message.parts)
    else:
        said = [{"role": message.role, "content": message.content}] if message.content.strip() else []
    return add_files(said, message.role, files) if files is not None else said
