"""Charts: a figure of Plotly or a specification of Vega-Lite, stored as JSON and drawn by the browser."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext_lazy as _
from pydantic import Field, ValidationInfo, model_validator

from chatapp.parts import STORED, part

from .kinds import Artifact, get_version
from .values import to_json

MAX_CHART_CHARS: Final = 1_000_000
"""Longest figure or specification, in characters of JSON: some 50,000 points."""

_TRACES = "bar box contour heatmap histogram histogram2d histogram2dcontour image pie scatter scatterternary violin"
TRACES: Final = frozenset(_TRACES.split())
"""Kinds of traces that the vendored build of Plotly draws."""

_SAME: Final = {"scattergl": "scatter", "heatmapgl": "heatmap"}
"""Kinds that differ from these in how they are drawn only; plotly.express takes them when there are many points."""

_TAG: Final = re.compile("<[^<>]*>")
"""Plotly takes some for bold, lines and links; what is left of others does no harm."""

_FIGURE: Final = ("data", "layout", "config", "frames")
_VIEWS: Final = ("mark", "layer", "facet", "repeat", "concat", "hconcat", "vconcat")


@part
class ChartArtifact(Artifact):
    """A chart: `ChartArtifact(figure=…)` takes a figure of Plotly, `ChartArtifact(spec=…)` one of Vega-Lite or Altair.

    It is drawn in a frame that reaches nothing: the data must be in it. It follows the width of the frame, and the
    reader's light or dark as far as it has no colours of its own.
    """

    kind = "chart-artifact"
    icon = "chart"
    name = _("Chart")

    figure: dict[str, Any] | None = None
    """`data`, a list of traces, and `layout`, `config` and `frames` if there are any."""

    spec: dict[str, Any] | None = None
    """A specification of Vega-Lite with its data in it."""

    height: int = Field(400, ge=40, le=2000)
    """Of the frame, in pixels. A figure whose layout has a height brings it along."""

    if TYPE_CHECKING:

        def __init__(
            self, *, figure: Any = None, spec: Any = None, title: str = "", height: int = 400, for_model: bool = False
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, values: Any, info: ValidationInfo) -> Any:
        if not isinstance(values, Mapping) or info.context is STORED:
            return values
        if (values.get("figure") is None) == (values.get("spec") is None):
            raise ValueError("a chart takes figure=, of Plotly, or spec=, of Vega-Lite: one of them")
        values = dict(values)
        if values.get("spec") is not None:
            values["spec"] = read_spec(values["spec"])
            return values
        values["figure"] = figure = read_figure(values["figure"])
        own = figure["layout"].get("height")
        if "height" not in values and isinstance(own, int | float):
            values["height"] = min(max(int(own), 40), 2000)
        return values

    @property
    def library(self) -> str:
        """What draws it: "plotly" or "vega-lite"."""
        return "plotly" if self.figure is not None else "vega-lite"

    @property
    def drawn(self) -> dict[str, Any]:
        """The figure or the specification."""
        return self.figure or self.spec or {}

    @property
    def heading(self) -> str:
        return self.plain or str(self.name)

    @property
    def plain(self) -> str:
        return self.title.strip() or self._own_title

    @property
    def _own_title(self) -> str:
        own = (self.figure["layout"] if self.figure is not None else self.drawn).get("title")
        text = own.get("text") if isinstance(own, dict) else own
        lines = text if isinstance(text, list) else [text]
        words = " ".join(_TAG.sub(" ", line) for line in lines if isinstance(line, str))
        return " ".join(words.split())[:200]

    @property
    def extension(self) -> str:
        return "json"

    @property
    def media_type(self) -> str:
        return "application/json"

    @property
    def source(self) -> str:
        # In one line: with one number in each, a chart of any size could not be read either.
        return json.dumps(self.drawn, ensure_ascii=False)

    @property
    def version(self) -> str:
        return get_version(self.source)


def read_figure(figure: Any) -> dict[str, Any]:
    """The figure as JSON, with `data` and `layout`: of a dict, or of a figure of the library plotly.

    Raises ValueError that says what was found and what would be right.
    """
    if callable(getattr(figure, "to_plotly_json", None)) and callable(getattr(figure, "to_json", None)):
        figure = json.loads(figure.to_json())
    if not isinstance(figure, Mapping):
        raise ValueError(f"figure is {_name(figure)}; give it a dict with data and layout, or a figure of plotly")
    given = _check_size(to_json(figure, "figure"), "figure")
    read: dict[str, Any] = {"data": [], "layout": {}, **{key: it for key, it in given.items() if it is not None}}
    if odd := [key for key in read if key not in _FIGURE]:
        raise ValueError(f"figure has {odd[0]!r}; it may have {', '.join(_FIGURE)}")
    for key, shape in zip(_FIGURE, (list, dict, dict, list), strict=True):
        if not isinstance(read.get(key, shape()), shape):
            raise ValueError(f"figure[{key!r}] is {_name(read[key])}; it may be a {shape.__name__}")
    if not read["data"] and not read["layout"]:
        raise ValueError("figure has neither data nor layout: there is nothing to draw")
    for place, trace in enumerate(read["data"]):
        if not isinstance(trace, dict):
            raise ValueError(f"figure['data'][{place}] is {_name(trace)}; a trace is a dict")
        kind = trace.get("type") or "scatter"
        trace["type"] = kind = _SAME.get(str(kind), kind)
        if str(kind) not in TRACES:
            raise ValueError(f"figure['data'][{place}] has type {kind!r}; it may be {', '.join(sorted(TRACES))}")
    if _has_default_look(read["layout"].get("template")):
        del read["layout"]["template"]
    return read


def _has_default_look(template: Any) -> bool:
    """Whether the look is the one that plotly gives every figure: nobody chose it, and it is light in the dark too."""
    library = sys.modules.get("plotly.io")
    return bool(template and library and template == to_json(library.templates["plotly"].to_plotly_json()))


def read_spec(spec: Any) -> dict[str, Any]:
    """The specification of Vega-Lite as JSON: of a dict, or of a chart of Altair.

    Raises ValueError that says what was found and what would be right.
    """
    if not isinstance(spec, Mapping) and callable(getattr(spec, "to_dict", None)):
        spec = spec.to_dict()
    if not isinstance(spec, Mapping):
        raise ValueError(f"spec is {_name(spec)}; give it a dict of Vega-Lite, or a chart of Altair")
    read = _check_size(to_json(spec, "spec"), "spec")
    schema = read.get("$schema", "/vega-lite/")
    if "/vega-lite/" not in str(schema):
        raise ValueError(f"spec has the $schema {schema!r}; only those of Vega-Lite are drawn")
    if not any(key in read for key in _VIEWS):
        raise ValueError(f"spec has {', '.join(read) or 'nothing'}; it needs one of {', '.join(_VIEWS)}")
    if address := next(_find_addresses(read), None):
        raise ValueError(f"spec takes data from {address!r}; a chart loads nothing: put the data into 'values'")
    return read


def _find_addresses(value: Any) -> Iterator[Any]:
    """Whatever data are to be loaded from."""
    if isinstance(value, dict):
        data = value.get("data")
        if isinstance(data, dict) and "url" in data:
            yield data["url"]
        # What stands in the data themselves asks for nothing.
        for key, item in value.items():
            if key not in ("values", "datasets"):
                yield from _find_addresses(item)
    elif isinstance(value, list):
        for item in value:
            yield from _find_addresses(item)


def _check_size(value: Any, name: str) -> dict[str, Any]:
    size = len(json.dumps(value))
    if size > MAX_CHART_CHARS:
        raise ValueError(f"{name} has {size:,} characters as JSON; at most {MAX_CHART_CHARS:,} can be shown")
    return dict(value)


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
