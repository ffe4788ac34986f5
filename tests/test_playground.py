"""The playground: two models side by side, for staff; what is tried there, what each took, and who finds it."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

import chatapp
from chatapp.approvals import ApprovalRequest
from chatapp.errors import ProviderError
from chatapp.events import ThinkingDelta, Usage
from chatapp.figures import FiguresPart
from chatapp.models import Message, Run, Thread
from chatapp.parts import ErrorPart, Part
from chatapp.playground import SIDES, Side
from chatapp.policy import get_policy
from chatapp.providers.base import close_providers, replace_provider
from chatapp.providers.metering import ProviderCall
from chatapp.providers.scripted import PATIENCE_SECONDS, ScriptedProvider, call, gate
from chatapp.runs.hub import get_hub
from chatapp.runs.live import LiveRun
from chatapp.runs.results import wait_for_run
from chatapp.runs.streams import Viewer
from chatapp.sampling import ModelConfig
from chatapp.trials import Trial, write_snippet
from tests.browser.model import QUESTION, Model
from tests.faults.exchange import Exchange
from tests.faults.fault import FAULTS, Fault
from tests.faults.server import FaultServer
from tests.line import Line

PATH, ASK = "/chat/playground/", "/chat/playground/ask/"
OPENAI = "chatapp.providers.openai.OpenAIProvider"
FAST = {"fast": {"BACKEND": "chatapp.providers.scripted.ScriptedProvider", "OPTIONS": {"model": "swift-1"}}}
USAGE = Usage(input_tokens=1000, output_tokens=100, cached_tokens=400, reasoning_tokens=30)


@chatapp.tool
def open_door(number: int) -> str:
    """Open a door."""
    return f"Door {number} is open."


class Porter(chatapp.Assistant):
    """An assistant with all that can be tried."""

    instructions = "You keep the doors."
    models = ["oak", "pine"]
    options = {"temperature": 0.2, "seed": 7, "top_k": 1000}
    tools = [open_door]


class Stage:
    """A member of staff in the playground, and the two providers that they ask."""

    def __init__(self, line: Line, staff: Any) -> None:
        self.line, self.staff, self.browser = line, staff, AsyncClient()
        self.slow = line.provider
        self.fast = ScriptedProvider()
        self.count = 0

    def says(self, *script: Any, fast: tuple[Any, ...] = ("Quick.",)) -> None:
        """From now on the providers say this."""
        self.slow = self.line.says(*script)
        self.fast = ScriptedProvider(fast, model="swift-1")
        self.line.enters(replace_provider(self.fast, "fast"))

    def fill_in(self, **more: str) -> dict[str, str]:
        """The form: the assistant on one side, the other provider on the other one."""
        fields = {"a-who": "assistant:porter", "a-instructions": "Be slow.", "b-who": "provider:fast", "text": "Hi"}
        return {**fields, **{name.replace("__", "-"): value for name, value in more.items()}}

    async def post(self, *, script: bool = True, **more: Any) -> Any:
        """Send the form."""
        headers = {"HX-Request": "true"} if script else {}
        return await self.browser.post(ASK, self.fill_in(**more), headers=headers)

    async def ask(self, **more: Any) -> None:
        """Send the form and wait until both sides have ended."""
        response = await self.post(**more)
        assert (response.status_code, response.json()) == (200, {})
        await self.ended()

    async def ended(self) -> None:
        """Wait until nothing is said any more."""
        async for run in Run.objects.filter(finished_at=None):
            await wait_for_run(run.pk)

    async def stream(self, side: Side) -> Thread:
        """The row of a side."""
        return await Thread.objects.select_related("head__run").aget(stream=SIDES[side])

    async def parts(self, side: Side) -> list[Part]:
        """Of the last answer of a side."""
        head = (await self.stream(side)).head
        assert head is not None
        return head.load_parts()

    async def figures(self, side: Side) -> FiguresPart:
        """Of the last answer of a side."""
        (found,) = [part for part in await self.parts(side) if isinstance(part, FiguresPart)]
        return found

    async def page(self) -> str:
        """The page, freshly loaded."""
        response = await self.browser.get(PATH)
        assert response.status_code == 200
        return str(response.content.decode())

    async def log(self, side: Side) -> str:
        """What was said on a side, as words in the page."""
        place = f"s-{Viewer.find(self.staff).get_id(SIDES[side])}"
        found = re.search(rf'id="{place}-log"[^>]*>(.*?)<i id="{place}-cursor"', await self.page(), re.S)
        assert found
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", found[1])).split())


@pytest_asyncio.fixture
async def stage(line: Line, staff: Any) -> AsyncIterator[Stage]:
    """A member of staff is signed in; an assistant and a second provider are there."""
    line.declares(Porter)
    line.sets(PROVIDERS=FAST)
    stage = Stage(line, staff)
    stage.says("Slow.")
    await stage.browser.aforce_login(staff)
    yield stage


# ---- who finds it


@pytest.mark.parametrize(("method", "path"), [("get", PATH), ("post", ASK), ("post", "/chat/playground/answer/")])
def test_the_playground_is_not_there_for_who_is_no_staff(owner_client: Client, method: str, path: str) -> None:
    assert getattr(owner_client, method)(path, {"text": "Hi"}).status_code == 404
    assert not Thread.objects.exists()


def test_only_staff_find_the_way_to_it(owner_client: Client, staff_client: Client) -> None:
    assert PATH not in owner_client.get("/chat/").content.decode()
    assert PATH in staff_client.get("/chat/").content.decode()
    assert PATH in staff_client.get("/admin/chatapp/").content.decode()


def test_the_policy_of_the_site_decides_who_may(owner: Any, staff: Any, settings: Any) -> None:
    policy = get_policy()
    assert (policy.can_use_playground(staff), policy.can_use_playground(owner)) == (True, False)
    staff.is_active = False
    assert not policy.can_use_playground(staff)


async def test_nothing_of_it_becomes_a_conversation_of_anybody(stage: Stage) -> None:
    await stage.ask()

    assert not await sync_to_async(get_policy().get_threads(stage.staff).exists)()
    page = await stage.browser.get("/chat/search/?q=slow")
    assert "Slow." not in page.content.decode()
    assert (await stage.browser.get(f"/chat/{(await stage.stream('a')).pk}/")).status_code == 404


# ---- what goes to the models


async def test_each_side_sends_its_own_model_instructions_and_sampling(stage: Stage) -> None:
    await stage.ask(a__model="oak", a__temperature="0.9", b__instructions="Be quick.", b__max_tokens="50")

    (slow,), (fast,) = stage.slow.requests, stage.fast.requests
    assert slow.messages == [{"role": "system", "content": "Be slow."}, {"role": "user", "content": "Hi"}]
    assert (slow.model, slow.options, slow.kind) == ("oak", {"seed": 7, "temperature": 0.9}, "playground")
    assert fast.messages == [{"role": "system", "content": "Be quick."}, {"role": "user", "content": "Hi"}]
    assert (fast.model, fast.options, fast.tools) == (None, {"max_tokens": 50}, ())


async def test_what_is_changed_there_changes_the_next_reply_and_each_side_keeps_its_own_history(stage: Stage) -> None:
    await stage.ask()
    await stage.ask(text="And now?", a__model="pine", a__instructions="", a__top_p="0.5")

    second = stage.slow.requests[1]
    assert (second.model, second.options) == ("pine", {"seed": 7, "top_p": 0.5})
    assert [message["content"] for message in second.messages] == ["Hi", "Slow.", "And now?"]
    assert [message["content"] for message in stage.fast.requests[1].messages] == ["Hi", "Quick.", "And now?"]


async def test_an_assistant_that_answers_by_itself_gets_what_is_tried(stage: Stage) -> None:
    class Herald(chatapp.Assistant):
        instructions = "Old."

        async def respond(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
            yield "Hear: "
            async for item in turn.stream():
                yield item

    stage.line.declares(Herald)
    await stage.ask(a__who="assistant:herald", a__instructions="New.")

    assert stage.slow.requests[0].messages[0]["content"] == "New."
    assert "Hear: Slow." in await stage.log("a")


async def test_the_page_begins_with_what_is_declared_and_comes_back_with_what_was_tried(stage: Stage) -> None:
    fresh = await stage.page()
    await stage.ask(a__model="pine", a__instructions="<b>Mine</b>", a__temperature="1.5")
    again = await stage.page()

    assert ">\nYou keep the doors.</textarea>" in fresh
    assert re.findall(r'name="[ab]-model" value="(\w+)"', fresh) == ["oak", "pine"]
    assert re.findall(r'name="a-(\w+)" value="([\d.]+)"', fresh) == [("temperature", "0.2")]
    assert ">\n&lt;b&gt;Mine&lt;/b&gt;</textarea>" in again
    assert re.findall(r'name="a-(\w+)" value="([\d.]+)"', again) == [("temperature", "1.5")]


async def test_every_request_is_told_to_the_ledger_of_its_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[ProviderCall] = []
    monkeypatch.setattr(LiveRun, "record", lambda live, call: heard.append(call))

    await stage.ask()

    assert {(call.alias, call.kind, call.finish) for call in heard} == {
        ("default", "playground", "stop"),
        ("fast", "playground", "stop"),
    }


# ---- what each took


async def test_under_each_answer_stands_what_it_took_and_cost(stage: Stage) -> None:
    stage.line.sets(PRICES={"swift-1": {"input": "2", "cached": "0.5", "output": "10"}}, CURRENCY="EUR")
    stage.says(ThinkingDelta("Hm."), "Slow.", USAGE, fast=("Quick.", USAGE))
    await stage.ask()

    slow, fast = await stage.figures("a"), await stage.figures("b")
    assert (fast.input_tokens, fast.output_tokens, fast.cached_tokens, fast.reasoning_tokens) == (1000, 100, 400, 30)
    assert fast.cost == Decimal("0.0024")
    assert slow.cost is None
    assert slow.first_token_seconds is not None
    assert 0 <= slow.first_token_seconds <= slow.seconds
    assert "Cost 0.0024 EUR" in await stage.log("b")
    assert "400 cached" in await stage.log("b")
    assert "Cost no price" in await stage.log("a")


async def test_the_figures_of_a_stopped_answer_are_there_and_the_other_side_goes_on(stage: Stage) -> None:
    stage.says("Slowly ", gate("mid"), fast=("Quickly ", gate("mid"), "done.", USAGE))
    await stage.post()
    await stage.slow.reached("mid")
    await stage.fast.reached("mid")

    address = f"/chat/streams/{Viewer.find(stage.staff).get_id(SIDES['a'])}/{SIDES['a']}/cancel/"
    assert (await stage.browser.post(address)).status_code == 204
    await stage.slow.ended()
    stage.fast.release("mid")
    await stage.ended()

    stopped, done = (await stage.stream("a")).head, (await stage.stream("b")).head
    assert (stopped.run.state, done.run.state) == ("stopped", "complete")  # type: ignore[union-attr]
    assert (await stage.figures("a")).output_tokens is None
    assert (await stage.figures("b")).output_tokens == 100
    assert "Slowly" in await stage.log("a")


async def test_two_servers_stream_at_once_and_both_sides_have_words_before_either_ends(
    line: Line, staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"oak": Model(), "pine": Model()}

    async def play(exchange: Exchange) -> None:
        await models[exchange.body["model"]].play(exchange)

    monkeypatch.setitem(FAULTS, "stage", Fault(name="stage", play=play))
    browser = AsyncClient()
    await browser.aforce_login(staff)
    async with FaultServer() as here, FaultServer() as there:
        line.sets(
            PROVIDERS={
                alias: {"BACKEND": OPENAI, "OPTIONS": {"model": model, "base_url": server.base_url, "api_key": "sk-x"}}
                for alias, model, server in (("here", "oak", here), ("there", "pine", there))
            }
        )
        fields = {"a-who": "provider:here", "b-who": "provider:there", "text": f"A tree? {QUESTION}"}
        assert (await browser.post(ASK, fields)).status_code == 303
        for model, word in (("oak", "Oakish"), ("pine", "Piny")):
            await models[model].say(word)
        said = [
            await follow(browser, await Thread.objects.aget(stream=name), word)
            for name, word in zip(SIDES.values(), ("Oakish", "Piny"), strict=True)
        ]
        assert [("Piny" in said[0], "Oakish" in said[1])] == [(False, False)]
        assert [server.get_stats("stage").in_flight for server in (here, there)] == [1, 1]
        for each in models.values():
            await each.finish(" end.")
        async for run in Run.objects.all():
            assert (await wait_for_run(run.pk)).state == "complete"
        await close_providers()


async def follow(browser: AsyncClient, stream: Thread, words: str) -> str:
    """What comes over the door of a stream until these words."""
    response: Any = await browser.get(f"/chat/streams/{stream.pk}/{stream.stream}/live/")
    events = aiter(response.streaming_content)
    text = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while words not in text:
            text += (await anext(events)).decode()
    await events.aclose()
    return text


async def test_staff_read_what_really_went_wrong_and_no_key(stage: Stage) -> None:
    stage.says("So ", ProviderError("refused", "400: no such model sk-abcdefgh12345678"))
    await stage.ask()

    (error,) = [part for part in await stage.parts("a") if isinstance(part, ErrorPart)]
    assert error.code == "refused"
    assert "400: no such model [redacted]" in error.message
    assert error.reference
    assert (await stage.figures("a")).seconds >= 0
    assert "no such model" in await stage.log("a")


# ---- what is refused


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("a__temperature", "3", "This must be between 0 and 2."),
        ("a__top_k", "1.5", "This must be a whole number."),
        ("b__max_tokens", "many", "This must be a number."),
        ("b__top_p", "nan", "This must be a number."),
        ("b__who", "assistant:nobody", "Select a valid choice."),
        ("a__model", "x" * 129, "at most 128 characters"),
        ("a__instructions", "x" * 60_001, "at most 60000 characters"),
    ],
)
async def test_a_bad_value_is_answered_with_a_sentence_and_nothing_that_was_typed_is_lost(
    stage: Stage, field: str, value: str, sentence: str
) -> None:
    typed: dict[str, Any] = {field: value, "b__instructions": "Kept.", "text": "A long question"}
    response = await stage.post(**typed)
    page = await stage.post(script=False, **typed)

    assert (response.status_code, page.status_code) == (422, 422)
    side, _, name = field.partition("__")
    assert sentence in response.json()["problems"][f"playground-{side}-{name}"]
    html = page.content.decode()
    assert sentence in html
    assert "Kept.</textarea>" in html
    assert "A long question</textarea>" in html
    assert stage.slow.requests == stage.fast.requests == []


async def test_a_blank_question_and_one_during_an_answer_are_refused_for_both(stage: Stage) -> None:
    blank = await stage.post(text=" ")
    stage.says("Slowly ", gate("mid"))
    await stage.post()
    await stage.slow.reached("mid")
    await wait_for_run((await stage.stream("b")).head.run.pk)  # type: ignore[union-attr]
    early = await stage.post(text="And?")
    stage.slow.release("mid")
    await stage.ended()

    assert (blank.status_code, blank.json()["notice"]) == (422, "Please write something first.")
    assert early.status_code == 409
    assert "until both have finished" in early.json()["notice"]
    assert len(stage.fast.requests) == 1


async def test_what_is_asked_there_counts_as_messages_do(stage: Stage) -> None:
    stage.line.sets(MESSAGES_PER_MINUTE=3)
    await stage.ask()
    refused = await stage.post(text="More")

    assert refused.status_code == 429
    assert await Message.objects.filter(text="More").acount() == 0


async def test_who_asks_with_another_verb_finds_nothing(stage: Stage) -> None:
    for verb in ("send.a", "again", "use", "load", "again.c", "drop"):
        assert (await stage.post(do=verb)).status_code == 404, verb


# ---- once more, and from the beginning


async def test_one_side_is_asked_again_with_what_is_tried_now(stage: Stage) -> None:
    await stage.ask()
    await stage.ask(do="again.a", a__model="pine", text="not this")

    assert [request.model for request in stage.slow.requests] == [None, "pine"]
    assert [message["content"] for message in stage.slow.requests[1].messages] == ["Be slow.", "Hi"]
    assert len(stage.fast.requests) == 1
    log = await stage.log("a")
    assert (log.count("Hi"), log.count("Slow.")) == (1, 1)


async def test_without_a_question_there_is_nothing_to_ask_again(stage: Stage) -> None:
    response = await stage.post(do="again.b")

    assert (response.status_code, response.json()["notice"]) == (409, "There is no question to ask again.")


async def test_starting_over_stops_what_is_said_and_keeps_what_is_tried(stage: Stage) -> None:
    stage.says("Slowly ", gate("mid"))
    await stage.post(b__model="swift-2")
    await stage.slow.reached("mid")

    response = await stage.post(do="clear", text="Unsent")
    await stage.slow.ended()
    await stage.ended()
    await stage.post(do="clear")
    await stage.ended()

    assert response.json() == {}
    assert not await Message.objects.exclude(text="").aexists()
    assert "Quick." not in await stage.page()
    assert 'value="swift-2"' in await stage.page()
    stage.says("Slow.")
    await stage.ask(text="New")
    assert [message["content"] for message in stage.slow.requests[-1].messages] == ["Be slow.", "New"]
    assert "New Quick." in await stage.log("b")


async def test_starting_over_in_mid_answer_leaves_nothing_of_the_question_the_next_time(stage: Stage) -> None:
    stage.says("Slowly ", gate("mid"), fast=("Quickly ", gate("mid")))
    await stage.post(text="Secret plan")
    await stage.slow.reached("mid")
    await stage.fast.reached("mid")
    await stage.post(do="clear")
    await stage.slow.ended()
    await stage.fast.ended()
    await stage.ended()
    assert "Secret plan" not in await stage.page()

    await stage.post(do="clear")
    await stage.ended()

    assert not await Message.objects.filter(text__contains="Secret").aexists()


# ---- tools


async def test_tools_are_off_unless_they_are_switched_on(stage: Stage) -> None:
    await stage.ask()
    await stage.ask(a__with_tools="on", b__with_tools="on")

    assert [len(request.tools) for request in stage.slow.requests] == [0, 1]
    assert [len(request.tools) for request in stage.fast.requests] == [0, 0]


async def test_a_tool_that_needs_it_waits_until_it_is_allowed_there(stage: Stage) -> None:
    stage.slow = stage.line.plays([call("open_door", id="c1", number=4)], ["It is open."])
    await stage.post(a__with_tools="on")
    question = await stage_asked(stage)
    page = await stage.page()
    answer = {"request": question.id, "value": "allow"}
    both = await stage.browser.post(
        "/chat/playground/answer/", {"request": [question.id, "x"], "value": "allow"}, headers={"HX-Request": "true"}
    )
    taken = await stage.browser.post("/chat/playground/answer/", answer, headers={"HX-Request": "true"})
    await stage.ended()
    late = await stage.browser.post("/chat/playground/answer/", answer, headers={"HX-Request": "true"})

    assert 'value="allow_thread"' in page
    assert [response.status_code for response in (both, taken, late)] == [409, 200, 409]
    log = await stage.log("a")
    assert "Door 4 is open." in log
    assert "It is open." in log
    assert (await stage.figures("a")).requests == 2


async def stage_asked(stage: Stage) -> ApprovalRequest:
    """The question that the first side waits for."""
    await stage.slow.ended()
    run = (await stage.stream("a")).head.run  # type: ignore[union-attr]
    feed, news = get_hub().feeds[run.pk], asyncio.Event()
    feed.attach(news.set)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await Run.objects.aget(pk=run.pk)).state != Run.State.WAITING:
            await news.wait()
            news.clear()
    feed.detach(news.set)
    (found,) = [part for part in await stage.parts("a") if isinstance(part, ApprovalRequest)]
    return found


# ---- for an assistants.py


@pytest.mark.parametrize(
    "instructions",
    [
        "",
        "One line.",
        'Say "hi" \\n and \'\'\' and """.\nThen }} {% end %}\n\n\tTabs',
        "Zeilen\u2028getrennt\x85so",
        "</code><script>alert(1)</script>",
    ],
)
def test_the_values_become_python_that_says_exactly_the_same(instructions: str) -> None:
    config = ModelConfig(model="a\"b'\\", temperature=0.5, max_tokens=100)
    source = write_snippet(Trial(who="provider:fast", instructions=instructions, config=config))

    (declared,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    said = {
        node.targets[0].id: ast.literal_eval(node.value)  # type: ignore[attr-defined]
        for node in declared.body
        if isinstance(node, ast.Assign)
    }
    expected = {"provider": "fast", "model": "a\"b'\\", "options": {"max_tokens": 100, "temperature": 0.5}}
    assert said == {**expected, **({"instructions": instructions} if instructions else {})}


async def test_use_these_values_shows_the_python_of_one_side_and_sends_nothing(stage: Stage) -> None:
    values: dict[str, Any] = {"do": "use.a", "a__instructions": "</code><script>", "a__temperature": "1"}
    snippet = (await stage.post(**values)).json()["snippets"]["a"]
    page = (await stage.post(script=False, **values)).content.decode()

    assert "class Porter(chatapp.Assistant):" in snippet
    assert 'instructions = "</code><script>"' in snippet
    assert "instructions = &quot;&lt;/code&gt;&lt;script&gt;&quot;" in page
    assert stage.slow.requests == []
    assert not await Thread.objects.aexists()


# ---- without script


async def test_without_script_the_form_leads_back_to_the_page_with_the_answers(stage: Stage) -> None:
    response = await stage.post(script=False)
    await stage.ended()
    loaded = await stage.post(script=False, do="load.b", b__who="assistant:porter", a__instructions="Kept.")

    assert (response.status_code, response["Location"]) == (303, PATH)
    assert "Slow." in await stage.log("a")
    assert "Quick." in await stage.log("b")
    html = loaded.content.decode()
    assert "Kept.</textarea>" in html
    assert "You keep the doors.</textarea>" in html
