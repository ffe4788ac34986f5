"""Versions of messages: edit, try again, show another one, go on with, delete. Nothing that was said is lost."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

import chatapp
from chatapp import actions, branching
from chatapp.events import Finish
from chatapp.models import Message, Thread
from chatapp.parts import NoticePart, TemplatePart, TextPart
from chatapp.prompts import CONTINUE
from chatapp.providers.base import ModelRequest
from chatapp.providers.scripted import gate
from chatapp.rendering.renderer import MessageView
from chatapp.runs import transcript
from chatapp.testing import Page
from tests.line import Line
from tests.runs.test_follower import open_tab, reload
from tests.test_actions import refused


@sync_to_async
def look(line: Line) -> list[MessageView]:
    """The branch that is shown, as the owner's page has it."""
    thread = Thread.objects.get(pk=line.thread_id)
    return transcript.load_views(thread, transcript.get_path(thread), user=line.owner)


async def read(line: Line) -> list[str]:
    """What is said on the branch that is shown."""
    return [view.source for view in await look(line)]


def answer_by_question(request: ModelRequest) -> list[str]:
    """A model that repeats what it was asked last."""
    return [f"Re: {request.messages[-1]['content']}"]


def get_said(line: Line) -> list[str]:
    """What the model got with its last request, without the instructions."""
    return [message["content"] for message in line.provider.requests[-1].messages[1:]]


async def edit(line: Line, message: UUID | None, text: str, client_id: UUID | None = None) -> actions.Posted:
    """The owner edits a question and the answer ends."""
    assert message is not None
    count = len(line.ends)
    posted = await branching.edit_message(
        line.owner, line.thread_id, message, text=text, client_id=client_id or uuid4()
    )
    if posted.is_new:
        await line.ended(count + 1)
    return posted


# ---- edit


async def test_an_edit_in_the_middle_keeps_the_old_branch_and_both_can_be_shown(line: Line) -> None:
    line.plays(answer_by_question)
    runs = [await line.answer(text) for text in ("One", "Two", "Three", "Four")]
    old = await read(line)

    posted = await edit(line, runs[1].prompt_id, "Other")

    assert await read(line) == ["One", "Re: One", "Other", "Re: Other"]
    assert get_said(line) == ["One", "Re: One", "Other"]
    views = await look(line)
    assert (views[2].version, views[2].versions, views[2].previous) == (2, 2, runs[1].prompt_id)
    assert [view.versions for view in views] == [1, 1, 2, 1]

    assert runs[1].prompt_id is not None
    await branching.show_version(line.owner, line.thread_id, runs[1].prompt_id)
    assert await read(line) == old
    assert (await look(line))[2].next == posted.message_id
    await line.answer("Five")
    assert get_said(line) == [*old, "Five"]

    await branching.show_version(line.owner, line.thread_id, posted.message_id)
    assert await read(line) == ["One", "Re: One", "Other", "Re: Other"]
    await line.answer("Six")
    assert get_said(line) == ["One", "Re: One", "Other", "Re: Other", "Six"]


async def test_the_first_question_can_be_edited_too(line: Line) -> None:
    line.plays(answer_by_question)
    first = await line.answer("One")
    await line.answer("Two")

    await edit(line, first.prompt_id, "Uno")

    assert await read(line) == ["Uno", "Re: Uno"]
    assert get_said(line) == ["Uno"]
    assert (await look(line))[0].versions == 2


async def test_an_edit_stays_behind_the_messages_with_which_the_chat_began(line: Line) -> None:
    class Begins(chatapp.Assistant):
        startup_messages = ("Welcome.",)

    line.declares(Begins)
    line.plays(answer_by_question)
    first = await line.answer("One")

    await edit(line, first.prompt_id, "Uno")

    assert await read(line) == ["Welcome.", "Uno", "Re: Uno"]


async def test_asking_the_same_again_drops_what_followed_and_makes_one_new_answer(line: Line) -> None:
    line.plays(answer_by_question)
    first = await line.answer("One")
    await line.answer("Two")

    await edit(line, first.prompt_id, "One")

    assert await read(line) == ["One", "Re: One"]
    assert await line.count() == (1, 6, 3)


async def test_what_else_belongs_to_the_question_stays_with_the_new_one(line: Line) -> None:
    first = await line.answer("Look")
    assert first.prompt_id is not None
    file = TemplatePart(template="x.html", text="parcel.pdf")
    parts = [file.dump(), TextPart(text="Look").dump(), TextPart(text="here").dump()]
    await Message.objects.filter(pk=first.prompt_id).aupdate(parts=parts)

    posted = await edit(line, first.prompt_id, "See")

    message = await Message.objects.aget(pk=posted.message_id)
    assert message.load_parts() == [file, TextPart(text="See")]


