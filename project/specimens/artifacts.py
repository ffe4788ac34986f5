"""Specimens of artifacts."""

from collections.abc import Mapping, Sequence
from typing import Final

from chatapp.artifacts import (
    ChartArtifact,
    CodeArtifact,
    HtmlArtifact,
    ImageArtifact,
    JsonArtifact,
    MarkdownArtifact,
    TableArtifact,
)
from project.pictures import SQUARE

from .specimen import ARABIC, LONG_WORD, PROSE, Specimen

PAGE: Final = (
    "<!doctype html><style>body{font:15px system-ui;display:grid;place-content:center;height:90vh}</style>"
    "<button>0</button><script>document.querySelector('button').onclick=e=>e.target.textContent++</script>"
)

BROKEN: Final = {"mark": "bar", "data": {"values": [{}]}, "transform": [{"calculate": "oh(", "as": "n"}]}
WEEKS: Final = ("Week 44", "Week 45", "Week 46", "Week 47")
OWN_COLOURS: Final = {
    "data": [{"type": "pie", "labels": ["Bern", "Rome", "نص"], "values": [5, 3, 2]}],
    "layout": {"paper_bgcolor": "#fdf3dc"},
}

ARTIFACTS: Final[Mapping[str, Sequence[Specimen]]] = {
    "code-artifact": (
        Specimen("SQL", [CodeArtifact(content="SELECT sum(total)\nFROM orders;", language="sql", title="query.sql")]),
        Specimen("no language, long lines", [CodeArtifact(content=f"{LONG_WORD * 3}\n" * 60, title=LONG_WORD)]),
        Specimen("empty", [CodeArtifact(content="")]),
    ),
    "markdown-artifact": (
        Specimen("a document", [MarkdownArtifact(content=PROSE, title="Returns.md")]),
        Specimen("right to left", [MarkdownArtifact(content=ARABIC, title=ARABIC)]),
        Specimen("empty", [MarkdownArtifact(content="")]),
    ),
    "html-artifact": (
        Specimen("a page with a script", [HtmlArtifact(content=PAGE, title="Counter", height=90)]),
        Specimen("empty", [HtmlArtifact(content="", height=40)]),
    ),
    "table-artifact": (
        Specimen("a few rows", [TableArtifact(data=[{"Product": "Kettle", "Week": 46, "Sold": 31}], title="Sales")]),
        Specimen(
            "many rows, many columns",
            [TableArtifact(data=[{f"Column {n}": n * row for n in range(12)} for row in range(250)], title=LONG_WORD)],
        ),
        Specimen("no rows", [TableArtifact(data=[], columns=["Product", "Sold"])]),
        Specimen("long words", [TableArtifact(data={LONG_WORD: [LONG_WORD, None], "نص": [ARABIC, True]})]),
    ),
    "chart-artifact": (
        Specimen(
            "Plotly",
            [
                ChartArtifact(
                    figure={
                        "data": [
                            {"type": "bar", "name": "Kettle", "x": WEEKS, "y": [31, 28, 40, 36]},
                            {"type": "bar", "name": "Lamp", "x": WEEKS, "y": [12, 19, 15, 22]},
                        ],
                        "layout": {"title": {"text": "Sold by week"}},
                    },
                    height=300,
                )
            ],
        ),
        Specimen(
            "Vega-Lite",
            [
                ChartArtifact(
                    spec={
                        "data": {
                            "values": [
                                {"week": week, "sold": sold} for week, sold in zip(WEEKS, (31, 28, 40, 36), strict=True)
                            ]
                        },
                        "mark": {"type": "line", "point": True},
                        "encoding": {"x": {"field": "week"}, "y": {"field": "sold", "type": "quantitative"}},
                    },
                    title="Kettles",
                    height=240,
                )
            ],
        ),
        Specimen("colours of its own", [ChartArtifact(figure=OWN_COLOURS, title=LONG_WORD, height=220)]),
        Specimen("cannot be drawn", [ChartArtifact(spec=BROKEN, height=60)]),
    ),
    "image-artifact": (
        Specimen("in itself", [ImageArtifact(url=SQUARE, alt="A blue field", title="field.png")]),
        Specimen(
            "of a host that is not allowed", [ImageArtifact(url="https://example.org/kettle.png", alt="A kettle")]
        ),
    ),
    "json-artifact": (
        Specimen(
            "nested",
            [
                JsonArtifact(
                    data={"id": 10432, "total": "129.00", "lines": ["Kettle K2", {"filter": None}], "open": True},
                    title="order.json",
                )
            ],
        ),
        Specimen("long words", [JsonArtifact(data={LONG_WORD: LONG_WORD, "نص": ARABIC})]),
        Specimen("empty", [JsonArtifact(data={})]),
    ),
}
"""By kind."""
