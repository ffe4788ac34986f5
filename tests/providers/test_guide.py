"""The script that stands in for a model, and says so."""

import re
import time

import pytest

from chatapp.events import Finish
from chatapp.providers import guide
from chatapp.providers.base import ModelRequest
from chatapp.providers.guide import TOPICS, GuideProvider, find_topic, write_title

from .conftest import Heard, ask, listen

LABEL = "This is a scripted guide, not a model."


async def hear(*questions: str) -> Heard:
    """What the guide says to the last of several questions."""
    messages = [{"role": "system", "content": "Be brief."}]
    for question in questions:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": "…"}]
    return await listen(GuideProvider(tokens_per_second=1e6), ModelRequest(messages=messages[:-1]))


@pytest.mark.parametrize(
    "questions", [["hello"], ["hello", "how do I stop it?"], ["a", "what is the capital of France?"]]
)
async def test_every_answer_says_that_it_is_a_script(questions: list[str]) -> None:
    heard = await hear(*questions)

    assert LABEL in heard.text
    assert heard.finish == ["stop"]


@pytest.mark.parametrize(
    "piece", [r"^## \w", r"^1\. ", r"^\| :-- \|", r"^```python\n(?:.*\n)+?```$", r"^\$\$.+\$\$$", r"\\\(e\^\{i\\pi\}"]
)
async def test_the_first_answer_shows_every_kind_of_piece(piece: str) -> None:
    heard = await hear("hello")

    assert re.search(piece, heard.text, re.MULTILINE)


async def test_the_guide_thinks_first() -> None:
    heard = await hear("hello", "stop")

    assert heard.thinking.endswith(": stopping an answer.")


async def test_python_in_the_first_answer_works() -> None:
    code = re.search(r"```python\n(.+?)```", (await hear("hello")).text, re.DOTALL)
    assert code is not None
    names: dict[str, object] = {}

    exec(code[1], names)  # noqa: S102  # it is our own
    most_common_word = names["most_common_word"]

    assert callable(most_common_word)
    assert most_common_word("a rose is a rose is a rose a") == "a"


@pytest.mark.parametrize(
    ("question", "heading"),
    [
        ("How do I STOP an answer?", "Stopping an answer"),
        ("it failed, try again?", "When an answer fails"),
        ("what if I reload", "Reloads, tabs, lost connections"),
        ("search", "Search"),
        ("who sees my chats in the admin", "For staff: the admin"),
        ("show me a table", "Formatting"),
        ("latex formula", "Maths"),
        ("how do I connect ollama", "Connecting a model"),
        ("can I upload a file", "Not yet"),
    ],
)
async def test_a_question_is_answered_by_its_words(question: str, heading: str) -> None:
    heard = await hear("hello", question)

    assert f"## {heading}\n" in heard.text
    assert "What you can try here" not in heard.text


async def test_what_the_guide_does_not_know_it_does_not_answer() -> None:
    heard = await hear("hello", "What is the capital of France?")

    assert "I have no answer to that" in heard.text
    assert "Paris" not in heard.text


def test_what_is_not_there_is_said_to_be_missing() -> None:
    for question in ("search", "upload"):
        topic = find_topic(question)
        assert topic is not None
        assert re.search(r"\*\*(no search|not there) yet\*\*", topic.answer)


def test_no_word_belongs_to_two_topics() -> None:
    words = [word for topic in TOPICS for word in topic.words]

    assert sorted(words) == sorted(set(words))


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How do I stop an answer?", "Stop answer"),
        ("Please show me the sales of last year in a table", "Sales last year table"),
        ("hello", "Hello"),
        ("", "New chat"),
        ("???", "New chat"),
        ("Question: where is my parcel?\n\nAnswer: In Bern.", "Parcel"),
        ("l'été à Zürich", "L'été à Zürich"),
    ],
)
def test_a_title_is_made_of_the_important_words(question: str, title: str) -> None:
    assert write_title(ask(question)) == title


async def test_a_title_is_said_without_a_label() -> None:
    heard = await listen(GuideProvider(tokens_per_second=1e6), ask("How do I stop an answer?", kind="title"))

    assert (heard.text, heard.thinking) == ("Stop answer", "")


async def test_every_word_has_its_time() -> None:
    provider = GuideProvider(tokens_per_second=500)
    began = time.monotonic()

    heard = await listen(provider, ask("stop", kind="title"))

    assert provider.delay == 1 / 500
    assert heard.last == Finish()
    assert time.monotonic() - began >= 1 / 500


def test_the_usual_pace_is_that_of_a_reader() -> None:
    assert GuideProvider().delay == pytest.approx(1 / 60)


def test_words_are_cut_without_loss() -> None:
    for text in (guide.TOUR, guide.LABEL, guide.OTHERWISE, " a  b\n\n", ""):
        assert "".join(guide._words(text)) == text