async def test_the_same_edit_twice_is_one(line: Line) -> None:
    first = await line.answer("One")
    client_id = uuid4()
    posted = await edit(line, first.prompt_id, "Uno", client_id)

    again = await edit(line, first.prompt_id, "Uno", client_id)

    assert (again.message_id, again.run_id, again.is_new) == (posted.message_id, posted.run_id, False)
    assert (await refused(edit(line, first.prompt_id, "Due", client_id))).code == "other_text"
    assert await line.count() == (1, 4, 2)


async def test_what_cannot_be_edited_changes_nothing(line: Line) -> None:
    first = await line.answer("One")
    await edit(line, first.prompt_id, "Uno")

    for message, text, code in [
        (first.reply_id, "Hi", "nothing_to_edit"),
        (first.prompt_id, "Hi", "nothing_to_edit"),  # it is on the other branch
        (uuid4(), "Hi", "nothing_to_edit"),
        (first.prompt_id, " \n", "empty"),
        (first.prompt_id, "x" * 20_000, "too_long"),
    ]:
        assert (await refused(edit(line, message, text))).code == code
    assert await line.count() == (1, 4, 2)


async def test_while_an_answer_is_under_way_branches_stay_as_they_are(line: Line) -> None:
    first = await line.answer("One")
    await edit(line, first.prompt_id, "Uno")
    line.says("So far", gate("hold"))
    posted = await line.post("Two")
    await line.provider.reached("hold")
    assert first.prompt_id is not None
    where = (line.owner, line.thread_id)

    for work in (
        branching.edit_message(*where, posted.message_id, text="Due", client_id=uuid4()),
        branching.show_version(*where, first.prompt_id),
        branching.continue_answer(*where, posted.message_id),
        branching.delete_message(*where, posted.message_id),
        actions.retry(*where),
    ):
        error = await refused(work)
        assert (error.code, error.status) == ("answering", 409)
    line.provider.release("hold")
    await line.ended(3)
    assert (await read(line))[-1] == "So far"


async def test_an_edit_counts_like_a_message(line: Line) -> None:
    first = await line.answer("One")
    line.sets(LIMITS=True, MESSAGES_PER_MINUTE=1)

    assert (await refused(edit(line, first.prompt_id, "Uno"))).code == "too_fast"


# ---- versions


async def test_any_answer_can_be_tried_again_and_each_branch_keeps_its_end(line: Line) -> None:
    line.plays(["First."], ["Next."], ["Second."], ["Third."])
    first = await line.answer("One")
    await line.answer("Two")

    for count in (3, 4):
        await actions.retry(line.owner, line.thread_id, (await look(line))[1].id)
        await line.ended(count)

    assert await read(line) == ["One", "Third."]
    assert get_said(line) == ["One"]
    view = (await look(line))[1]
    assert (view.version, view.versions, view.next) == (3, 3, None)
    assert first.reply_id is not None
    await branching.show_version(line.owner, line.thread_id, first.reply_id)
    assert await read(line) == ["One", "First.", "Two", "Next."]


async def test_a_version_is_shown_to_the_end_at_which_it_was_left(line: Line) -> None:
    line.plays(answer_by_question)
    one = await line.answer("One")
    two = await line.answer("Two")
    other = await edit(line, two.prompt_id, "Other two")
    assert two.prompt_id
    assert one.prompt_id
    await branching.show_version(line.owner, line.thread_id, two.prompt_id)  # not the newest

    uno = await edit(line, one.prompt_id, "Uno")
    await branching.show_version(line.owner, line.thread_id, one.prompt_id)

    assert await read(line) == ["One", "Re: One", "Two", "Re: Two"]
    await branching.show_version(line.owner, line.thread_id, uno.message_id)
    await Message.objects.filter(pk=one.prompt_id).aupdate(leaf=None)
    await branching.show_version(line.owner, line.thread_id, one.prompt_id)
    assert (await look(line))[2].id == other.message_id  # nobody remembers: the newest one


