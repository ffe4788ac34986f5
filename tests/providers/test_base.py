"""Where the configured providers are found."""

import math
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from chatapp.events import Delta, Finish
from chatapp.providers.base import ModelRequest, Pace, Provider, close_providers, get_provider, replace_provider
from chatapp.providers.guide import GuideProvider
from chatapp.providers.scripted import ScriptedProvider

SCRIPTED = "chatapp.providers.scripted.ScriptedProvider"


class Counted(Provider):
    """Counts how often it was closed."""

    closed = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(model="counted")
        self.options = options

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        yield Finish()

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
async def _closed_providers() -> Any:
    yield
    await close_providers()


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    """Set CHATAPP["PROVIDERS"] from (backend, options) by alias."""

    def configure(**entries: tuple[str, dict[str, Any]]) -> None:
        settings.CHATAPP = {
            "PROVIDERS": {
                alias: {"BACKEND": backend, "OPTIONS": options} for alias, (backend, options) in entries.items()
            }
        }

    return configure


def test_without_settings_the_guide_speaks(configure: Any) -> None:
    configure()

    assert isinstance(get_provider(), GuideProvider)


def test_the_guide_also_speaks_beside_other_aliases(configure: Any) -> None:
    configure(local=(SCRIPTED, {}))

    assert isinstance(get_provider(), GuideProvider)
    assert type(get_provider("local")) is ScriptedProvider


def test_a_provider_is_made_once(configure: Any) -> None:
    configure(default=(SCRIPTED, {"model": "one"}))

    assert get_provider() is get_provider("default")
    assert get_provider().model == "one"


def test_changed_settings_make_another(configure: Any) -> None:
    configure(default=(SCRIPTED, {"model": "one"}))
    get_provider()

    configure(default=(SCRIPTED, {"model": "two"}))

    assert get_provider().model == "two"


async def test_closing_also_reaches_those_that_are_no_longer_configured(configure: Any) -> None:
    configure(default=(f"{__name__}.Counted", {"anything": 1}))
    before = get_provider()
    configure(default=(f"{__name__}.Counted", {}))
    after = get_provider()

    await close_providers()
    await close_providers()

    assert isinstance(before, Counted)
    assert isinstance(after, Counted)
    assert before.options == {"anything": 1}
    assert (before.closed, after.closed) == (1, 2)


def test_a_test_may_put_another_in_its_place(configure: Any) -> None:
    configure(default=(SCRIPTED, {}))
    configured, outer, inner = get_provider(), ScriptedProvider(), ScriptedProvider()

    with replace_provider(outer):
        assert get_provider() is outer
        with replace_provider(inner), replace_provider(outer, "other"):
            assert (get_provider(), get_provider("other")) == (inner, outer)
        assert get_provider() is outer

    assert get_provider() is configured


def test_an_unknown_alias_is_answered_with_the_known_ones(configure: Any) -> None:
    configure(local=(SCRIPTED, {}))

    with pytest.raises(ImproperlyConfigured, match=r"\['lokal'\] is not there; known aliases are 'default', 'local'"):
        get_provider("lokal")


@pytest.mark.parametrize("backend", ["chatapp.providers.nothing.X", "chatapp.providers.scripted.Nothing", "nothing"])
def test_a_backend_that_cannot_be_imported_is_named(configure: Any, backend: str) -> None:
    configure(default=(backend, {}))

    with pytest.raises(ImproperlyConfigured, match=rf"\['default'\]\[\"BACKEND\"\] is '{backend}', which cannot be"):
        get_provider()


@pytest.mark.parametrize("backend", ["chatapp.events.Finish", "chatapp.providers.base.get_provider"])
def test_a_backend_is_a_provider(configure: Any, backend: str) -> None:
    configure(default=(backend, {}))

    with pytest.raises(ImproperlyConfigured, match=r"name a subclass of chatapp\.providers\.base\.Provider"):
        get_provider()


def test_a_misspelt_option_is_answered_with_the_nearest(configure: Any) -> None:
    configure(default=("chatapp.providers.openai.OpenAIProvider", {"modle": "m", "api_key": "sk-CANARY-0123456789"}))

    with pytest.raises(ImproperlyConfigured) as caught:
        get_provider()

    assert str(caught.value) == (
        """CHATAPP["PROVIDERS"]['default']["OPTIONS"]['modle'] is not known to OpenAIProvider; did you mean 'model'?"""
    )


def test_an_option_that_resembles_none_is_answered_with_all(configure: Any) -> None:
    configure(default=("chatapp.providers.guide.GuideProvider", {"temperature": 1}))

    with pytest.raises(ImproperlyConfigured, match="known are tokens_per_second"):
        get_provider()


def test_a_missing_option_is_named(configure: Any) -> None:
    configure(default=("chatapp.providers.openai.OpenAIProvider", {"preset": "ollama"}))

    with pytest.raises(ImproperlyConfigured, match=r"\[\"OPTIONS\"\]: 'model' is missing"):
        get_provider()


def test_what_a_provider_says_about_its_options_is_told_with_its_place(configure: Any) -> None:
    configure(default=("chatapp.providers.openai.OpenAIProvider", {"preset": "none", "model": "m"}))

    with pytest.raises(ImproperlyConfigured, match=r"\['default'\]\[\"OPTIONS\"\]: preset 'none' is not known"):
        get_provider()


@pytest.mark.parametrize(
    ("messages", "question"),
    [
        ([], ""),
        ([{"role": "system", "content": "Be brief."}], ""),
        ([{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}], "one"),
        ([{"role": "user", "content": "one"}, {"role": "user", "content": "two"}], "two"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"text": "b"}]}], "ab"),
        ([{"role": "user", "content": None}], ""),
    ],
)
def test_the_question_is_what_the_person_said_last(messages: list[dict[str, Any]], question: str) -> None:
    assert ModelRequest(messages=messages).question == question


def test_a_provider_without_a_stream_says_so() -> None:
    with pytest.raises(NotImplementedError, match=r"Provider\.stream"):
        Provider().stream(ModelRequest(messages=[]))


@given(moments=st.lists(st.floats(0, 1e7), min_size=2, max_size=50), seconds=st.floats(0.001, 1))
def test_all_runs_beat_on_four_moments_of_each_pace(moments: list[float], seconds: float) -> None:
    pace = Pace()
    pace.seconds = seconds

    beats = [pace.get_due(moment) for moment in moments]

    waits = [beat - moment for beat, moment in zip(beats, moments, strict=True)]
    assert all(0.8 * seconds <= wait <= 1.07 * seconds for wait in waits)
    quarters = [beat / seconds * 4 for beat in beats]
    assert all(math.isclose(quarter, round(quarter), abs_tol=1e-3) for quarter in quarters)


def test_a_run_in_step_waits_one_pace_for_the_next() -> None:
    pace = Pace()
    pace.seconds = 0.08
    moment = pace.get_due(12.345)

    for early_or_late in (-0.003, 0.0, 0.003):
        assert pace.get_due(moment + early_or_late) - moment == pytest.approx(0.08)
