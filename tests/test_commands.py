"""Slash commands: how they are declared, what they say, the built-in ones, and who may use them."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import AsyncClient

import chatapp
from chatapp import actions, commands
from chatapp.errors import Refused
from chatapp.models import Message, Run, Thread
from chatapp.providers.scripted import gate
from chatapp.runs.listing import list_threads
from chatapp.testing import Page, ThreadSocket
from tests.conftest import make_thread
from tests.line import Line


@chatapp.command("say", "Says it back")
def say(text: str) -> str:
    return f"You said **{text}**."


@chatapp.command("hush", "Does it without a word", echo=False)
def hush() -> None:
    """Says nothing."""


@chatapp.command("whisper", echo=False)
async def whisper(text: str, turn: chatapp.Turn) -> AsyncIterator[str]:
    """Says it, and is not shown itself."""
    yield f"{turn.user}: "
    yield text


@chatapp.command("nothing")
def nothing() -> None:
    """Is shown, and says nothing."""


@chatapp.command("note", for_model=True)
def note(text: str) -> str:
    """What is said here is for the model too."""
    return "Noted."


@chatapp.command("break")
def break_it() -> Iterator[str]:
    """Fails in the middle."""
    yield "So far"
    raise RuntimeError("secret of the house")


@chatapp.command("crash", echo=False)
def crash() -> None:
    """Fails at once."""
    raise chatapp.VisibleError("The dice are gone.")


class Desk(chatapp.Assistant):
    """Has commands of its own, and models to choose from."""

    commands = [say, hush, whisper, nothing, note, break_it, crash, chatapp.command("dark", "Dark mode", None)]
    models = ["small", "Large"]
    model = "own"


@pytest.fixture
def desk(line: Line) -> Line:
    """A line to the desk."""
    line.declares(Desk)
    return line


@pytest.fixture
def joke() -> Iterator[commands.Command]:
    """A command of the site."""
    made = chatapp.slash_command("/Joke", "Tells one")(lambda: "Ha.")
    yield made
    made.remove()


async def texts(line: Line) -> list[tuple[str, str]]:
    """What stands in the thread: role and text, in order."""
    async with ThreadSocket(line.owner, line.thread_id) as socket:
        page = await socket.until(lambda page: page.state == "complete")
    return [
        (str(article.get("data-chat-role")), text) for article, text in zip(page.articles, page.texts, strict=False)
    ]


async def allow(line: Line, *names: str) -> None:
    """The owner gets these permissions."""
    found = [permission async for permission in Permission.objects.filter(codename__in=names)]
    assert len(found) == len(names)
    await line.owner.user_permissions.aset(found)
    line.owner = await get_user_model().objects.aget(pk=line.owner.pk)


# ---- declaring


def test_a_name_is_taken_without_its_slash_and_in_lower_case(joke: commands.Command) -> None:
    assert joke.name == "joke"
    assert joke() == "Ha."
    assert commands.get_commands()[-1] is joke


@pytest.mark.parametrize("name", ["a b", "", "/", "ä", "a/b", "x" * 33])
def test_a_name_that_no_command_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not usable"):
        chatapp.slash_command(name)(lambda: "")


def test_a_name_that_is_taken_is_refused_unless_it_is_meant(joke: commands.Command) -> None:
    for name in ("joke", "/JOKE", "clear"):
        with pytest.raises(ValueError, match="there already"):
            chatapp.slash_command(name)(lambda text: text)

    replaced = chatapp.slash_command("joke", "Another one", None, force=True)
    assert commands.get_commands()[-1] is replaced
    joke.remove()  # It is not there any more.
    assert replaced in commands.get_commands()
    chatapp.remove_command("/joke")
    assert replaced not in commands.get_commands()
    with pytest.raises(LookupError):
        chatapp.remove_command("joke")


def test_a_function_that_takes_more_than_the_text_and_the_turn_is_refused() -> None:
    for function in (lambda one, two: "", lambda *all: "", lambda turn, one, two: "", lambda **all: ""):
        with pytest.raises(TypeError, match=r"it may take the text"):
            chatapp.command("x")(function)
    assert chatapp.command("x")(lambda turn: "").takes_turn
    assert chatapp.command("x")(lambda turn, words: "").text_name == "words"


def test_an_assistant_with_two_commands_of_one_name_or_with_none_is_refused() -> None:
    class Twice(chatapp.Assistant):
        commands = [say, say]

    class Wrong(chatapp.Assistant):
        commands = [lambda: ""]  # type: ignore[list-item]

    class Unknown(chatapp.Assistant):
        builtin_commands = ("clean",)  # type: ignore[assignment]

    with pytest.raises(ValueError, match="two commands"):
        Twice()
    with pytest.raises(TypeError, match="no command"):
        Wrong()
    with pytest.raises(ValueError, match="there are clear, export, model, system"):
        Unknown()


# ---- what they say


async def test_a_command_is_shown_and_answers_itself_and_the_model_gets_neither(desk: Line) -> None:
    run = await desk.answer("/say  hi there ")

    assert (run.state, run.prompt_id) == ("complete", None)
    assert await texts(desk) == [("user", "/say  hi there"), ("assistant", "You said hi there.")]
    assert desk.provider.requests == []
    await desk.answer("And now?")
    assert [message["content"] for message in desk.provider.requests[0].messages] == ["And now?"]


async def test_what_a_command_says_is_for_the_model_if_it_says_so(desk: Line) -> None:
    await desk.answer("/note Blue.")
    await desk.answer("Which colour?")

    said = [message["content"] for message in desk.provider.requests[-1].messages]
    assert said == ["/note Blue.", "Noted.", "Which colour?"]


async def test_a_name_is_the_same_in_upper_case_and_an_unknown_one_is_a_message(desk: Line) -> None:
    await desk.answer("/SAY it")
    await desk.answer("/foo bar")

    said = await texts(desk)
    assert said[1:] == [("assistant", "You said it."), ("user", "/foo bar"), ("assistant", "Hello.")]


async def test_a_command_without_echo_shows_only_what_it_says(desk: Line) -> None:
    async with ThreadSocket(desk.owner, desk.thread_id) as socket:
        client_id = await socket.post("/hush")
        page = await socket.until(lambda page: str(client_id) in page.html_of("chat-notice"))
        assert page.articles == []
        await socket.post("/whisper psst")
        page = await socket.until(lambda page: page.state == "complete")

    assert page.texts == ["owner: psst"]
    assert await Run.objects.acount() == 1
    assert await Message.objects.filter(visible=True).acount() == 1


async def test_a_command_that_is_shown_and_says_nothing_leaves_no_empty_message(desk: Line) -> None:
    async with ThreadSocket(desk.owner, desk.thread_id) as socket:
        await socket.post("/nothing")
        page = await socket.until(lambda page: len(page.articles) == 2)
        page = await socket.until(lambda page: len(page.articles) == 1)

    assert page.texts == ["/nothing"]
    thread = await desk.thread()
    assert await Message.objects.filter(role="user", visible=True).aget() == await Message.objects.aget(
        pk=str(thread.head_id)
    )


@pytest.mark.parametrize(("typed", "sentence"), [("/break", "Something went wrong"), ("/crash", "The dice are gone.")])
async def test_a_command_that_fails_follows_the_policy_of_errors(desk: Line, typed: str, sentence: str) -> None:
    await desk.post(typed)
    await desk.ended()

    async with ThreadSocket(desk.owner, desk.thread_id) as socket:
        page = await socket.until(lambda page: page.state == "failed")
    assert sentence in page.thread
    assert "secret" not in page.thread
    assert "Send message" in page.html_of("chat-action")
    assert (await desk.answer("On?")).state == "complete"


async def test_a_command_waits_for_no_queue_and_is_refused_during_an_answer(desk: Line) -> None:
    desk.says("Hi", gate("end"))
    await desk.post()
    await desk.provider.reached("end")

    with pytest.raises(Refused, match="wait for the answer"):
        await desk.post("/say no")
    await desk.post("/hush")
    desk.provider.release("end")
    await desk.ended()


async def test_the_same_frame_twice_does_a_command_once(desk: Line) -> None:
    client_id = uuid4()

    first = [await desk.post("/whisper once", client_id=client_id) for _ in range(3)]
    await desk.ended()

    assert [posted.is_new for posted in first] == [True, False, False]
    assert await Run.objects.acount() == 1


async def test_a_command_of_the_page_says_so_where_no_page_did_it(desk: Line) -> None:
    with pytest.raises(Refused, match="/dark does nothing on this page"):
        await desk.post("/dark")


# ---- the built-in ones


async def test_clear_empties_the_thread_in_all_tabs_and_for_the_model(line: Line) -> None:
    await line.answer("One?")
    async with ThreadSocket(line.owner, line.thread_id) as first, ThreadSocket(line.owner, line.thread_id) as second:
        for socket in (first, second):
            await socket.until(lambda page: len(page.articles) == 2)
        client_id = await first.post("/CLEAR")
        for socket in (first, second):
            await socket.until(lambda page: page.articles == [])
        await first.until(lambda page: str(client_id) in page.html_of("chat-notice"))

    assert not await Message.objects.filter(visible=True).aexists()
    await line.answer("Two?")
    assert [message["content"] for message in line.provider.requests[-1].messages][-1:] == ["Two?"]
    assert "One?" not in str(line.provider.requests[-1].messages)


async def test_a_message_that_was_cleared_before_its_page_saw_it_does_not_come_back(line: Line) -> None:
    client_id = uuid4()
    await line.post("One?", client_id=client_id)
    await line.ended()
    cleared = uuid4()
    await line.post("/clear", client_id=cleared)
    await line.answer("Two?")

    again = await line.post("One?", client_id=client_id)
    once_more = await line.post("/clear", client_id=cleared)

    assert (again.is_new, again.is_shown, once_more.is_new) == (False, False, False)
    assert [text for _, text in await texts(line)] == ["Two?", "Hello."]


async def test_clear_stops_the_answer_and_does_nothing_where_nothing_was_said(line: Line) -> None:
    await line.post("/clear")
    assert await Thread.objects.acount() == 0
    line.says("Hi", gate("end"))
    await line.post()
    await line.provider.reached("end")

    await line.post("/clear")
    await line.provider.ended()

    assert (await line.thread()).head_id is None
    assert [state for _, state in line.ends] in ([], ["stopped"])


@pytest.mark.parametrize(("typed", "name"), [("/export", "md"), ("/export JSON", "json")])
async def test_export_leads_to_the_file(line: Line, typed: str, name: str) -> None:
    await line.answer()

    posted = await line.post(typed)

    assert posted.download == f"/chat/{line.thread_id}/export/?format={name}"
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    data = {"text": typed, "client_id": str(uuid4())}
    response = await browser.post(f"/chat/{line.thread_id}/messages/", data)
    assert (response.status_code, response["Location"]) == (303, posted.download)
    assert "Hello." in (await browser.get(posted.download)).content.decode()


async def test_export_refuses_what_it_does_not_know_and_what_is_not_there(line: Line) -> None:
    with pytest.raises(Refused, match="nothing to save"):
        await line.post("/export")
    with pytest.raises(Refused, match="md, json"):
        await line.post("/export pdf")


async def test_model_says_which_there_are_and_chooses_one_for_this_thread(desk: Line) -> None:
    await allow(desk, "use_model_command")

    assert (await desk.post("/model")).notice == "This chat is answered by own. There are: own, small, Large."
    assert (await desk.post("/model large")).notice == "This chat is answered by Large from now on."
    page = await sync_to_async(list_threads)(Thread.objects.all(), current=None, limit=9)
    assert page.groups == []  # Nobody has written there yet.
    run = await desk.answer()

    assert run.model == "Large"
    assert desk.provider.requests[-1].model == "Large"
    assert "answered by Large" in (await desk.post("/model")).notice
    with pytest.raises(Refused, match="There is no model huge here"):
        await desk.post("/model huge")
    await desk.post("/model own")
    assert (await desk.answer()).model == "own"


async def test_system_tells_the_model_something_in_this_thread(desk: Line) -> None:
    await allow(desk, "use_system_command")

    assert "nothing more" in (await desk.post("/system")).notice
    await desk.post("/system Speak <b>French</b>.\nAlways.")
    assert "Speak <b>French</b>.\nAlways." in (await desk.post("/system")).notice
    await desk.answer()
    await desk.post("/system off")
    await desk.answer()

    first, second = desk.provider.requests
    assert first.messages[0] == {"role": "system", "content": "Speak <b>French</b>.\nAlways."}
    assert second.messages[0]["role"] == "user"


async def test_model_and_system_are_for_staff_and_for_who_has_the_permission(desk: Line) -> None:
    for typed in ("/model", "/model small", "/system", "/system Lie."):
        with pytest.raises(Refused, match="may not use") as refused:
            await desk.post(typed)
        assert refused.value.status == 403
    assert await Thread.objects.acount() == 0

    desk.owner.is_staff = True
    assert "answered by" in (await desk.post("/model")).notice


async def test_a_site_and_an_assistant_can_do_without_built_in_commands(line: Line) -> None:
    class Plain(chatapp.Assistant):
        builtin_commands = ("export",)

    class Site(chatapp.Assistant):
        pass

    line.declares(Plain, Site)
    await line.answer("/clear")
    assert [text for _, text in await texts(line)] == ["/clear", "Hello."]

    line.sets(BUILTIN_COMMANDS=["clear"])
    assert {"export", "clear"} & Site().list_commands(line.owner).keys() == {"clear"}


@pytest.mark.parametrize("typed", ["/clear", "/model small", "/say hi", "/hush", "/export"])
async def test_a_command_in_somebody_elses_thread_finds_no_thread(desk: Line, stranger: Any, typed: str) -> None:
    thread = await sync_to_async(make_thread)(stranger, ("One?", "Two."), assistant="desk")
    desk.owner.is_staff = True

    with pytest.raises(Refused) as refused:
        await actions.post_message(desk.owner, thread.pk, text=typed, client_id=uuid4())

    assert refused.value.status == 404
    assert await thread.messages.acount() == 2


# ---- the doors


async def test_a_form_without_script_says_in_the_page_what_a_command_says(desk: Line) -> None:
    desk.owner.is_staff = True
    await desk.owner.asave()
    browser = AsyncClient()
    await browser.aforce_login(desk.owner)

    async def post(text: str, **headers: str) -> Any:
        data = {"text": text, "client_id": str(uuid4()), "assistant": "desk"}
        return await browser.post(f"/chat/{desk.thread_id}/messages/", data, headers=headers)

    page = Page((await post("/model")).content.decode())
    assert "This chat is answered by own." in page.html_of("chat-notice")
    assert (await post("/model small"))["Content-Type"].startswith("text/html")
    assert (await post("/clear")).status_code == 303
    refused = await post("/model huge")
    assert (refused.status_code, "/model huge" in refused.content.decode()) == (422, True)
    partial = (await post("/model", **{"HX-Request": "true"})).content.decode()
    assert "data-chat-taken" in partial
    assert "answered by small" in partial


async def test_the_palette_has_what_the_person_may_use_as_it_is_now(
    desk: Line, joke: commands.Command, stranger: Any
) -> None:
    browser = AsyncClient()
    await browser.aforce_login(desk.owner)
    address = f"/chat/{desk.thread_id}/palette/?assistant=desk"

    html = (await browser.get(address)).content.decode()
    assert 'data-chat-command="joke"' in html
    assert 'data-chat-command="say"' in html
    assert 'data-chat-command="model"' not in html
    joke.remove()
    assert "joke" not in (await browser.get(address)).content.decode()
    await desk.answer("/joke")
    assert desk.provider.requests[0].question == "/joke"
    await browser.aforce_login(stranger)
    assert (await browser.get(address)).status_code == 404