async def test_a_message_that_waits_or_is_elsewhere_is_no_version(line: Line) -> None:
    run = await line.answer("One")
    waiting = await Message.objects.acreate(thread_id=line.thread_id, role="user", queued_at=run.started_at)

    for message in (waiting.pk, uuid4()):
        error = await refused(branching.show_version(line.owner, line.thread_id, message))
        assert (error.code, error.status) == ("no_such_version", 409)
    await edit(line, run.prompt_id, "Uno")
    assert (await look(line))[0].versions == 2


async def test_an_open_page_follows_to_other_versions_and_equals_a_reloaded_one(line: Line) -> None:
    line.plays(answer_by_question)
    first = await line.answer("One")
    await line.answer("Two")
    assert first.prompt_id is not None
    assert first.reply_id is not None
    async with open_tab(line) as tab:
        await tab.until(lambda page: len(page.texts) == 4)
        await edit(line, first.prompt_id, "Uno")
        await tab.until(lambda page: page.texts == ["Uno", "Re: Uno"] and page.state == "complete")
        await branching.show_version(line.owner, line.thread_id, first.prompt_id)
        page: Page = await tab.until(lambda page: page.texts == ["One", "Re: One", "Two", "Re: Two"])
        fresh = await reload(line)
        await tab.until(lambda page: page.thread == fresh.thread)
        assert page.missed == []
        assert "1 / 2" in page.thread


async def test_the_queries_for_a_page_do_not_grow_with_its_versions(line: Line, django_assert_num_queries: Any) -> None:
    run = await line.answer("One")
    for text in ("Two", "Three"):
        await line.answer(text)

    def count(expected: int) -> None:
        thread = Thread.objects.get(pk=line.thread_id)
        path = transcript.get_path(thread)
        with django_assert_num_queries(expected):
            transcript.load_views(thread, path, user=line.owner)

    await sync_to_async(count)(1)
    await actions.retry(line.owner, line.thread_id)
    await line.ended(4)
    await sync_to_async(count)(3)
    await actions.retry(line.owner, line.thread_id, run.reply_id)
    await line.ended(5)
    await line.answer("Four")
    await actions.retry(line.owner, line.thread_id)
    await line.ended(7)
    await sync_to_async(count)(3)


# ---- another model


class Chooses(chatapp.Assistant):
    """Offers models."""

    models = ("small", ("large", "The large one"))


async def test_an_answer_is_tried_again_with_another_model(line: Line) -> None:
    line.declares(Chooses)
    await line.answer("One")
    assert [label for _, label in (await look(line))[1].models] == ["The large one"]

    await actions.retry(line.owner, line.thread_id, model="large")
    await line.ended(2)

    assert line.provider.requests[-1].model == "large"
    assert (await line.run()).model == "large"
    assert list((await look(line))[1].models) == [("small", "small")]


@pytest.mark.parametrize("model", ["gpt-9", "The large one"])
async def test_a_model_that_is_not_offered_is_refused(line: Line, model: str) -> None:
    line.declares(Chooses)
    await line.answer("One")

    assert (await refused(actions.retry(line.owner, line.thread_id, model=model))).code == "no_such_model"
    assert await line.count() == (1, 2, 1)


# ---- go on


async def test_a_cut_answer_goes_on_in_a_version_that_begins_with_it(line: Line) -> None:
    line.plays(["The parcel is in Ham", Finish("length")], ["burg. ", "Tomorrow."])
    first = await line.answer("Where?")
    assert first.reply_id is not None
    view = (await look(line))[1]
    assert (view.is_cut, view.can_continue) == (True, True)

    await branching.continue_answer(line.owner, line.thread_id, first.reply_id)
    await line.ended(2)

    assert await line.parts() == [TextPart(text="The parcel is in Hamburg. Tomorrow.")]
    assert get_said(line) == ["Where?", "The parcel is in Ham", CONTINUE]
    view = (await look(line))[1]
    assert (view.version, view.versions, view.can_continue) == (2, 2, False)
    await branching.show_version(line.owner, line.thread_id, first.reply_id)
    assert (await line.parts())[1] == NoticePart(code="length", message="The answer was cut off at the length limit.")
    await line.answer("Thanks")
    assert CONTINUE not in get_said(line)


async def test_an_answer_goes_on_after_a_stop(line: Line) -> None:
    line.plays(["Half", gate("hold")], [" and half."])
    posted = await line.post("Where?")
    await line.provider.reached("hold")
    await actions.stop(line.owner, line.thread_id)
    await line.ended(1)
    reply = (await line.run(posted.run_id)).reply_id
    assert reply is not None

    await branching.continue_answer(line.owner, line.thread_id, reply)
    await line.ended(2)

    assert await line.parts() == [TextPart(text="Half and half.")]


