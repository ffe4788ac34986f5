"""What people think of answers: stored, editable, beside what is said."""

import csv
import io
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client
from django.urls import reverse

import chatapp
from chatapp import rating, signals
from chatapp.models import Feedback, Message
from chatapp.providers.scripted import gate
from chatapp.rating import Opinion
from tests.conftest import make_thread
from tests.line import Line
from tests.runs.test_follower import open_tab, reload
from tests.test_actions import refused
from tests.test_branching import look


async def rate(line: Line, message: UUID | None, given: str, *reasons: str, comment: str = "") -> Feedback | None:
    """The owner says what they think."""
    assert message is not None
    opinion = Opinion(rating=given, reasons=reasons, comment=comment)
    return await rating.rate(line.owner, line.thread_id, message, opinion)


async def test_a_rating_is_stored_changed_and_taken_back(line: Line) -> None:
    run = await line.answer()

    await rate(line, run.reply_id, "good")
    await rate(line, run.reply_id, "bad", "too_long", "wrong", "wrong", comment=" It was\x00 not. ")

    feedback = await Feedback.objects.aget()
    assert (feedback.message_id, feedback.user_id) == (run.reply_id, line.owner.pk)
    assert (feedback.rating, feedback.reasons, feedback.comment) == ("bad", ["wrong", "too_long"], "It was not.")
    view = (await look(line))[1]
    assert (view.rating, view.reasons, view.comment) == ("bad", ("wrong", "too_long"), "It was not.")
    await rate(line, run.reply_id, "")
    assert not await Feedback.objects.aexists()
    assert (await look(line))[1].rating == ""


async def test_a_rating_shows_in_open_pages_and_after_a_reload(line: Line) -> None:
    run = await line.answer()
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.state == "complete")

        await rate(line, run.reply_id, "bad", "wrong", comment="No")

        page = await tab.until(lambda page: 'aria-pressed="true"' in page.thread)
        assert page.thread == (await reload(line)).thread
        await rate(line, run.reply_id, "")
        await tab.until(lambda page: 'aria-pressed="true"' not in page.thread)


async def test_rating_an_older_answer_leaves_the_running_one_alone(line: Line) -> None:
    run = await line.answer("One")
    line.says("So far", gate("hold"), " and on.")
    posted = await line.post("Two")
    await line.provider.reached("hold")
    async with open_tab(line) as tab:
        await tab.until(lambda page: page.text == "So far")

        await rate(line, run.reply_id, "good")

        await tab.until(lambda page: 'aria-pressed="true"' in page.thread)
        live = await line.run(posted.run_id)
        assert (live.state, line.provider.closed) == ("running", 0)
        assert (await refused(rate(line, live.reply_id, "good"))).code == "answering"
        line.provider.release("hold")
        page = await tab.until(lambda page: page.text == "So far and on." and page.state == "complete")
        assert page.missed == []
        assert page.thread == (await reload(line)).thread


@pytest.mark.parametrize(
    ("opinion", "code"),
    [
        (Opinion(rating="great"), "bad_rating"),
        (Opinion(rating="bad", reasons=["boring"]), "bad_reason"),
        (Opinion(rating="bad", comment="x" * 2001), "long_comment"),
    ],
)
async def test_what_cannot_be_stored_is_refused(line: Line, opinion: Opinion, code: str) -> None:
    run = await line.answer()
    assert run.reply_id is not None

    error = await refused(rating.rate(line.owner, line.thread_id, run.reply_id, opinion))

    assert (error.code, error.status) == (code, 422)
    assert not await Feedback.objects.aexists()


async def test_only_answers_of_ones_own_threads_can_be_rated(line: Line, stranger: Any) -> None:
    run = await line.answer()

    for message in (run.prompt_id, uuid4()):
        assert (await refused(rate(line, message, "good"))).status == 404
    line.owner = stranger
    assert (await refused(rate(line, run.reply_id, "good"))).status == 404


async def test_the_reasons_are_the_sites_own(line: Line) -> None:
    line.sets(FEEDBACK_REASONS={"rude": "Impolite"})
    run = await line.answer()

    await rate(line, run.reply_id, "bad", "rude")

    assert (await Feedback.objects.aget()).reasons == ["rude"]
    assert (await refused(rate(line, run.reply_id, "bad", "wrong"))).code == "bad_reason"


async def test_a_signal_tells_what_was_given_and_taken_back(line: Line) -> None:
    heard: list[Any] = []

    async def hear(sender: Any, message_id: UUID, feedback: Feedback | None, **kwargs: Any) -> None:
        heard.append((issubclass(sender, chatapp.Assistant), message_id, feedback and feedback.rating))

    signals.feedback_given.connect(hear)
    run = await line.answer()
    await rate(line, run.reply_id, "bad")
    await rate(line, run.reply_id, "")
    signals.feedback_given.disconnect(hear)

    assert heard == [(True, run.reply_id, "bad"), (True, run.reply_id, None)]


