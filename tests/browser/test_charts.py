"""Charts in a browser: drawn in their frames, as wide as there is room, light or dark; and what a hostile one tries."""

from typing import Any

import pytest
from playwright.async_api import FrameLocator, Request, expect

import chatapp
from tests.site import Site

from .conftest import Open
from .test_artifacts import make_thread
from .visit import Visit

FIGURE: dict[str, Any] = {
    "data": [{"type": "bar", "x": ["Mon", "Tue", "Wed"], "y": [3, 7, 5]}],
    "layout": {"title": {"text": "Parcels"}, "xaxis": {"title": {"text": "Day"}}},
}
SPEC: dict[str, Any] = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "title": "Parcels",
    "data": {"values": [{"day": "Mon", "parcels": 3}, {"day": "Tue", "parcels": 7}, {"day": "Wed", "parcels": 5}]},
    "transform": [{"calculate": "datum.parcels * 2", "as": "doubled"}],
    "mark": {"type": "bar", "tooltip": True},
    "encoding": {"x": {"field": "day"}, "y": {"field": "doubled", "type": "quantitative"}},
}
BOTH: list[chatapp.Part] = [chatapp.ChartArtifact(figure=FIGURE), chatapp.ChartArtifact(spec=SPEC)]
SVG = "#chart svg >> nth=0"


def get_frame(visit: Visit, place: int = 0) -> FrameLocator:
    """What is in the frame of a chart."""
    return visit.page.locator("[data-chat-chart]").nth(place).content_frame


async def until_drawn(visit: Visit, place: int = 0) -> FrameLocator:
    """Wait until a chart has been drawn."""
    frame = get_frame(visit, place)
    await visit.page.locator("[data-chat-chart]").nth(place).scroll_into_view_if_needed()
    await expect(frame.locator("#chart")).to_have_attribute("data-state", "drawn", timeout=20_000)
    return frame


def list_files(visit: Visit) -> list[str]:
    """Names of the libraries that were asked for, sorted."""
    return sorted(url.rpartition("/")[2].partition(".")[0] for url in visit.requests if "/vendor/" in url)


async def test_both_kinds_of_charts_are_drawn_and_only_in_their_frames(open_page: Open, site: Site, key: str) -> None:
    visit = await open_page(None)
    places: list[tuple[str, bool]] = []

    def note(request: Request) -> None:
        if "/vendor/" in request.url:
            places.append((request.url, request.frame == visit.page.main_frame))

    visit.page.on("request", note)
    await visit.go(await make_thread(site, key, BOTH[0], *BOTH))

    for place, word in enumerate(["Parcels", "Parcels", "doubled"]):
        frame = await until_drawn(visit, place)
        await expect(frame.locator("#chart")).to_contain_text(word)
        await expect(frame.get_by_role("figure", name="Parcels")).to_be_visible()
    # Once in each frame, and the page has none of them.
    assert list_files(visit) == ["plotly-cartesian", "plotly-cartesian", "vega", "vega-interpreter", "vega-lite"]
    assert not any(is_page for _, is_page in places)
    assert await visit.page.evaluate("[typeof Plotly, typeof vega]") == ["undefined", "undefined"]


async def test_without_a_chart_in_view_no_library_is_asked_for(open_page: Open, site: Site, key: str) -> None:
    table = chatapp.TableArtifact(data=[{"a": 1}])
    page = await open_page(await make_thread(site, key, table))
    assert [url for url in page.requests if "vendor" in url or "chart" in url] == []

    # Far above what is in view: it is not even asked for until somebody looks.
    long = chatapp.TextPart(text="\n\n".join(["Later"] * 300))
    visit = await open_page(await make_thread(site, key, long, BOTH[0], long))
    await visit.until_at_end()
    assert list_files(visit) == []

    await until_drawn(visit)
    assert list_files(visit) == ["plotly-cartesian"]


@pytest.mark.parametrize("place", [0, 1], ids=["plotly", "vega-lite"])
async def test_narrowing_the_panel_resizes_the_chart_without_a_reload(
    open_page: Open, site: Site, key: str, place: int
) -> None:
    visit = await open_page(await make_thread(site, key, BOTH[place]))
    frame = await until_drawn(visit)
    wide = await frame.locator(SVG).bounding_box()
    assert wide is not None

    await visit.page.set_viewport_size({"width": 500, "height": 800})

    # Drawn anew, and to the end: as wide as its holder, which is as narrow as the window.
    await expect(frame.locator(SVG)).not_to_have_attribute("width", str(round(wide["width"])))
    holder = await frame.locator("#chart").bounding_box()
    narrow = await frame.locator(SVG).bounding_box()
    assert holder is not None
    assert narrow is not None
    assert abs(narrow["width"] - holder["width"]) <= 2
    assert narrow["width"] < wide["width"] - 100
    assert list_files(visit).count(list_files(visit)[0]) == 1


@pytest.mark.parametrize("place", [0, 1], ids=["plotly", "vega-lite"])
async def test_a_chart_is_light_or_dark_as_its_reader_has_chosen(
    open_page: Open, site: Site, key: str, place: int
) -> None:
    visit = await open_page(await make_thread(site, key, BOTH[place]), color_scheme="light")
    frame = await until_drawn(visit)
    title = frame.locator("#chart svg text", has_text="Parcels").first
    dark, light = "rgb(227, 230, 236)", "rgb(38, 43, 53)"

    await expect(title).to_have_css("fill", light)
    await visit.page.emulate_media(color_scheme="dark")
    await expect(title).to_have_css("fill", dark)
    await visit.page.evaluate("document.documentElement.dataset.theme = 'light'")
    await expect(title).to_have_css("fill", light)


