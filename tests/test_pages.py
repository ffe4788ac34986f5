"""What templates, style and script promise before a browser sees them."""

import re
from pathlib import Path

import pytest

from chatapp.icons import ICONS
from chatapp.rendering import fragments
from tests.site import ROOT

TEMPLATES = sorted([*ROOT.glob("chatapp/templates/**/*.html"), *ROOT.glob("templates/**/*.html")])
STATIC = ROOT / "chatapp" / "static" / "chatapp"
MAX_BYTES = 40 * 1024


def get_name(path: Path) -> str:
    """Path below the root, for a reader."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", TEMPLATES, ids=get_name)
def test_no_template_needs_a_loose_content_policy(path: Path) -> None:
    text = path.read_text()

    found = re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|\shx-on|javascript:", text)
    # A file that people save needs nothing else, and brings a policy of its own.
    assert found == (["<style"] if path.name == "export.html" else [])


@pytest.mark.parametrize("path", TEMPLATES, ids=get_name)
def test_templates_name_icons_that_exist(path: Path) -> None:
    assert set(re.findall(r'{% icon "([^"]+)"', path.read_text())) <= set(ICONS)


@pytest.mark.parametrize("name", ["chatapp.js", "chatapp.css", "parts.css", "more.css"])
def test_script_and_style_stay_small(name: str) -> None:
    assert (STATIC / name).stat().st_size < MAX_BYTES


@pytest.mark.parametrize(
    "target",
    [
        fragments.THREAD,
        fragments.CURSOR,
        fragments.NOTICE,
        fragments.ACTION,
        fragments.TITLE,
        fragments.THREADS,
    ],
)
def test_everything_that_a_frame_fills_stands_once_in_the_page(target: str) -> None:
    found = [path for path in TEMPLATES for _ in re.findall(rf'\bid="{target}"', path.read_text())]

    assert len(found) == 1


@pytest.mark.parametrize("name", ["chatapp.css", "parts.css", "more.css", "playground.css"])
def test_the_style_touches_nothing_outside_the_chat(name: str) -> None:
    text = re.sub(r"/\*.*?\*/", "", (STATIC / name).read_text(), flags=re.S)
    selectors = [
        selector.strip()
        for prelude in re.findall(r"(?:^|[{};])\s*([^@{};]+)\{", text)
        for selector in re.split(r",(?![^()]*\))", prelude)
    ]

    assert len(selectors) > 40
    loose = [
        one for one in selectors if not re.match(r"\.chat|:where\(\.chat\)|chat-state|\[data-chat-|\[data-theme", one)
    ]
    assert [one for one in loose if not re.fullmatch(r"to|from|\d+%", one)] == []
