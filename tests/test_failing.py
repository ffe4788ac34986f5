"""What an open page shows of an answer that fails: four rules, two places, the next step, the cause for staff."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission
from django.test import AsyncClient, override_settings
from django.urls import reverse

import chatapp
from chatapp.errors import NEXT_STEPS, get_sentence
from chatapp.models import Message, Run
from chatapp.providers.scripted import gate
from chatapp.runs import transcript
from chatapp.runs.results import wait_for_run
from chatapp.testing import Page, ThreadSocket
from tests.line import Line

CAUSE = "no parcel in /srv/shop for sk-proj-0123456789abcdef"
SHOWN = "no parcel in /srv/shop for [redacted]"
GENERAL = "Something went wrong while answering. Please try again."
UNHANDLED = 4450


def make_desk(name: str = "desk", *, before: str = "", **attributes: Any) -> type[chatapp.Assistant]:
    """An assistant that says something and fails, or fails at once."""

    def respond(self: Any, turn: Any) -> Iterator[str]:
        if before:
            yield before
        raise RuntimeError(CAUSE)

    return type(name, (chatapp.Assistant,), {"respond": respond, "slug": "desk", "title": "Desk", **attributes})


def open_socket(line: Line, **options: Any) -> ThreadSocket:
    """The owner's page of the thread."""
    return ThreadSocket(line.owner, line.thread_id, **options)


async def load(line: Line, user: Any = None) -> str:
    """The page of the thread as it is loaded anew."""
    browser = AsyncClient()
    await browser.aforce_login(user or line.owner)
    response: Any = await browser.get(f"/chat/{line.thread_id}/")
    return str(response.content.decode())


# ---- CC1 to CC3: the four rules


@pytest.mark.parametrize("debug", [False, True], ids=["without DEBUG", "with DEBUG"])
@pytest.mark.parametrize("rule", ["auto", "actual", "sanitize", "unhandled"])
@pytest.mark.parametrize("where", ["on the assistant", "on the site"])
async def test_the_same_error_under_each_rule(line: Line, rule: Any, debug: bool, where: str) -> None:
    if where == "on the site":
        line.sets(ERRORS=rule)
        line.declares(make_desk())
    else:
        line.sets(ERRORS="sanitize" if rule == "actual" else "actual")  # The assistant's own rule wins.
        line.declares(make_desk(on_error=rule))
    line.enters(override_settings(DEBUG=debug))

    async with open_socket(line) as socket:
        await socket.post("Hi")
        page = await socket.until(lambda page: page.state == "failed")
        frames = "".join(socket.frames)
        if rule == "unhandled":
            assert await socket.until_closed() == UNHANDLED
        else:
            assert await socket.has_nothing()

    is_actual = rule == "actual" or (rule == "auto" and debug)
    assert page.html_of("chat-thread").count(GENERAL) == 1
    assert (SHOWN in frames) is is_actual
    assert ("RuntimeError" in frames) is is_actual
    assert "sk-proj" not in frames


