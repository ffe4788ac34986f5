"""What code around an answer can rely on: its turn, its signals, what it looks up, and that it holds nobody up."""

from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.test import AsyncClient

import chatapp
from chatapp import signals
from chatapp.models import Run
from chatapp.providers.scripted import gate
from tests.line import Line


async def test_every_receiver_hears_of_a_message_once_and_can_leave(line: Line) -> None:
    heard: list[str] = []

    def count(sender: Any, **kwargs: Any) -> None:
        heard.append("count")

    async def index(sender: Any, **kwargs: Any) -> None:
        heard.append("index")

    for receiver in (count, index):
        signals.message_created.connect(receiver)
    try:
        await line.post()
        await line.ended()
        assert sorted(heard) == ["count", "index"]
        signals.message_created.disconnect(index)
        await line.post("And?")
        await line.ended(2)
    finally:
        for receiver in (count, index):
            signals.message_created.disconnect(receiver)

    assert sorted(heard) == ["count", "count", "index"]


async def test_a_turn_knows_who_asks_what_and_where(line: Line) -> None:
    turns: list[chatapp.Turn] = []

    class Curious(chatapp.Assistant):
        instructions = "Be brief."
        model = "small"
        options = {"temperature": 0.2}

        async def respond(self, turn: chatapp.Turn) -> str:
            turns.append(turn)
            return "Noted."

    line.declares(Curious)
    run = await line.answer("Where?")
    (turn,) = turns
    request = await turn.get_request()

    assert (turn.user, turn.thread_id, turn.run_id, turn.text) == (line.owner, line.thread_id, run.pk, "Where?")
    assert turn.messages[-1].id == run.prompt_id
    assert (turn.attachments, dict(turn.settings), turn.config) == ((), {}, chatapp.ModelConfig())
    assert (request.model, dict(request.options)) == ("small", {"temperature": 0.2})
    assert request.messages[0] == {"role": "system", "content": "Be brief."}


async def test_an_assistant_may_look_something_up_and_tell_the_model(line: Line) -> None:
    class Librarian(chatapp.Assistant):
        """Retrieval in a few lines: what is found goes into the instructions, and its source below the answer."""

        async def get_instructions(self, turn: chatapp.Turn) -> str:  # type: ignore[override]  # both colours will do
            found = [user.username async for user in get_user_model().objects.filter(username__contains=turn.text)]
            return f"Answer from this only: {', '.join(found)}"

        async def respond(self, turn: chatapp.Turn) -> Any:
            async for said in turn.stream():
                yield said
            yield chatapp.CitationPart(url="/people/", title="Our people")

    line.declares(Librarian)
    provider = line.says("Olga.")

    await line.answer(line.owner.username)

    assert provider.requests[0].messages[0]["content"] == f"Answer from this only: {line.owner.username}"
    assert [part.kind for part in await line.parts()] == ["text", "citation"]


async def test_a_function_of_the_text_sees_no_older_turns(line: Line) -> None:
    class Loud(chatapp.Assistant):
        def respond(self, text: str) -> str:  # type: ignore[override]  # any of the named arguments will do
            return text.upper()

    line.declares(Loud)

    results = [(await line.answer(text)).get_result() for text in ("hi", "there")]

    assert results == ["HI", "THERE"]


async def test_pages_load_while_fifty_answers_are_under_way(line: Line, async_client: AsyncClient) -> None:
    line.sets(RUNS_PER_PERSON=50, MESSAGES_PER_MINUTE=1000)
    line.says("So far.", gate("end"))
    first = line.thread_id
    for _number in range(50):
        await line.post()
        line.thread_id = uuid4()
    await line.provider.reached("end")
    await async_client.aforce_login(line.owner)

    page = await async_client.get(f"/chat/{first}/")

    assert page.status_code == 200
    assert await Run.objects.filter(state="running").acount() == 50