async def test_what_was_said_is_kept_when_going_on_fails(line: Line) -> None:
    line.plays(["Half", Finish("length")], [ValueError("no")])
    first = await line.answer("Where?")
    assert first.reply_id is not None

    await branching.continue_answer(line.owner, line.thread_id, first.reply_id)
    await line.ended(2)

    assert (await line.parts())[0] == TextPart(text="Half")
    assert (await line.run()).state == "failed"


async def test_an_answer_that_says_nothing_cannot_go_on(line: Line) -> None:
    line.says(ValueError("no"))
    run = await line.answer("Where?")
    assert run.reply_id is not None

    error = await refused(branching.continue_answer(line.owner, line.thread_id, run.reply_id))

    assert (error.code, error.status) == ("nothing_to_continue", 409)


# ---- delete


async def test_a_deleted_message_is_gone_from_pages_and_for_the_model(line: Line) -> None:
    line.plays(answer_by_question)
    first = await line.answer("One")
    await line.answer("Two")
    assert first.reply_id is not None
    async with open_tab(line) as tab:
        await tab.until(lambda page: len(page.texts) == 4)

        await branching.delete_message(line.owner, line.thread_id, first.reply_id)

        page = await tab.until(lambda page: page.texts == ["One", "", "Two", "Re: Two"])
        assert "Re: One" not in page.thread
        assert page.thread == (await reload(line)).thread
    await line.answer("Three")
    assert get_said(line) == ["One", "Two", "Re: Two", "Three"]
    message = await Message.objects.aget(pk=first.reply_id)
    assert message.text == "Re: One"
    error = await refused(branching.delete_message(line.owner, line.thread_id, first.reply_id))
    assert (error.code, error.status) == ("nothing_to_delete", 409)


async def test_a_deleted_version_leaves_its_place_to_another_one(line: Line) -> None:
    line.plays(answer_by_question)
    first = await line.answer("One")
    await line.answer("Two")
    posted = await edit(line, first.prompt_id, "Uno")

    await branching.delete_message(line.owner, line.thread_id, posted.message_id)

    assert await read(line) == ["One", "Re: One", "Two", "Re: Two"]
    assert (await look(line))[0].versions == 1


# ---- doors


async def test_the_forms_do_the_same_without_script(line: Line) -> None:
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    line.plays(["Cut", Finish("length")], ["Second."], ["Third."], [" off."])
    first = await line.answer("One")
    base = f"/chat/{line.thread_id}/"

    page = await browser.get(f"{base}edit/?message={first.prompt_id}")
    assert page.status_code == 200
    assert ">One</textarea>" in page.content.decode()
    fields = {"message": first.prompt_id, "text": "Uno", "client_id": uuid4()}
    response = await browser.post(f"{base}edit/", fields)
    assert (response.status_code, response["Location"]) == (303, base)
    await line.ended(2)
    assert await read(line) == ["Uno", "Second."]
    assert (await browser.post(f"{base}versions/", {"message": first.prompt_id})).status_code == 303
    assert await read(line) == ["One", "Cut"]
    await browser.post(f"{base}retry/", {"choice": f"{first.reply_id} "})
    await line.ended(3)
    assert await read(line) == ["One", "Third."]
    await browser.post(f"{base}versions/", {"message": first.reply_id})
    await browser.post(f"{base}continue/", {"message": first.reply_id})
    await line.ended(4)
    assert await read(line) == ["One", "Cut off."]
    head = (await line.thread()).head_id
    response = await browser.post(f"{base}delete-message/", {"message": head}, headers={"HX-Request": "true"})
    assert response.status_code == 204
    assert head not in [view.id for view in await look(line)]


async def test_what_a_form_asks_in_vain_is_said_with_its_status_and_no_text_is_lost(line: Line) -> None:
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    run = await line.answer("One")
    base = f"/chat/{line.thread_id}/"

    response = await browser.post(f"{base}edit/", {"message": run.reply_id, "text": "Mine", "client_id": uuid4()})

    assert response.status_code == 409
    assert ">Mine</textarea>" in response.content.decode()
    assert (await browser.post(f"{base}versions/", {"message": "x"})).status_code == 422
    assert (await browser.post(f"{base}edit/", {"message": "x"})).status_code == 422
    for query in ("", "?message=x", f"?message={uuid4()}"):
        assert (await browser.get(f"{base}edit/{query}")).status_code == 404
