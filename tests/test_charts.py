"""Charts: what they take, what they refuse, and the page in which a browser draws them."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import html5lib
import numpy as np
import pytest
from django.test import Client
from pydantic import ValidationError

import chatapp
from chatapp.parts import load_part
from chatapp.rendering.renderer import render_part
from chatapp.views.charts import LIBRARIES
from tests.site import ROOT
from tests.test_artifact_views import get, make_message, read_policy
from tests.test_artifacts import draw, get_sheet

STATIC = ROOT / "chatapp" / "static"
FIGURE: dict[str, Any] = {"data": [{"type": "bar", "x": ["Mon"], "y": [3]}], "layout": {"title": {"text": "Week"}}}
SPEC: dict[str, Any] = {"data": {"values": [{"day": "Mon", "n": 3}]}, "mark": "bar", "title": "Week"}
CHARTS = [chatapp.ChartArtifact(figure=FIGURE), chatapp.ChartArtifact(spec=SPEC)]

each_chart = pytest.mark.parametrize("part", CHARTS, ids=["plotly", "vega-lite"])


def test_a_chart_keeps_its_figure_or_its_specification() -> None:
    plotly, vega = CHARTS

    assert (plotly.figure, plotly.spec, plotly.height, plotly.library) == (FIGURE, None, 400, "plotly")
    assert (vega.figure, vega.spec, vega.height, vega.library) == (None, SPEC, 400, "vega-lite")


@each_chart
def test_a_chart_is_stored_and_comes_back_equal(part: chatapp.ChartArtifact) -> None:
    assert load_part(json.loads(json.dumps(part.dump()))) == part


@each_chart
def test_the_model_gets_a_chart_as_json_if_it_gets_it(part: chatapp.ChartArtifact) -> None:
    assert part.model_text == ""
    assert json.loads(part.model_copy(update={"for_model": True}).model_text) == (part.figure or part.spec)


@pytest.mark.parametrize(
    ("values", "heading"),
    [
        ({"figure": FIGURE, "title": " Mine "}, "Mine"),
        ({"figure": FIGURE}, "Week"),
        ({"figure": {"data": [{}], "layout": {"title": "<b>Sold</b><br>per day"}}}, "Sold per day"),
        ({"spec": SPEC}, "Week"),
        ({"spec": {**SPEC, "title": {"text": ["Sold", "per day"]}}}, "Sold per day"),
        ({"spec": {**SPEC, "title": {"text": {"signal": "x"}}}}, "Chart"),
        ({"figure": {"data": [{}], "layout": {"title": None}}}, "Chart"),
    ],
)
def test_a_chart_is_called_by_its_title_or_by_that_of_its_figure(values: dict[str, Any], heading: str) -> None:
    part = chatapp.ChartArtifact(**values)

    assert part.heading == heading
    [frame] = get_sheet(part).iter("iframe")
    assert frame.get("title") == heading


def test_numbers_that_are_none_and_arrays_become_what_json_has_for_them() -> None:
    trace = {"x": np.array([1, 2]), "y": [float("nan"), np.float64(2.5)], "z": (float("inf"),)}

    part = chatapp.ChartArtifact(figure={"data": [trace]})

    assert part.figure == {"data": [{"type": "scatter", "x": [1, 2], "y": [None, 2.5], "z": [None]}], "layout": {}}


def test_a_figure_for_many_points_is_drawn_like_one_for_few() -> None:
    part = chatapp.ChartArtifact(figure={"data": [{"type": "scattergl", "y": [1]}]})

    assert part.figure is not None
    assert part.figure["data"][0]["type"] == "scatter"


def test_the_height_of_a_figure_counts_unless_another_is_given() -> None:
    figure = {"data": [{}], "layout": {"height": 250}}

    assert chatapp.ChartArtifact(figure=figure).height == 250
    assert chatapp.ChartArtifact(figure=figure, height=300).height == 300
    assert chatapp.ChartArtifact(figure={"data": [{}], "layout": {"height": 1e6}}).height == 2000


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "takes figure=, of Plotly, or spec=, of Vega-Lite: one of them"),
        ({"figure": FIGURE, "spec": SPEC}, "one of them"),
        ({"figure": 7}, "figure is builtins.int; give it a dict with data and layout"),
        ({"figure": {}}, "figure has neither data nor layout"),
        ({"figure": {"data": {"y": [1]}}}, r"figure\['data'\] is builtins.dict; it may be a list"),
        ({"figure": {"data": [7]}}, r"figure\['data'\]\[0\] is builtins.int; a trace is a dict"),
        ({"figure": {"data": [{}], "layout": []}}, r"figure\['layout'\] is builtins.list; it may be a dict"),
        ({"figure": {"data": [{}], "style": 1}}, "figure has 'style'; it may have data, layout, config, frames"),
        ({"figure": {"data": [{"type": "scatter3d"}]}}, r"\[0\] has type 'scatter3d'; it may be bar, box, .*violin"),
        ({"figure": {"data": [{"type": ["bar"]}]}}, r"\[0\] has type \['bar'\]; it may be bar"),
        ({"figure": {"data": [{"y": [object()]}]}}, r"figure\['data'\]\[0\]\['y'\]\[0\] is builtins.object"),
        ({"figure": {"data": [{"y": ["x" * 1_000_001]}]}}, "figure has 1,000,.* characters as JSON; at most 1,000,000"),
        ({"spec": "bar"}, "spec is builtins.str; give it a dict of Vega-Lite"),
        ({"spec": {"data": {"values": []}}}, "spec has data; it needs one of mark, layer"),
        ({"spec": {}}, "spec has nothing; it needs one of mark"),
        ({"spec": {**SPEC, "$schema": "https://a.example/schema/vega/v6.json"}}, "only those of Vega-Lite are drawn"),
        ({"spec": {"mark": "bar", "data": {"url": "https://a.example/x.csv"}}}, "takes data from 'https://a.example/x"),
        ({"spec": {"layer": [{"mark": "bar", "data": {"url": "/x"}}]}}, "a chart loads nothing: put the data into"),
        ({"spec": SPEC, "height": 5}, "greater than or equal to 40"),
    ],
)  # fmt: skip
def test_what_is_no_chart_is_refused_with_the_reason(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        chatapp.ChartArtifact(**values)


def test_data_that_look_like_an_address_are_data() -> None:
    values = [{"data": {"url": "https://a.example/"}, "n": 1}]

    part = chatapp.ChartArtifact(spec={"mark": "bar", "data": {"values": values}, "datasets": {"x": values}})

    assert part.spec is not None
    assert part.spec["data"]["values"] == values


# ---- how it stands in the page


@each_chart
def test_a_chart_stands_in_a_frame_without_origin_and_never_in_the_page(part: chatapp.ChartArtifact) -> None:
    [frame] = get_sheet(part).iter("iframe")

    assert (frame.get("sandbox"), frame.get("loading"), frame.get("height")) == ("allow-scripts", "lazy", "400")
    assert "Mon" not in draw(part)
    assert "vendor" not in draw(part)
    assert "<iframe" not in render_part(part, "chat-stream-news-0")


@each_chart
def test_the_page_of_a_chart_may_run_its_files_by_their_names_and_nothing_else(
    owner_client: Client, owner: Any, part: chatapp.ChartArtifact
) -> None:
    response = get(owner_client, make_message(owner, part))

    policy = read_policy(response)
    page = html5lib.parse(response.content.decode(), namespaceHTMLElements=False)
    scripts = [script.get("src") for script in page.iter("script") if script.get("src")]
    assert scripts == [f"/static/{path}" for path in (*LIBRARIES[part.library], "chatapp/chart-frame.js")]
    assert policy == {
        "sandbox": ["allow-scripts"],
        "default-src": ["'none'"],
        "script-src": [f"http://testserver{script}" for script in scripts],
        "style-src": ["http://testserver/static/chatapp/chart-frame.css", "'unsafe-inline'"],
        "img-src": ["data:"],
        "connect-src": ["'none'"],
        "frame-ancestors": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))
    [figure] = page.iter("figure")
    assert figure.get("aria-label") == "Week"


def test_static_files_elsewhere_are_named_with_their_host(owner_client: Client, owner: Any, settings: Any) -> None:
    settings.STATIC_URL = "https://cdn.example/a b;c/"

    response = get(owner_client, make_message(owner, CHARTS[0]))

    assert all(source.startswith("https://cdn.example/a%20b%3Bc/") for source in read_policy(response)["script-src"])


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--<script>", '"><img src=x onerror=x>'])
def test_nothing_in_a_chart_leaves_its_place_in_the_page(owner_client: Client, owner: Any, text: str) -> None:
    def read(text: str) -> tuple[list[Any], Any]:
        spec = {"mark": "bar", "title": text, "data": {"values": [{text: text}]}}
        page = get(owner_client, make_message(owner, chatapp.ChartArtifact(spec=spec, title=text))).content.decode()
        tree = html5lib.parse(page, namespaceHTMLElements=False)
        [content] = [node for node in tree.iter("script") if node.get("id") == "content"]
        return [(node.tag, sorted(node.attrib)) for node in tree.iter()], json.loads(str(content.text))

    skeleton, _ = read("harmless")

    assert read(text) == (skeleton, {"mark": "bar", "title": text, "data": {"values": [{text: text}]}})


def test_without_script_the_page_of_a_chart_says_so(owner_client: Client, owner: Any) -> None:
    page = get(owner_client, make_message(owner, CHARTS[0])).content.decode()

    assert "<noscript><p>This chart is drawn by a script" in page
    assert draw(CHARTS[0]).count("?download=1") == 1


@each_chart
def test_a_chart_is_downloaded_as_json(owner_client: Client, owner: Any, part: chatapp.ChartArtifact) -> None:
    response = get(owner_client, make_message(owner, part), 0, "?download=1")

    assert response.json() == (part.figure or part.spec)
    assert (response["Content-Type"], response["Content-Disposition"]) == (
        "application/json",
        'attachment; filename="week.json"',
    )


# ---- the libraries


def test_each_library_has_its_version_in_its_address_and_its_licence_beside_it() -> None:
    paths = [path for files in LIBRARIES.values() for path in files]

    for path in paths:
        assert re.fullmatch(r"chatapp/vendor/[a-z-]+-\d+\.\d+\.\d+/[a-z.-]+\.js", path)
        assert (STATIC / path).is_file()
        assert "Copyright" in (STATIC / path).with_name("LICENSE").read_text()
        # A storage that renames files looks for what is named there.
        assert "sourceMappingURL" not in (STATIC / path).read_text()
    vendored = {file.relative_to(STATIC).as_posix() for file in STATIC.glob("chatapp/vendor/*/*.js")}
    assert vendored == set(paths)


def test_the_libraries_are_in_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")

    names = zipfile.ZipFile(wheel).namelist()

    assert {f"chatapp/static/{path}" for files in LIBRARIES.values() for path in files} <= set(names)
