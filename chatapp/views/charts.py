"""The page in the frame of a chart: the library that draws it, our script, and the chart as data."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlsplit

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.templatetags.static import static

from chatapp.artifacts import ChartArtifact

LIBRARIES: Final = {
    "plotly": ("chatapp/vendor/plotly-cartesian-4.1.1/plotly-cartesian.min.js",),
    "vega-lite": (
        "chatapp/vendor/vega-6.4.0/vega.min.js",
        "chatapp/vendor/vega-lite-6.4.3/vega-lite.min.js",
        # Draws without eval, which the policy does not allow.
        "chatapp/vendor/vega-interpreter-2.3.2/vega-interpreter.js",
    ),
}
"""Static files that draw a chart; only the page of such a chart ever asks for them."""

SCRIPT: Final = "chatapp/chart-frame.js"
STYLE: Final = "chatapp/chart-frame.css"

POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src {scripts}; style-src {styles} 'unsafe-inline'; "
    "img-src data:; connect-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
"""No script but these files, no origin, no request. Plotly writes style sheets of its own, which can load nothing."""


def make_page(request: HttpRequest, part: ChartArtifact) -> HttpResponse:
    """The page that draws the chart, with its content security policy."""
    scripts = [static(path) for path in (*LIBRARIES[part.library], SCRIPT)]
    style = static(STYLE)
    page = render_to_string("chatapp/chart.html", {"part": part, "scripts": scripts, "style": style}, request)
    response = HttpResponse(page)
    response.headers["Content-Security-Policy"] = POLICY.format(
        scripts=_list_sources(request, scripts), styles=_list_sources(request, [style])
    )
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _list_sources(request: HttpRequest, addresses: Iterable[str]) -> str:
    """The addresses as a policy names them: whole, since a page without an origin has no 'self'."""
    found = (urlsplit(request.build_absolute_uri(address)) for address in addresses)
    return " ".join(f"{url.scheme}://{url.netloc}{quote(url.path, safe='/%:@!$&()*+=~')}" for url in found)