async def test_an_error_that_nobody_handles_is_in_the_log_and_neutral_in_the_row(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.declares(make_desk(on_error="unhandled", before="So far."))

    run = await line.answer()

    text, error = await line.parts()
    assert text == chatapp.TextPart(text="So far.")
    assert error == chatapp.ErrorPart(code="unhandled", message=GENERAL, reference=run.error_reference)
    assert (run.state, run.error_code, run.error) == ("failed", "unhandled", f"RuntimeError: {SHOWN}")
    (record,) = [record for record in caplog.records if run.error_reference in record.getMessage()]
    assert record.levelname == "ERROR"
    assert "Traceback" in caplog.text
    assert record.__dict__["run_id"] == run.pk


async def test_a_page_that_connects_again_after_that_stays_connected(line: Line) -> None:
    line.declares(make_desk(on_error="unhandled"))
    async with open_socket(line) as socket:
        await socket.post("Hi")
        await socket.until_closed()
        html = socket.page.html_of("chat-thread")
    assert socket.page.cursors == {}

    again = open_socket(line)
    again.page = socket.page
    async with again:
        client_id = await again.post("Still there?")
        await again.until(lambda page: str(client_id) in page.html_of("chat-thread"))

    assert html.count(GENERAL) == 1

    async with open_socket(line, html=await load(line)) as fresh:
        assert await fresh.has_nothing() or await fresh.receive() is not None
        assert fresh.close_code is None


async def test_all_pages_that_show_the_conversation_are_disconnected_and_no_others(line: Line) -> None:
    line.declares(make_desk(on_error="unhandled"))
    async with open_socket(line) as one, open_socket(line) as two, ThreadSocket(line.owner) as elsewhere:
        await one.post("Hi")

        assert [await one.until_closed(), await two.until_closed()] == [UNHANDLED, UNHANDLED]
        await elsewhere.resume()
        await elsewhere.receive()
        assert elsewhere.close_code is None


async def test_events_over_http_end_with_the_same_code(line: Line) -> None:
    line.says("So far.", gate("hold"), chatapp.ProviderError("busy", "429"))
    line.declares(type("Model", (chatapp.Assistant,), {"on_error": "unhandled"}))
    await line.post()
    await line.provider.reached("hold")
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    response: Any = await browser.get(f"/chat/{line.thread_id}/live/")
    line.provider.release("hold")

    text = ""
    async for piece in response.streaming_content:
        text += piece.decode()

    assert text.endswith(f"event: close\ndata: {UNHANDLED}\n\n")
    assert GENERAL in text


@pytest.mark.parametrize("rule", ["auto", "actual", "sanitize", "unhandled"])
async def test_a_visible_error_is_shown_under_every_rule(line: Line, rule: Any) -> None:
    def respond(self: Any, turn: Any) -> None:
        raise chatapp.VisibleError("Bad URL") from RuntimeError(CAUSE)

    line.declares(type("desk", (chatapp.Assistant,), {"respond": respond, "on_error": rule}))
    async with open_socket(line) as socket:
        await socket.post("Hi")
        page = await socket.until(lambda page: page.state == "failed")
        assert await socket.has_nothing()

    assert "Bad URL" in page.html_of("chat-thread")
    assert "parcel" not in "".join(socket.frames)
    assert SHOWN in (await line.run()).error


@pytest.mark.parametrize(("name", "value"), [("on_error", "loud"), ("error_display", "banner")])
def test_an_unknown_rule_is_refused_with_the_known_ones(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} '{value}' is not known; known are .+ \(.*desk\)"):
        make_desk(**{name: value})()


# ---- CC9: streams outside of chats


@pytest.mark.parametrize("debug", [False, True], ids=["without DEBUG", "with DEBUG"])
@pytest.mark.parametrize("rule", ["auto", "actual", "sanitize", "unhandled"])
async def test_a_stream_outside_of_chats_has_a_rule_of_its_own(
    line: Line, rule: Any, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> Iterator[str]:
        yield "So far."
        raise RuntimeError(CAUSE)

    line.sets(ERRORS="sanitize" if rule == "actual" else "actual")
    line.enters(override_settings(DEBUG=debug))
    run = await chatapp.stream_to("report", fails, user=line.owner, on_error=rule)
    run = await wait_for_run(run.pk)

    state = await chatapp.get_stream("report", user=line.owner)
    assert (state.status, state.error_reference) == ("error", run.error_reference)
    assert isinstance(state.result, list)
    is_actual = rule == "actual" or (rule == "auto" and debug)
    expected = f"{GENERAL} (RuntimeError: {SHOWN})" if is_actual else GENERAL
    code = "unhandled" if rule == "unhandled" else "failed"
    assert state.result[-1] == chatapp.ErrorPart(code=code, message=expected, reference=run.error_reference)
    assert f"reference {run.error_reference}" in caplog.text


async def test_a_stream_with_an_unknown_rule_is_refused(line: Line) -> None:
    with pytest.raises(ValueError, match="on_error 'loud' is not known; known are auto, actual, sanitize, unhandled"):
        await chatapp.stream_to("report", "Hi", user=line.owner, on_error="loud")  # type: ignore[arg-type]


# ---- CC4, CC7: where it is shown


async def test_a_failure_in_a_note_keeps_no_message(line: Line) -> None:
    line.declares(make_desk(error_display="toast"))
    async with open_socket(line) as socket:
        await socket.post("Hi")
        page = await socket.until(lambda page: page.notices)
        run = await line.run()
        await socket.until(lambda page: page.cursors == {})

        (note,) = page.notices
        html = page.html_of("chat-notice")
        assert GENERAL in note
        assert f"ref {run.error_reference}" in note
        assert 'role="alert"' in html
        assert "data-chat-dismiss" in html
        assert GENERAL not in page.html_of("chat-thread")
        assert page.texts[0] == "Hi"
        await socket.post("And now?")  # The app goes on.
        await socket.until(lambda page: "And now?" in page.texts and len(page.notices) == 2)

    assert (run.state, run.error_code) == ("failed", "failed")
    reply = await Message.objects.aget(run=run)
    assert (reply.visible, reply.for_model) == (False, False)


async def test_a_failure_in_a_note_is_in_no_page_that_is_loaded_later(line: Line) -> None:
    line.declares(make_desk(error_display="toast"))
    await line.answer()

    html = await load(line)

    assert GENERAL not in html
    assert Page(html).texts[0] == "Hi"
    async with open_socket(line, html=html) as socket:
        await socket.until(lambda page: page.cursors == {})
        assert socket.page.notices == []


async def test_a_failure_in_a_note_leaves_what_was_said_before(line: Line) -> None:
    line.declares(make_desk(error_display="toast", before="So far."))
    async with open_socket(line) as socket:
        await socket.post("Hi")
        page = await socket.until(lambda page: page.notices and page.state == "failed")

    assert page.text == "So far."
    assert GENERAL not in page.html_of("chat-thread")
    assert ">Try again<" in page.html_of("chat-thread")
    loaded = Page(await load(line)).thread
    assert page.thread.partition(">")[2] == loaded.partition(">")[2]  # The element of the log itself has attributes.


async def test_a_failure_in_the_answer_is_kept_and_never_given_to_the_model(line: Line) -> None:
    line.says("So far.", chatapp.ProviderError("busy", CAUSE))
    await line.answer("One?")
    provider = line.says("Two.")

    await line.answer("Two?")

    (request,) = provider.requests[:1]
    assert [message["content"] for message in request.messages if message["role"] != "system"] == [
        "One?",
        "So far.",
        "Two?",
    ]
    kinds = [part.kind async for message in Message.objects.order_by("created_at") for part in message.load_parts()]
    assert kinds == ["text", "text", "error", "text", "text"]


# ---- CC5: the sign of loading


@pytest.mark.parametrize("before", ["", "So far."], ids=["before the first word", "in the middle"])
@pytest.mark.parametrize("display", ["bubble", "toast"])
@pytest.mark.parametrize("rule", ["sanitize", "unhandled"])
async def test_nothing_says_that_it_is_answering_after_a_failure(
    line: Line, before: str, display: str, rule: str
) -> None:
    line.declares(make_desk(before=before, error_display=display, on_error=rule))
    async with open_socket(line) as socket:
        await socket.post("Hi")
        page = await socket.until(lambda page: page.articles and page.state != "streaming" and page.cursors == {})

    html = page.html_of("chat-thread")
    assert 'data-chat-state="streaming"' not in html
    assert "data-chat-stop" not in page.html_of("chat-action")
    assert 'aria-label="Send message"' in page.html_of("chat-action")


async def test_a_command_that_fails_leaves_no_sign_of_loading(line: Line) -> None:
    @chatapp.command("count")
    def count(turn: chatapp.Turn) -> Iterator[str]:
        """Count."""
        yield "One."
        raise RuntimeError(CAUSE)

    line.declares(make_desk(commands=[count]))
    async with open_socket(line) as socket:
        await socket.post("/count")
        page = await socket.until(lambda page: page.state == "failed")

    assert GENERAL in page.html_of("chat-thread")
    assert "One." in page.html_of("chat-thread")
    assert 'aria-label="Send message"' in page.html_of("chat-action")


# ---- the next step

BUTTONS = {"retry": ">Try again<", "continue": ">Continue<", "new_chat": ">New chat<"}


@pytest.mark.parametrize("code", [code for code in NEXT_STEPS if code not in ("length", "unhandled", "interrupted")])
async def test_each_failure_has_its_sentence_and_its_next_step(line: Line, code: str) -> None:
    line.says("So far.", chatapp.ProviderError(code, CAUSE))
    await line.answer()

    html = Page(await load(line)).html_of("chat-thread")

    assert html.count(get_sentence(code).replace("'", "&#x27;")) + html.count(get_sentence(code)) >= 1
    step = NEXT_STEPS[code]
    assert {name for name, button in BUTTONS.items() if button in html} == ({step} - {"none"})
    assert html.count('aria-label="Try again"') == 1  # Also as a small button, where it is not the step.


async def test_what_cannot_be_gone_on_with_is_tried_again(line: Line) -> None:
    line.says(chatapp.ProviderError("cut_off", CAUSE))
    await line.answer()

    html = Page(await load(line)).html_of("chat-thread")

    assert ">Try again<" in html
    assert ">Continue<" not in html


# ---- the cause, for staff


async def allow(user: Any, *names: str) -> None:
    """Give permissions, as staff."""
    user.is_staff = True
    await user.asave()
    await user.user_permissions.aadd(*[item async for item in Permission.objects.filter(codename__in=names)])


def get_cause_url(line: Line, run: Run, write: Callable[[str], str] = str) -> str:
    """Where the cause is read."""
    return reverse("chatapp:cause", args=[line.thread_id, write(run.error_reference)])


async def ask(line: Line, url: str, user: Any, **headers: str) -> Any:
    """What this person gets there."""
    browser = AsyncClient()
    await browser.aforce_login(user)
    return await browser.get(url, headers=headers)


async def test_the_cause_is_for_staff_who_may_view_runs_and_in_no_frame(line: Line) -> None:
    line.declares(make_desk())
    run = await line.answer()
    assert "/errors/" not in await load(line)
    assert (await ask(line, get_cause_url(line, run), line.owner)).status_code == 404

    await allow(line.owner)
    assert (await ask(line, get_cause_url(line, run), line.owner)).status_code == 404
    await allow(line.owner, "view_run")

    html = await load(line)
    assert f'hx-get="{get_cause_url(line, run)}"' in html
    assert "parcel" not in html
    page = await ask(line, get_cause_url(line, run), line.owner)
    piece = await ask(line, get_cause_url(line, run, str.lower), line.owner, **{"HX-Request": "true"})
    assert SHOWN in page.content.decode()
    assert SHOWN in piece.content.decode()
    assert "<html" in page.content.decode()
    assert "<html" not in piece.content.decode()
    assert reverse("admin:chatapp_run_change", args=[run.pk]) in piece.content.decode()


async def test_a_live_page_of_staff_gets_the_way_to_the_cause_and_not_the_cause(line: Line) -> None:
    await allow(line.owner, "view_run")
    line.declares(make_desk())
    async with open_socket(line) as socket:
        await socket.post("Hi")
        await socket.until(lambda page: "/errors/" in page.html_of("chat-thread"))

    assert "parcel" not in "".join(socket.frames)


async def test_staff_do_not_read_causes_in_conversations_of_others(line: Line, stranger: Any) -> None:
    await allow(stranger, "view_run")
    line.declares(make_desk())
    run = await line.answer()

    assert (await ask(line, get_cause_url(line, run), stranger)).status_code == 404
    assert (await ask(line, get_cause_url(line, run, lambda _: "7F3K-2Q"), line.owner)).status_code == 404


@pytest.mark.parametrize(
    "write",
    [str, str.lower, lambda text: text.replace("-", ""), lambda text: f" ref {text.lower()} "],
    ids=["as it is", "small", "without hyphen", "as it is shown"],
)
@pytest.mark.parametrize("name", ["run", "thread"])
async def test_staff_find_a_reference_however_it_was_typed(
    line: Line, staff_client: Any, write: Callable[[str], str], name: str
) -> None:
    line.declares(make_desk())
    run = await line.answer()
    await line.answer("Another, which failed under another reference.")
    url = reverse(f"admin:chatapp_{name}_changelist")

    found = await sync_to_async(staff_client.get)(url, {"q": write(run.error_reference)})
    nothing = await sync_to_async(staff_client.get)(url, {"q": "2222-22"})

    assert [row.pk for row in found.context["cl"].result_list] == [run.pk if name == "run" else line.thread_id]
    assert list(nothing.context["cl"].result_list) == []


async def test_the_admin_shows_the_cause_under_the_answer_to_those_who_may_view_runs(
    line: Line, staff_client: Any, stranger: Any
) -> None:
    line.declares(make_desk())
    await line.answer()
    url = reverse("admin:chatapp_thread_change", args=[line.thread_id])
    await allow(stranger, "view_thread", "view_message")

    page = await sync_to_async(staff_client.get)(url)
    without = await ask(line, url, stranger)

    assert SHOWN in page.content.decode()
    assert without.status_code == 200
    assert "parcel" not in without.content.decode()


async def test_nobody_is_asked_for_permissions_while_nothing_has_failed(
    line: Line, django_assert_num_queries: Any
) -> None:
    await line.answer()
    thread = await line.thread()

    def look() -> None:
        with django_assert_num_queries(1):
            transcript.load_views(thread, [thread.head_id or uuid4()], user=line.owner)

    line.owner.is_staff = True
    await sync_to_async(look)()


# ---- CC11: a key that is missing


async def test_without_its_key_the_run_says_to_staff_which_setting_and_which_variable(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    backend = {"BACKEND": "chatapp.providers.openai.OpenAIProvider", "OPTIONS": {"model": "m"}}
    line.sets(PROVIDERS={"other": backend})
    line.declares(type("Desk", (chatapp.Assistant,), {"provider": "other"}))

    run = await line.answer()

    assert 'CHATAPP["PROVIDERS"][\'other\']["OPTIONS"]: no key: ' in run.error
    assert run.error.endswith("set the environment variable OPENAI_API_KEY")
    assert GENERAL in await load(line)
    assert "OPENAI_API_KEY" not in await load(line)