async def test_a_figure_with_colours_of_its_own_keeps_them(open_page: Open, site: Site, key: str) -> None:
    layout = {"title": {"text": "Own"}, "paper_bgcolor": "#ffeecc"}
    figure = {"data": [{"y": [1, 2]}], "layout": layout}
    visit = await open_page(await make_thread(site, key, chatapp.ChartArtifact(figure=figure)), color_scheme="dark")
    frame = await until_drawn(visit)

    await expect(frame.locator(SVG)).to_have_css("background-color", "rgb(255, 238, 204)")
    await expect(frame.locator(".gtitle")).to_have_css("fill", "rgb(68, 68, 68)")


async def test_a_chart_fills_the_screen(open_page: Open, site: Site, key: str) -> None:
    visit = await open_page(await make_thread(site, key, BOTH[1]))
    await until_drawn(visit)

    await visit.button("Full screen").click()

    full = visit.page.get_by_role("dialog", name="Parcels").locator("iframe").content_frame
    await expect(full.locator("#chart")).to_have_attribute("data-state", "drawn", timeout=20_000)
    box = await full.locator(SVG).bounding_box()
    assert box is not None
    assert box["width"] > 1000


async def test_a_chart_that_cannot_be_drawn_says_so(open_page: Open, site: Site, key: str) -> None:
    spec = {"mark": "bar", "encoding": {"x": {"field": "a", "scale": {"type": "no-such-scale"}, "type": "ordinal"}}}
    broken = {**spec, "transform": [{"calculate": "no_such_function(", "as": "a"}]}
    visit = await open_page(await make_thread(site, key, chatapp.ChartArtifact(spec=broken)))

    sentence = get_frame(visit).get_by_role("alert")
    await expect(sentence).to_have_text("This chart could not be drawn. Its data can be downloaded.")
    await expect(sentence).to_be_in_viewport()


# ---- what a hostile one tries

AWAY = "https://canary.example"
LINK = f'<a href="{AWAY}/link" target="_top">here</a><a href="{AWAY}/self" target="_self">or here</a>'
HOSTILE_FIGURE: dict[str, Any] = {
    "data": [
        {
            "type": "scatter",
            "x": [LINK, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>"],
            "y": [1, 2, 3],
            "text": [LINK, '<a href="javascript:alert(1)">x</a>', "y"],
            "mode": "markers+text",
            "name": LINK,
        },
        {"type": "image", "source": f"{AWAY}/trace.png"},
    ],
    "layout": {
        "title": {"text": f'{LINK}<script>alert(1)</script><a href="javascript:alert(1)">there</a>'},
        "showlegend": True,
        "images": [{"source": f"{AWAY}/layout.png", "x": 0, "y": 1, "sizex": 1, "sizey": 1}],
        "font": {"family": f"x; background: url({AWAY}/font.png)"},
    },
    "config": {
        "plotlyServerURL": AWAY,
        "showLink": True,
        "showSendToCloud": True,
        "linkText": "Send it",
        "displayModeBar": True,
        "modeBarButtonsToAdd": ["sendDataToCloud", "toImage"],
    },
}
HOSTILE_SPEC: dict[str, Any] = {
    "title": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "data": {"values": [{"a": "<img src=x onerror=alert(1)>", "u": f"{AWAY}/image.png", "h": f"{AWAY}/href"}]},
    "layer": [
        {
            "mark": {"type": "rect", "tooltip": True, "cursor": "pointer"},
            "encoding": {"x": {"field": "a"}, "href": {"field": "h"}, "tooltip": {"field": "a"}},
        },
        {
            "mark": {"type": "image", "width": 50, "height": 50, "href": "javascript:alert(1)"},
            "encoding": {"x": {"field": "a"}, "url": {"field": "u"}},
        },
    ],
    "usermeta": {"embedOptions": {"loader": {"baseURL": AWAY}, "patch": f"{AWAY}/patch"}},
}


@pytest.mark.parametrize("kind", ["plotly", "vega-lite"])
async def test_a_hostile_chart_carries_nothing_out_and_leads_nowhere(
    open_page: Open, site: Site, key: str, kind: str
) -> None:
    hostile: dict[str, Any] = {"figure": HOSTILE_FIGURE} if kind == "plotly" else {"spec": HOSTILE_SPEC}
    path = await make_thread(site, key, chatapp.ChartArtifact(**hostile))
    visit = await open_page(None)
    # Chromium tells of what the policy forbids before anything is sent.
    visit.expect_complaint("violates the following Content Security Policy", f"{AWAY}/", "a chart leads nowhere")
    left: list[str] = []
    await visit.context.route(f"{AWAY}/**", lambda route: left.append(route.request.url))
    visit.context.on("page", lambda page: left.append(f"popup {page.url}"))
    await visit.go(path)
    frame = get_frame(visit)
    await expect(frame.locator("#chart")).to_have_attribute("data-state", "drawn", timeout=20_000)
    before = await frame.locator("html").evaluate("() => location.href")

    links = frame.locator("a")
    for number in range(await links.count()):
        for way in ("click", "auxclick"):
            await links.nth(number).dispatch_event(way)
    marks = frame.locator(".mark-rect path, .mark-image image, .pointtext, .modebar-btn")
    for number in range(await marks.count()):
        await marks.nth(number).click(force=True)
    tags = frame.locator("#chart script, #chart img[onerror], #chart [onerror], #chart iframe")

    assert await tags.count() == 0
    assert await frame.locator("html").evaluate("() => location.href") == before
    assert visit.page.url == site.url + path
    assert left == []