async def test_the_rating_goes_with_its_message(line: Line) -> None:
    run = await line.answer()
    await rate(line, run.reply_id, "bad")

    await sync_to_async(Message.objects.filter(thread_id=line.thread_id).delete)()

    assert not await Feedback.objects.aexists()


async def test_the_forms_do_the_same_without_script(line: Line) -> None:
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    run = await line.answer()
    address, place = f"/chat/{line.thread_id}/feedback/", f"?message={run.reply_id}"

    response = await browser.post(address, {"vote": f"bad {run.reply_id}"})
    assert (response.status_code, response["Location"]) == (303, address + place)
    page = (await browser.get(address + place)).content.decode()
    assert "Something is missing" in page
    fields = {"message": run.reply_id, "rating": "bad", "reasons": ["wrong", "too_long"], "comment": "No."}
    response = await browser.post(address, fields)
    assert response["Location"] == f"/chat/{line.thread_id}/#m-{run.reply_id}"
    assert (await Feedback.objects.aget()).reasons == ["wrong", "too_long"]
    assert 'value="wrong" checked' in (await browser.get(address + place)).content.decode()
    await browser.post(address, {"vote": f"- {run.reply_id}"}, headers={"HX-Request": "true"})
    assert not await Feedback.objects.aexists()
    assert (await browser.post(address, {"vote": "good x"})).status_code == 422
    assert (await browser.get(address)).status_code == 404


# ---- the admin


def give(owner: Any, answer: str, assistant: str = "guide", **values: Any) -> Feedback:
    """Feedback on an answer."""
    thread = make_thread(owner, ("What?", answer), assistant=assistant)
    message = thread.messages.get(role="assistant")
    return Feedback.objects.create(message=message, user=owner, **values)


def test_staff_find_feedback_by_what_it_says_and_open_the_answer(owner: Any, staff_client: Client) -> None:
    bad = give(owner, "Seven.", rating="bad", reasons=["wrong"], comment="It is four.")
    give(owner, "Four.", assistant="shout", rating="good")
    address = reverse("admin:chatapp_feedback_changelist")

    for query, count in [
        ("", 2),
        ("?rating__exact=bad", 1),
        ("?reason=wrong", 1),
        ("?reason=too_long", 0),
        ("?assistant=shout", 1),
        ("?q=four", 1),
        ("?updated_at__gte=2100-01-01+00:00:00%2B00:00", 0),
    ]:
        response = staff_client.get(address + query)
        assert response.context["cl"].result_count == count, query

    html = staff_client.get(address + "?rating__exact=bad").content.decode()
    assert "Not correct" in html
    thread = bad.message.thread
    link = f"/admin/chatapp/thread/{thread.pk}/change/?message={bad.message_id}"
    assert f'href="{link}#m-{bad.message_id}"' in html
    assert f'id="m-{bad.message_id}"' in staff_client.get(link).content.decode()


def test_the_transcript_opens_at_a_message_of_another_page_and_another_branch(
    owner: Any, staff_client: Client, settings: Any
) -> None:
    settings.CHATAPP = {**settings.CHATAPP, "PAGE_MESSAGES": 2}
    thread = make_thread(owner, ("One?", "One."), ("Two?", "Two."))
    first = thread.messages.get(text="One.")
    other = Message.objects.create(thread=thread, role="assistant", parent=first.parent, text="Uno.")

    for message in (first, other):
        url = f"/admin/chatapp/thread/{thread.pk}/change/?message={message.pk}"
        assert f'id="m-{message.pk}"' in staff_client.get(url).content.decode()


def test_the_file_has_every_field_and_no_formula(owner: Any, staff_client: Client) -> None:
    bad = give(owner, "Seven.", rating="bad", reasons=["wrong", "too_long"], comment="=1+1")

    response = staff_client.post(
        reverse("admin:chatapp_feedback_changelist"), {"action": "export_csv", "_selected_action": [bad.pk]}
    )

    (head, row) = csv.reader(io.StringIO(response.content.decode()))
    fields = dict(zip(head, row, strict=True))
    assert response["Content-Disposition"] == 'attachment; filename="feedback.csv"'
    assert (fields["rating"], fields["reasons"], fields["comment"]) == ("bad", "Not correct, Too long", "'=1+1")
    assert (fields["assistant"], fields["user"]) == ("guide", "owner")
    assert (fields["thread"], fields["message"]) == (str(bad.message.thread_id), str(bad.message_id))
