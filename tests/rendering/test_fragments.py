"""Every swap is written in one place, and in one frame none needs another."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.rendering import fragments
from chatapp.rendering.fragments import Fragment, write_frames

MESSAGE = UUID(int=1)


@pytest.mark.parametrize(
    ("fragment", "html"),
    [
        (fragments.append("a", "<p>x</p>"), '<div hx-swap-oob="beforeend:#a"><p>x</p></div>'),
        (fragments.fill("a", "x"), '<div hx-swap-oob="innerHTML:#a">x</div>'),
        (fragments.extend("a-live", "x"), '<div hx-swap-oob="beforeend:#a-live code">x</div>'),
        (fragments.replace("a", '<p id="a">x</p>'), '<p hx-swap-oob="outerHTML:#a" id="a">x</p>'),
        (fragments.replace("a", "<p>x</p>"), '<p hx-swap-oob="outerHTML:#a">x</p>'),
        (fragments.amend("a", 2, "<p>x y</p>"), '<p hx-swap-oob="outerHTML:#a > :nth-child(3)">x y</p>'),
        (fragments.delete("a"), '<div hx-swap-oob="delete:#a"></div>'),
        (fragments.text("a", "<b> & 'c'"), '<div hx-swap-oob="innerHTML:#a">&lt;b&gt; &amp; &#x27;c&#x27;</div>'),
        (fragments.cursor(MESSAGE, 7), f'<div hx-swap-oob="innerHTML:#chat-cursor">{MESSAGE}:7</div>'),
        (fragments.no_cursor(), '<div hx-swap-oob="innerHTML:#chat-cursor"></div>'),
        (fragments.notice("<p>x</p>"), '<div hx-swap-oob="beforeend:#chat-notice"><p>x</p></div>'),
    ],
)
def test_each_kind_of_swap_is_written_as_htmx_reads_it(fragment: Fragment, html: str) -> None:
    assert write_frames([fragment]) == [html]


def test_elements_are_named_after_their_message() -> None:
    assert fragments.message_id(MESSAGE) == f"m-{MESSAGE}"
    assert fragments.parts_id(MESSAGE) == f"m-{MESSAGE}-parts"
    assert fragments.foot_id(MESSAGE) == f"m-{MESSAGE}-foot"
    assert fragments.part_id(MESSAGE, 2) == f"m-{MESSAGE}-2"


def test_nothing_to_say_is_no_frame() -> None:
    assert write_frames([]) == []


def test_fragments_that_do_not_touch_are_one_frame() -> None:
    (frame,) = write_frames(
        [fragments.append("a-done", "<p>x</p>"), fragments.fill("a-live", ""), fragments.no_cursor()]
    )

    assert frame.count("hx-swap-oob") == 3


@pytest.mark.parametrize(
    "changed",
    [
        [fragments.append("chat-thread", '<article id="m-1"></article>'), fragments.delete("m-1")],
        [fragments.append("chat-thread", '<p id="m-1-parts"></p>'), fragments.append("m-1-parts", "<p>x</p>")],
        [fragments.fill("m-1-parts", '<p id="m-1-0-live"></p>'), fragments.fill("m-1-0-live", "x")],
        [fragments.fill("m-1-parts", '<p id="m-1-0-live"><code></code></p>'), fragments.extend("m-1-0-live", "x")],
        [fragments.append("m-1-parts", '<p id="m-1-0-done"><b></b></p>'), fragments.amend("m-1-0-done", 0, "<i></i>")],
        [fragments.replace("m-1-0", '<p id="m-1-0"><b id="m-1-0-live"></b></p>'), fragments.fill("m-1-0-live", "x")],
        [fragments.append("m-1-0-done", "<p>x</p>"), fragments.amend("m-1-0-done", 0, "<p>y</p>")],
        [fragments.fill("m-1-0-done", "<p>x</p>"), fragments.amend("m-1-0-done", 0, "<p>y</p>")],
        [fragments.fill("m-1-0-live", "<pre><code></code></pre>"), fragments.extend("m-1-0-live", "y")],
    ],
)
def test_what_needs_another_fragment_comes_in_the_next_frame(changed: list[Fragment]) -> None:
    assert len(write_frames(changed)) == 2


ID = st.sampled_from(
    ["chat-thread", "m-1", "m-1-parts", "m-1-0", "m-1-0-done", "m-1-0-live", "m-2-parts", "m-2-0-live"]
)
HTML = st.lists(ID.map(lambda name: f'<p id="{name}"><code>x</code></p>'), max_size=2).map("".join)
FRAGMENT = st.one_of(
    st.builds(fragments.append, ID, HTML),
    st.builds(fragments.fill, ID, HTML),
    st.builds(fragments.extend, ID, st.just("x")),
    st.builds(fragments.amend, ID, st.integers(0, 2), st.just("<p>x</p>")),
    st.builds(fragments.delete, ID),
)


@given(st.lists(FRAGMENT, max_size=8))
def test_no_fragment_and_no_order_is_lost(changed: list[Fragment]) -> None:
    written = "".join(write_frames(changed))

    assert written == "".join("".join(write_frames([fragment])) for fragment in changed)


def test_a_fragment_is_told_from_a_mere_mention_of_its_target() -> None:
    changed = [
        fragments.append("chat-thread", f'<article id="m-{uuid4()}"></article>'),
        fragments.fill("m-1", "x"),
    ]

    assert len(write_frames(changed)) == 1
