"""Objects of data libraries as artifacts: the real ones, of the libraries themselves."""

import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import altair as alt
import pandas as pd
import plotly.graph_objects as go
import polars as pl
import pytest
from matplotlib.figure import Figure

import chatapp
from chatapp import handlers, mappers
from chatapp.runs.yields import UnknownYield
from chatapp.testing import ask
from tests.line import Line
from tests.runs.test_assembler import assemble


@pytest.fixture(autouse=True)
def _only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mappers, "_mappers", dict(mappers._mappers))


def make_figure() -> Figure:
    """A figure of matplotlib with all that it can say of itself."""
    figure = Figure(figsize=(2, 1))
    axes = figure.subplots()
    axes.plot([1, 3, 2])
    axes.set(title="Sold", xlabel="Day", ylabel="Parcels")
    figure.suptitle("Week")
    return figure


class Pixel:
    """Knows how it looks as an image, like one of Pillow."""

    def __init__(self, png: Any) -> None:
        self._png = png

    def _repr_html_(self) -> None:
        return None

    def _repr_png_(self) -> Any:
        return self._png


# ---- what becomes of them


def test_a_figure_of_plotly_is_a_chart() -> None:
    figure = go.Figure(go.Bar(x=["Mon", "Tue"], y=[3, float("nan")]), layout={"title": "Parcels", "height": 300})

    [part] = assemble(figure)

    assert isinstance(part, chatapp.ChartArtifact)
    assert part == chatapp.ChartArtifact(
        figure={
            "data": [{"type": "bar", "x": ["Mon", "Tue"], "y": [3.0, None]}],
            "layout": {"title": {"text": "Parcels"}, "height": 300},
        }
    )
    assert (part.heading, part.height) == ("Parcels", 300)


def test_the_look_that_plotly_gives_every_figure_is_nobodys_choice_and_another_one_is() -> None:
    def get_layout(**layout: Any) -> dict[str, Any]:
        [part] = assemble(go.Figure(go.Bar(y=[1]), layout=layout))
        assert isinstance(part, chatapp.ChartArtifact)
        assert part.figure is not None
        return part.figure["layout"]

    assert get_layout() == {}
    assert get_layout(template="plotly_dark")["template"]["layout"]["paper_bgcolor"] == "rgb(17,17,17)"
    assert "template" in get_layout(template="none")


def test_a_chart_of_altair_is_a_chart() -> None:
    chart = alt.Chart(pd.DataFrame({"day": ["Mon"], "n": [3]}), title="Parcels").mark_bar().encode(x="day", y="n")

    [part] = assemble(chart)

    assert isinstance(part, chatapp.ChartArtifact)
    assert part.spec == json.loads(chart.to_json())
    assert part.heading == "Parcels"


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_a_frame_is_a_table_and_so_is_a_series(library: Any) -> None:
    cells = {"day": ["Mon", "Tue"], "n": [3, None]}

    assert assemble(library.DataFrame(cells)) == [chatapp.TableArtifact(data=cells)]
    assert assemble(library.DataFrame(cells)["day"]) == [chatapp.TableArtifact(data={"day": ["Mon", "Tue"]})]


def test_a_figure_of_matplotlib_is_an_image_with_its_words() -> None:
    figure = make_figure()

    [part] = assemble(figure)

    assert isinstance(part, chatapp.ImageArtifact)
    assert (part.title, part.alt) == ("Week", "Week; Sold; Day; Parcels")
    assert part.file_content.startswith(b"\x89PNG")
    assert assemble(figure.axes[0]) == [part]


def test_a_figure_without_words_has_words_all_the_same() -> None:
    [part] = assemble(Figure(figsize=(1, 1)))

    assert isinstance(part, chatapp.ImageArtifact)
    assert (part.title, part.alt) == ("", "A picture without a description")


@pytest.mark.parametrize("png", [b"\x89PNG", (b"\x89PNG", {"width": 1})], ids=["bytes", "bytes and more"])
def test_an_object_that_knows_no_html_is_asked_for_an_image(png: Any) -> None:
    [part] = assemble(Pixel(png))

    assert isinstance(part, chatapp.ImageArtifact)
    assert part.url == "data:image/png;base64,iVBORw=="


def test_an_object_that_knows_no_look_after_all_is_unknown() -> None:
    with pytest.raises(UnknownYield, match=r"yielded tests\.test_objects\.Pixel"):
        assemble(Pixel(None))


def test_what_a_chart_cannot_show_says_why() -> None:
    with pytest.raises(ValueError, match="has type 'scatter3d'"):
        assemble(go.Figure(go.Scatter3d(x=[1], y=[1], z=[1])))


# ---- yielded, returned, posted


@pytest.mark.parametrize("way", ["yielded", "returned"])
async def test_an_assistant_yields_or_returns_them_as_they_are(way: str) -> None:
    frame, figure = pd.DataFrame({"n": [1]}), go.Figure(go.Bar(y=[1]))

    async def yields() -> AsyncIterator[Any]:
        yield "Here: "
        yield frame
        yield figure
        yield make_figure()

    async def returns() -> Any:
        return frame

    answer = await ask(type("Desk", (chatapp.Assistant,), {"respond": staticmethod(yields)}), "x")
    alone = await ask(type("Desk", (chatapp.Assistant,), {"respond": staticmethod(returns)}), "x")

    parts = answer.parts if way == "yielded" else alone.parts
    expected = ["text", "table-artifact", "chart-artifact", "image-artifact"]
    assert [part.kind for part in parts] == (expected if way == "yielded" else ["table-artifact"])


async def test_they_can_be_posted(line: Line) -> None:
    await line.answer()

    message = await chatapp.post(line.thread_id, "Look: ", pl.DataFrame({"n": [1]}), make_figure())

    assert [part["kind"] for part in message.parts] == ["text", "table-artifact", "image-artifact"]


async def test_while_a_mapper_draws_in_its_thread_others_are_served() -> None:
    threads = []

    class Slow:
        pass

    @chatapp.mapper(Slow, in_thread=True)
    def draw(item: Slow) -> list[str]:
        threads.append(threading.current_thread())
        return ["a", "b"]

    async def respond() -> AsyncIterator[Slow]:
        yield Slow()

    assert [item async for item in handlers.iterate(respond, {})] == ["a", "b"]
    assert threads != [threading.main_thread()]
    assert assemble(Slow()) == [chatapp.TextPart(text="ab")]


def test_no_library_of_data_is_imported_for_its_objects() -> None:
    known = "{'matplotlib', 'plotly', 'pandas', 'polars', 'altair', 'numpy'}"
    code = f"import chatapp, sys; chatapp.TableArtifact(data=[{{'a': 1}}]); print(*{known} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
