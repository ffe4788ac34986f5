"""A branch becomes a conversation of its own."""

from uuid import uuid4

from asgiref.sync import sync_to_async
from django.test import AsyncClient

from chatapp import actions, branching, forking
from chatapp.models import Message, Run, Thread
from chatapp.providers.scripted import gate
from chatapp.rendering.renderer import MessageView
from chatapp.runs import transcript
from tests.line import Line
from tests.test_actions import refused
from tests.test_branching import answer_by_question, get_said


@sync_to_async
def look(line: Line) -> list[MessageView]:
    """The newest thread, as its owner's page has it."""
    thread = Thread.objects.order_by("-created_at").first()
    assert thread is not None
    return transcript.load_views(thread, transcript.get_path(thread), user=line.owner)


async def test_a_fork_has_the_branch_up_to_the_message_and_goes_on_by_itself(line: Line) -> None:
    line.plays(answer_by_question)
    first = await line.answer("One")
    await line.answer("Two")
    assert first.reply_id is not None
    await Thread.objects.filter(pk=line.thread_id).aupdate(title="Numbers", settings={"temperature": 1})

    new = await forking.fork(line.owner, line.thread_id, first.reply_id)

    thread = await Thread.objects.aget(pk=new)
    assert (thread.owner_id, thread.title, thread.settings) == (line.owner.pk, "Numbers (copy)", {"temperature": 1})
    old, views = await Message.objects.aget(pk=first.reply_id), await look(line)
    assert [view.source for view in views] == ["One", "Re: One"]
    assert (views[1].model, views[1].tokens, views[1].can_retry) == (first.model, first.output_tokens, True)
    assert views[1].created_at == old.created_at
    assert await Run.objects.filter(thread=new).acount() == 0
    source, line.thread_id = line.thread_id, new
    await line.answer("Three")
    assert get_said(line) == ["One", "Re: One", "Three"]
    await actions.retry(line.owner, new, views[1].id)
    await line.ended(4)
    assert [view.source for view in await look(line)] == ["One", "Re: One"]
    assert await Message.objects.filter(thread=source).acount() == 4


async def test_a_fork_of_a_fork_knows_the_model_and_no_deleted_message(line: Line) -> None:
    run = await line.answer("One")
    assert run.reply_id is not None
    assert run.prompt_id is not None
    await branching.delete_message(line.owner, line.thread_id, run.prompt_id)
    first = await forking.fork(line.owner, line.thread_id, run.reply_id)
    (copy,) = await look(line)

    await forking.fork(line.owner, first, copy.id)

    (view,) = await look(line)
    assert (view.source, view.model, view.versions) == ("Hello.", run.model, 1)


async def test_an_answer_that_is_being_said_cannot_be_forked_what_is_before_it_can(line: Line) -> None:
    line.says("So far", gate("hold"))
    posted = await line.post("One")
    await line.provider.reached("hold")
    run = await line.run(posted.run_id)

    for message in (run.reply_id, uuid4()):
        assert message is not None
        assert (await refused(forking.fork(line.owner, line.thread_id, message))).code == "nothing_to_fork"
    await forking.fork(line.owner, line.thread_id, posted.message_id)

    assert [view.source for view in await look(line)] == ["One"]
    assert line.provider.closed == 0


async def test_the_form_leads_to_the_new_chat(line: Line) -> None:
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    run = await line.answer("One")

    response = await browser.post(f"/chat/{line.thread_id}/fork/", {"message": run.reply_id})

    new = await Thread.objects.exclude(pk=line.thread_id).aget()
    assert (response.status_code, response["Location"]) == (303, f"/chat/{new.pk}/")
    response = await browser.post(f"/chat/{line.thread_id}/fork/", {"message": run.pk}, headers={"HX-Request": "true"})
    assert response.status_code == 409
