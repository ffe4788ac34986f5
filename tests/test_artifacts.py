"""Artifacts: what each kind takes, what it refuses, how it looks, and what the model gets of it."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import html5lib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from django.test import override_settings
from pydantic import ValidationError

import chatapp
from chatapp.artifacts import Artifact
from chatapp.artifacts.tables import PAGE_ROWS
from chatapp.parts import load_part, plain_text, text_for_model
from chatapp.rendering.drawing import LiveMessage
from chatapp.rendering.fragments import write_frames
from chatapp.rendering.renderer import MessageView, render_message, render_part, render_stored_part
from chatapp.runs.assembler import Assembler
from chatapp.testing import Page

MESSAGE = UUID(int=7)
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)

ONE_OF_EACH: list[Artifact] = [
    chatapp.CodeArtifact(content="if a < b:\n    print('x')\n", language="python", title="less.py"),
    chatapp.MarkdownArtifact(content="# Report\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- one\n- two", title="Report"),
    chatapp.HtmlArtifact(content="<p>Hello</p><script>document.title = 'x'</script>", title="Page", height=240),
    chatapp.TableArtifact(data=[{"name": "Kettle", "sold": 31}, {"name": "Lamp", "sold": 12}], title="Sales"),
    chatapp.ImageArtifact(url=PIXEL, alt="A dot", title="Dot"),
    chatapp.JsonArtifact(data={"id": 1, "lines": [{"name": "<b>"}]}, title="order.json"),
    chatapp.ChartArtifact(figure={"data": [{"y": [3, 1]}]}, title="Week"),
]

each_kind = pytest.mark.parametrize("part", ONE_OF_EACH, ids=lambda part: part.kind)


def draw(part: chatapp.Part, index: int = 0) -> str:
    """The part as a page shows it."""
    return str(render_stored_part(MESSAGE, index, part))


def test_the_keys_of_data_keep_their_order_in_any_database() -> None:
    data = {"zebra": 1, "b": {"yes": True, "a": None}, "aardvark": 2}
    stored = chatapp.JsonArtifact(data=data).dump()

    # PostgreSQL stores objects with their keys in an order of its own.
    part = load_part(json.loads(json.dumps(stored, sort_keys=True)))

    assert isinstance(part, chatapp.JsonArtifact)
    assert json.dumps(part.data) == json.dumps(data)


def get_sheet(part: chatapp.Part) -> Any:
    """What is in the frame of the artifact, as a tree."""
    root = html5lib.parseFragment(draw(part), namespaceHTMLElements=False)
    return next(node for node in root.iter("div") if "chat-sheet" in node.get("class", ""))


# ---- V1: what is common to all


@each_kind
def test_an_artifact_is_stored_and_comes_back_equal(part: Artifact) -> None:
    stored = json.loads(json.dumps(part.dump()))

    assert load_part(stored) == part
    assert stored["kind"] == part.kind


@each_kind
def test_an_artifact_has_a_frame_that_starts_open_and_folds(part: Artifact) -> None:
    html = draw(part)
    root = html5lib.parseFragment(html, namespaceHTMLElements=False)

    [frame] = list(root)
    assert (frame.tag, frame.get("id"), "open" in frame.attrib) == ("details", f"m-{MESSAGE}-0", True)
    summary = next(frame.iter("summary"))
    assert "".join(summary.itertext()) == part.title
    assert "chat-icon-chevron" in html
    # No control in a control: the tools stand beside what folds.
    assert not list(summary.iter("button")) + list(summary.iter("a"))
    assert next(frame.iter("button"), None) is not None


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (chatapp.CodeArtifact(content="x"), "Code"),
        (chatapp.MarkdownArtifact(content="x", title="  "), "Document"),
        (chatapp.HtmlArtifact(content="x"), "Page"),
        (chatapp.TableArtifact(data=[{"a": 1}]), "Table"),
        (chatapp.ImageArtifact(url=PIXEL, alt=""), "Image"),
        (chatapp.JsonArtifact(data=[]), "Data"),
        (chatapp.ChartArtifact(spec={"mark": "bar"}), "Chart"),
    ],
)
def test_without_a_title_it_is_called_what_it_is(part: Artifact, name: str) -> None:
    assert part.heading == name
    assert f'<span dir="auto">{name}</span>' in draw(part)


@each_kind
def test_the_model_does_not_get_an_artifact_unless_asked(part: Artifact) -> None:
    said = chatapp.TextPart(text="Here you are.")

    assert text_for_model([said, part]) == "Here you are."
    assert text_for_model([part.model_copy(update={"for_model": True})]) == part.source


def test_what_artifacts_hold_is_searched_and_copied() -> None:
    assert plain_text(ONE_OF_EACH).split("\n\n")[-4:] == ["Sales: name, sold", "A dot", "order.json", "Week"]
    assert plain_text(ONE_OF_EACH[:2]) == f"{ONE_OF_EACH[0].source}\n\n{ONE_OF_EACH[1].source}"
    assert ONE_OF_EACH[2].plain == ""


@each_kind
def test_artifacts_of_an_app_that_is_gone_are_kept(part: Artifact) -> None:
    stored = {**part.dump(), "from_a_newer_version": 1}

    assert load_part(stored).dump() == stored


def test_artifacts_are_drawn_the_same_live_and_after_a_reload_in_the_order_they_were_yielded() -> None:
    assembler, drawing = Assembler(), LiveMessage(MESSAGE)
    view = MessageView(id=MESSAGE, role="assistant", state="streaming", label="Guide said")
    page = Page(f'<i id="chat-cursor"></i><div id="chat-thread">{render_message(view)}</div>')

    def step() -> None:
        for frame in write_frames(drawing.draw(assembler.slots)):
            page.apply(frame)

    for part in ONE_OF_EACH:
        for item in ("**Before** ", "it.", part, chatapp.PartStart(part, key=part.kind)):
            assembler.take(item)
            step()
    # One is replaced by a newer one of the same key.
    assembler.take(chatapp.PartStart(chatapp.CodeArtifact(content="newer"), key="code-artifact"))
    step()
    assembler.take("The end.")
    assembler.end()
    step()

    parts = [load_part(json.loads(json.dumps(part.dump()))) for part in assembler.to_parts()]
    stored = MessageView(id=MESSAGE, role="assistant", state="streaming", label="Guide said", parts=parts)
    reloaded = Page(f'<div id="chat-thread">{render_message(stored)}</div>')
    assert page.missed == []
    assert page.html_of(f"m-{MESSAGE}-parts") == reloaded.html_of(f"m-{MESSAGE}-parts")
    assert [part.kind for part in parts[:4]] == ["text", "code-artifact", "code-artifact", "text"]
    assert parts[-1] == chatapp.TextPart(text="The end.")
    assert parts[2] == chatapp.CodeArtifact(content="newer")


# ---- V2: code


def test_code_names_its_language_and_is_highlighted_and_escaped() -> None:
    html = draw(ONE_OF_EACH[0])

    assert '<code class="language-python">' in html
    assert '<span class="k">if</span>' in html
    assert "&lt;" in html
    assert "".join(get_sheet(ONE_OF_EACH[0]).itertext()) == ONE_OF_EACH[0].source


def test_code_in_no_known_language_is_plain() -> None:
    html = draw(chatapp.CodeArtifact(content="<b>&amp;", language='x"><script>'))

    assert "<pre><code>&lt;b&gt;&amp;amp;</code></pre>" in html


# ---- V3: Markdown


def test_a_document_has_its_table_and_list_and_no_script() -> None:
    part = chatapp.MarkdownArtifact(content=f"{ONE_OF_EACH[1].source}\n\n<script>alert(1)</script>")
    sheet = get_sheet(part)

    assert [len(list(sheet.iter(tag))) for tag in ("table", "li", "h1", "script")] == [1, 2, 1, 0]


# ---- V4: pages


def test_a_page_stands_in_a_frame_without_origin_and_never_in_the_page() -> None:
    html = draw(ONE_OF_EACH[2], 3)

    [frame] = get_sheet(ONE_OF_EACH[2]).iter("iframe")
    assert (frame.get("sandbox"), frame.get("loading"), frame.get("height")) == ("allow-scripts", "lazy", "240")
    assert f'src="/chat/artifacts/{MESSAGE}/3/?version={ONE_OF_EACH[2].version}"' in html
    assert "Hello" not in html
    assert "srcdoc" not in html


def test_a_page_outside_of_a_stored_message_is_not_shown() -> None:
    html = chatapp.HtmlArtifact(content="<p>Hello</p>")
    assert "<iframe" not in render_part(html, "chat-stream-news-0")


# ---- V5: tables

SAME = [{"a": 1, "b": "x"}]


@pytest.mark.parametrize(
    "data",
    [SAME, {"a": [1], "b": ["x"]}, {"a": 1, "b": "x"}, pd.DataFrame(SAME), pl.DataFrame(SAME)],
    ids=["list of dicts", "dict of lists", "single dict", "pandas", "polars"],
)
def test_what_means_the_same_table_gives_equal_parts(data: Any) -> None:
    part = chatapp.TableArtifact(data=data)

    assert part == chatapp.TableArtifact(data=SAME)
    assert (part.columns, part.rows) == (["a", "b"], [[1, "x"]])
    assert draw(part) == draw(chatapp.TableArtifact(data=SAME))


def test_cells_become_what_json_has_for_them() -> None:
    row = {"day": date(2026, 1, 2), "price": Decimal("12.5"), "none": float("nan"), "id": UUID(int=1), "yes": True}

    assert chatapp.TableArtifact(data=row).rows == [
        ["2026-01-02", 12.5, None, "00000000-0000-0000-0000-000000000001", True]
    ]


DAY = datetime(2026, 1, 2, 3, 4)
CELLS: dict[str, list[Any]] = {
    "day": [DAY, None],
    "price": [1.5, None],
    "sold": [3, None],
    "size": ["large", None],
    "took": [timedelta(hours=1), None],
    "yes": [True, False],
}
SHOWN = [["2026-01-02T03:04:00", 1.5, 3, "large", "1:00:00", True], [None, None, None, None, None, False]]


def test_every_kind_of_column_of_a_frame_is_what_the_same_list_would_be() -> None:
    pandas = pd.DataFrame(
        {
            **CELLS,
            "day": pd.to_datetime(CELLS["day"]),
            "sold": pd.array(CELLS["sold"], dtype="Int64"),
            "size": pd.Categorical(CELLS["size"]),
            "took": pd.Series(CELLS["took"], dtype="object"),
        }
    )
    polars = pl.DataFrame({**CELLS, "size": pl.Series(CELLS["size"], dtype=pl.Categorical)})

    assert chatapp.TableArtifact(data=CELLS).rows == SHOWN
    assert chatapp.TableArtifact(data=pandas).rows == SHOWN
    assert chatapp.TableArtifact(data=polars).rows == SHOWN
    numbers = pd.DataFrame({"n": [float("nan"), np.inf], "month": pd.period_range("2026-01", periods=2, freq="M")})
    assert chatapp.TableArtifact(data=numbers).rows == [[None, "2026-01"], [None, "2026-02"]]


def test_a_formula_in_a_category_of_a_frame_is_text_in_its_file() -> None:
    frame = pd.DataFrame({"=head": pd.Categorical(["=1+1", None]), "n": [-5, 1]})

    assert chatapp.TableArtifact(data=frame).source == "'=head,n\r\n'=1+1,-5\r\n,1\r\n"


def test_the_index_of_a_frame_is_a_column_where_it_says_something() -> None:
    frame = pd.DataFrame({"shop": ["Bern", "Rome", "Bern"], "kind": ["a", "b", "b"], "sold": [3, 5, 7]})

    def read(data: Any) -> tuple[list[str], list[list[Any]]]:
        part = chatapp.TableArtifact(data=data)
        return part.columns, part.rows

    assert read(frame[frame.sold > 3]) == (["shop", "kind", "sold"], [["Rome", "b", 5], ["Bern", "b", 7]])
    assert read(frame.groupby("shop")[["sold"]].sum()) == (["shop", "sold"], [["Bern", 10], ["Rome", 5]])
    assert read(frame.groupby(["shop", "kind"]).sum())[1][0] == ["Bern", "a", 3]
    assert read(frame["shop"].value_counts()) == (["shop", "count"], [["Bern", 2], ["Rome", 1]])
    assert read(pd.Series([1], index=["x"])) == (["index", "0"], [["x", 1]])
    assert read(pl.Series("n", [1, 2])) == (["n"], [[1], [2]])
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert read(twice) == (["a", "a"], [[1, 2]])


def test_rows_may_lack_columns_and_columns_are_chosen_and_ordered() -> None:
    part = chatapp.TableArtifact(data=[{"a": 1}, {"b": 2, "c": 3}], columns=["c", "a"])

    assert (part.columns, part.rows) == (["c", "a"], [[None, 1], [3, None]])
    assert chatapp.TableArtifact(data=[[1, 2]], columns=["a", "b"]).rows == [[1, 2]]
    assert chatapp.TableArtifact(data=[], columns=["a"]).rows == []
    assert chatapp.TableArtifact(data=pd.DataFrame(columns=["a", "b"])).columns == ["a", "b"]
    assert chatapp.TableArtifact(data=pl.DataFrame(schema=["a", "b"])).columns == ["a", "b"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"data": 5}, "data is builtins.int; it may be a list of dicts"),
        ({"data": []}, "data has no columns"),
        ({"data": [1]}, "row 1 of data is int"),
        ({"data": {"a": [1], "b": [1, 2]}}, "the lists of data differ in length: 'a' 1, 'b' 2"),
        ({"data": {"a": [1], "b": 2}}, "data has lists, and 2 at 'b'"),
        ({"data": [{"a": object()}]}, "row 1, column 'a' is builtins.object; it may be str, int"),
        ({"data": [{"a": 1}], "columns": ["b"]}, "columns has 'b', which data does not have; it has a"),
        ({"data": [{"a": 1}], "columns": "a"}, "columns is 'a'; give it a list of names"),
        ({"data": [[1]], "columns": ["a", "b"]}, "a row has 1 cells, and there are 2 columns"),
        ({"data": {f"c{n}": 1 for n in range(101)}}, "data has 101 columns and 1 rows; at most 100 columns"),
        (
            {"data": {f"c{n}": [0] * 50_001 for n in range(20)}},
            "20 columns and 50,001 rows; at most .* 1,000,000 cells",
        ),
        ({"data": {"a": "x" * 8_000_001}}, "data has 8,000,001 characters of text"),
        ({"columns": ["a"], "rows": [[1, 2]]}, "a row is .*; it needs 1 cells"),
    ],
)
def test_a_table_that_cannot_be_shown_says_why(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        chatapp.TableArtifact(**values)


def test_a_page_has_only_the_first_rows_of_a_table() -> None:
    part = chatapp.TableArtifact(data={"n": list(range(10_000))})
    html = draw(part)

    assert html.count("<tr>") == PAGE_ROWS + 1
    assert len(html) < 12_000
    assert "1 to 100 of 10,000" in html
    assert "Filter 10,000 rows" in html


def test_a_table_sorts_numbers_before_texts_and_nothing_last() -> None:
    part = chatapp.TableArtifact(data={"n": [None, "b", 10, "A", 9, None]})

    def sort(**options: Any) -> list[Any]:
        return [row[0] for row in part.select(sort=0, **options).rows]

    assert sort() == [9, 10, "A", "b", None, None]
    assert sort(is_descending=True) == ["b", "A", 10, 9, None, None]


def test_a_table_filters_by_what_its_cells_show_and_pages_what_is_left() -> None:
    part = chatapp.TableArtifact(data={"n": list(range(1000)), "name": [f"Name {n}" for n in range(1000)]})

    found = part.select(wanted=" NAME 99", start=5, count=3)

    assert (found.total, [row[0] for row in found.rows]) == (11, [994, 995, 996])
    assert part.select(wanted="nobody").total == 0


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_formula_in_a_table_is_text_in_its_file(start: str) -> None:
    part = chatapp.TableArtifact(data=[{f"{start}head": f"{start}cmd|'/c calc'!A1", "n": -5}])

    head, row = csv.reader(io.StringIO(part.source, newline=""))
    assert head == [f"'{start}head", "n"]
    assert row == [f"'{start}cmd|'/c calc'!A1", "-5"]


# ---- V7: images


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", " JavaScript:x", "vbscript:x", "\tvbscript:x", "file:///etc/passwd", "blob:https://a/b",
        "data:text/html,x", "data:text/html;base64,eA==", "data:image/svg+xml;base64,eA==", "data:image/png,x",
        "data:image/png;base64,AAA", "java\nscript:x", " https://a.example/x.png", "\x00https://a.example", "https:x",
        "//a.example/x.png", "/x.png", "https://good.example@evil.example/", "",
    ],
)  # fmt: skip
def test_an_image_from_nowhere_good_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        chatapp.ImageArtifact(url=url, alt="x")


@pytest.mark.parametrize(
    "url",
    ["http://a.example/x.png", "https://a.example", "HTTPS://A.example/x?y=1#z", PIXEL, PIXEL.replace("png", "WebP")],
)
def test_an_image_from_the_web_or_in_its_address_is_taken(url: str) -> None:
    assert chatapp.ImageArtifact(url=url, alt="x").url == url


def test_an_image_elsewhere_is_a_link_with_its_host_until_the_host_is_opened() -> None:
    part = chatapp.ImageArtifact(url="https://img.example/x.png", alt='A "dog" <b>')

    [link] = get_sheet(part).iter("a")
    assert (link.get("href"), "".join(link.itertext())) == (part.url, '🖼 A "dog" <b> (img.example)')
    assert {"noopener", "noreferrer", "nofollow"} <= set(link.get("rel").split())
    assert not list(get_sheet(part).iter("img"))
    with override_settings(CHATAPP={"IMAGE_HOSTS": ("img.example",)}):
        [image] = get_sheet(part).iter("img")
    assert (image.get("src"), image.get("alt")) == (part.url, part.alt)


def test_an_image_in_its_address_is_shown_with_its_words_escaped() -> None:
    html = draw(chatapp.ImageArtifact(url=PIXEL, alt='"><script>alert(1)</script>'))

    assert f'<img src="{PIXEL}" alt="&quot;&gt;&lt;script&gt;' in html.replace("&#x27;", "'")
    assert "<script>" not in html


# ---- V8: trees


def test_data_three_levels_deep_gives_three_details_in_one_another() -> None:
    sheet = get_sheet(chatapp.JsonArtifact(data={"a": {"b": {"c": "<script>alert('x')</script>"}}}))
    nested = [
        len([up for up in sheet.iter("details") if node in list(up.iter("details"))]) for node in sheet.iter("details")
    ]

    assert nested == [1, 2, 3]
    assert not list(sheet.iter("script"))
    assert "".join(sheet.itertext()).endswith("c: \"<script>alert('x')</script>\"")


def test_a_large_tree_is_cut_off_and_says_so() -> None:
    part = chatapp.JsonArtifact(data=[{"n": n} for n in range(20_000)])
    html = draw(part)

    assert len(html) < 150_000
    assert re.search(r"… 19,\d{3} more; download it to see all", html)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"a": [1, object()]}, r"data\['a'\]\[1\] is builtins.object; it may be str"),
        ({(1, 2): 3}, r"data has a key \(1, 2\); the keys of JSON are text"),
        ("x" * 400_001, "data has 400,003 characters as JSON"),
    ],
)
def test_data_that_is_no_json_says_where(data: Any, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        chatapp.JsonArtifact(data=data)


def test_data_that_holds_itself_is_refused() -> None:
    data: list[Any] = []
    data.append(data)

    with pytest.raises(ValidationError, match="more than 60 levels deep"):
        chatapp.JsonArtifact(data=data)


# ---- bounds, names


@pytest.mark.parametrize("make", [chatapp.CodeArtifact, chatapp.MarkdownArtifact, chatapp.HtmlArtifact])
def test_a_text_that_is_too_long_is_refused(make: Callable[..., Artifact]) -> None:
    with pytest.raises(ValidationError, match="at most 400000 characters"):
        make(content="x" * 400_001)


def list_names() -> Iterator[tuple[Artifact, str]]:
    """Artifacts and the names of their files."""
    yield chatapp.CodeArtifact(content="x", language="python", title="less.py"), "less.py"
    yield chatapp.CodeArtifact(content="x", language="Rust"), "code.rs"
    yield chatapp.CodeArtifact(content="x", language="exe", title="a.exe"), "aexe.txt"
    yield chatapp.CodeArtifact(content="x", language="../../x", title="../../etc/passwd"), "etcpasswd.txt"
    yield chatapp.MarkdownArtifact(content="x", title='Über\r\n"uns"; x=1'), "über-uns-x1.md"
    yield chatapp.TableArtifact(data=[{"a": 1}], title="...."), "table-artifact.csv"
    yield chatapp.JsonArtifact(data=1, title="x" * 200), f"{'x' * 60}.json"
    yield chatapp.ImageArtifact(url=PIXEL.replace("png", "JPEG"), alt="", title="\u202egnp"), "gnp.jpg"


@pytest.mark.parametrize(("part", "name"), list(list_names()))
def test_a_file_has_a_harmless_name_and_our_ending(part: Artifact, name: str) -> None:
    assert part.file_name == name
