"""One question waiting for its answer: the only argument of `respond`."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from chatapp import requesting
from chatapp.errors import ChatappError
from chatapp.events import Delta, Event, ModelCall
from chatapp.extracting import Shape, extract
from chatapp.files.writing import write_context, write_summary
from chatapp.inputs import InputUpdate
from chatapp.parts import Part, plain_text
from chatapp.providers.base import ModelRequest, Provider, RequestKind, get_provider
from chatapp.providers.fallback import Chain, get_fallback
from chatapp.providers.metering import Ledger
from chatapp.questions import InputRequest, InputType
from chatapp.retrieval import Sources, add_sources
from chatapp.sampling import ModelConfig
from chatapp.stretches import MessageStream, Speech
from chatapp.toolloop import converse
from chatapp.trimming import Summary

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

    def leave_out(self, upto: UUID) -> None: ...

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
    """Who produces the tokens; None: the one that `alias` names."""

    alias: str = ""
    """Of the provider that answers in this thread in place of the assistant's own; see chatapp.set_provider. Empty: its
    own."""

    ledger: Ledger | None = None
    """Who hears of each request to a provider, and what it cost. None: nobody, as in a turn made by hand."""

    summary: Summary | None = None
    """What the model gets in place of what does not fit any more. None: nobody summarised it."""

    chain: Chain | None = None
    """Who says what the model says, over all rounds of tools; `stream` makes one. None: each request has its own."""

    kind: RequestKind = "reply"
    """What is said: an answer, or a greeting."""

    desk: Desk | None = None
    """Where the person can be asked something; see `ask`. None: nobody is there, as in a turn made by hand."""

    speech: Speech | None = None
    """The message that is being said; see `message_stream`. None: nothing is, as in a turn made by hand."""

    sources: Sources = field(default_factory=Sources, compare=False, repr=False)
    """The passages that were found for this answer; see chatapp.retrieval."""

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

    def get_alias(self) -> str:
        """In CHATAPP["PROVIDERS"], of who produces the tokens of this answer."""
        return self.alias or self.assistant.provider

    def get_provider(self) -> Provider:
        """Who produces the tokens of this answer."""
        return self.provider or get_provider(self.get_alias())

    def get_model(self) -> str:
        """The model that is asked: what was chosen, or what the assistant names, or else the provider's own."""
        return self.get_named_model() or self.get_provider().model

    def get_named_model(self) -> str:
        """The model that goes with a request; empty: the provider's own. Of another's provider the assistant names
        none."""
        return self.config.model or ("" if self.alias else self.assistant.model)

    async def get_request(self, prompt: str = "") -> ModelRequest:
        """What goes to the model: the instructions, then the branch that is shown without empty messages, the tools.

        `prompt` is said after that, as if by the person, and is in no history. What does not fit is left out; raises
        ProviderError if the question alone does not.
        """
        request, window = await requesting.make_request(self, await self.assistant.load_tools(self), prompt)
        return await window.fit(request)

    async def write_history(self, *, with_calls: bool = True, can_ask: bool = False) -> list[dict[str, Any]]:
        """The branch that is shown as the API has it, with its files, and what is mentioned silently; without
        instructions.

        `with_calls`: calls of tools and their results are in it, in pairs. `can_ask`: see files.writing.
        """
        placed = await requesting.write_history(self, with_calls=with_calls, can_ask=can_ask)
        return [said for said, _place in placed]

    async def stream(self, prompt: str = "") -> AsyncGenerator[str | Event, None]:
        """Ask the model and give back what it says: text as `str`, thinking, usage, and how it finished.

        If the assistant has tools, what the model calls is run, and the model is asked again with the results, until it
        calls nothing more; the rows of the calls are among what comes. See docs/tools.md. The sources that its words
        name come last, before how it finished; see docs/retrieval.md. `prompt` is what it is asked after all that was
        said, as for a greeting; it is stored nowhere. Raises ProviderError after what was said before. Closing this
        generator closes the connection to the provider, and ends tools that run.
        """
        tools = await self.assistant.load_tools(self)
        turn = replace(self, chain=self._make_chain())
        request, window = await requesting.make_request(turn, tools, prompt)
        said: AsyncGenerator[Any, None] = converse(turn, request, tools, window) if tools else window.ask(request)
        async with aclosing(add_sources(said, self)) as items:
            async for item in items:
                if not isinstance(item, ModelCall):  # It was told of no tool, and calls one all the same.
                    yield item

    async def stream_once(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """What the model says to this one request; ModelCall is what it wants to be called. See stream."""
        said = (self.chain or self._make_chain()).ask(request)
        async with aclosing(said) as deltas:
            async for delta in deltas:
                yield delta

    async def extract(
        self, shape: type[Shape], prompt: str = "", *, instructions: str | None = None, model: str = ""
    ) -> Shape:
        """What the model reads in the conversation, as an object of this pydantic model; nothing of it is in the chat.

        `prompt` is said after the conversation, as if by the person; `instructions` take the place of the assistant's,
        `model` that of the one that answers. An answer of another shape goes back once, with what is wrong. Raises
        ExtractionError after that, ProviderError if the provider fails.
        """
        request, window = await requesting.make_request(self, {}, prompt, instructions)
        request = replace(request, kind="extract", model=model or request.model)
        return await extract(window, request, shape, knows_schemas=self.get_provider().json_schema)

    def _make_chain(self) -> Chain:
        alias = self.get_alias()
        fallback = get_fallback(alias, () if self.alias else self.assistant.fallback)
        return Chain(self.get_provider(), alias, fallback, self.ledger)

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
