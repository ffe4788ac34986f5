"""Readers follow a run at their own pace, and nothing is drawn for nobody."""

import random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.rendering import fragments
from chatapp.rendering.fragments import Fragment, append, extend, fill
from chatapp.runs.feed import SNAPSHOT, Feed
from chatapp.testing import Page

RUN = UUID(int=1)
PAGE = (
    '<div id="chat-thread"></div><i id="chat-cursor"></i><div id="m-1-parts"></div><div id="m-1-0-done"></div>'
    '<div id="m-1-0-live"></div><div id="m-1-1-done"></div><div id="m-1-status"></div>'
)


class Drawn(Feed):
    """A feed whose steps are given, with a count of how often it was drawn."""

    def __init__(self) -> None:
        super().__init__(RUN, self._draw_next)
        self.count = 0
        self.next: list[Fragment] = []

    def _draw_next(self) -> list[Fragment]:
        self.count += 1
        said, self.next = self.next, []
        return said

    def step(self, *changed: Fragment) -> None:
        """One more step, with these changes."""
        self.next += changed
        self.publish(self.seq + 1)


def make_page(*changed: Fragment) -> Page:
    """What a page shows after these fragments."""
    page = Page(PAGE)
    for frame in fragments.write_frames(changed):
        page.apply(frame)
    assert page.missed == []
    return page


def show(page: Page) -> str:
    """All of it."""
    names = ("m-1-parts", "m-1-0-done", "m-1-0-live", "m-1-1-done", "m-1-status")
    return "".join(page.html_of(name) for name in names)


def test_nobody_reads_and_nothing_is_drawn() -> None:
    feed = Drawn()

    for number in range(100):
        feed.step(append("m-1-0-done", f"<p>{number}</p>"))
    feed.finish()

    assert feed.count == 0


def test_what_piles_up_between_two_looks_is_drawn_once() -> None:
    feed = Drawn()
    feed.step(append("m-1-0-done", "<p>1</p>"))
    feed.take(SNAPSHOT)
    for _ in range(10):
        feed.step()

    feed.take(1)
    feed.take(1)

    assert feed.count == 2


def test_many_readers_are_drawn_for_once() -> None:
    feed = Drawn()
    feed.step(append("m-1-0-done", "<p>1</p>"))

    taken = [feed.take(SNAPSHOT) for _ in range(5)]

    assert feed.count == 1
    assert taken == [(1, [append("m-1-0-done", "<p>1</p>")])] * 5


def test_a_reader_gets_what_came_after_its_cursor() -> None:
    feed = Drawn()
    feed.step(fill("m-1-parts", ""))
    assert feed.take(SNAPSHOT) == (1, [fill("m-1-parts", "")])

    feed.step(append("m-1-0-done", "<p>1</p>"), fill("m-1-0-live", "<p>a</p>"))

    assert feed.take(1) == (2, [append("m-1-0-done", "<p>1</p>"), fill("m-1-0-live", "<p>a</p>")])
    assert feed.take(2) == (2, [])


def test_a_slow_reader_gets_appended_blocks_as_one_and_only_the_newest_live_block() -> None:
    feed = Drawn()
    feed.step(fill("m-1-parts", ""))
    feed.take(SNAPSHOT)
    for number in range(2, 5):
        feed.step(append("m-1-0-done", f"<p>{number}</p>"), fill("m-1-0-live", f"<p>live {number}</p>"))
        feed.take(number - 1)

    assert feed.take(1) == (
        4,
        [append("m-1-0-done", "<p>2</p><p>3</p><p>4</p>"), fill("m-1-0-live", "<p>live 4</p>")],
    )


def test_blocks_are_not_joined_across_what_may_depend_on_their_order() -> None:
    feed = Drawn()
    feed.step(fill("m-1-parts", ""))
    feed.take(SNAPSHOT)
    changes = [
        append("m-1-0-done", "<p>1</p>"),
        fragments.amend("m-1-0-done", 0, "<p>one</p>"),
        append("m-1-0-done", "<p>2</p>"),
    ]
    feed.step(*changes)

    assert feed.take(1) == (2, changes)


def test_a_page_of_an_older_step_gets_the_newest_live_block_even_if_it_did_not_change_lately() -> None:
    feed = Drawn()
    feed.step(fill("m-1-parts", ""))
    feed.take(SNAPSHOT)
    feed.step(fill("m-1-0-live", "<p>a</p>"))
    feed.take(1)
    feed.step(append("m-1-1-done", "<p>b</p>"))

    assert feed.take(1)[1] == [append("m-1-1-done", "<p>b</p>"), fill("m-1-0-live", "<p>a</p>")]
    assert feed.take(2)[1] == [append("m-1-1-done", "<p>b</p>")]


CODE = '<div class="chat-code"><pre><code>one\n</code></pre></div>'


def test_an_open_code_fence_grows_by_what_is_new_to_its_reader() -> None:
    feed = Drawn()
    feed.step(fill("m-1-0-live", CODE))
    feed.take(SNAPSHOT)
    for line in ("two\n", "three\n"):
        feed.step(extend("m-1-0-live", line))
        feed.take(feed.seq - 1)

    assert feed.take(1)[1] == [extend("m-1-0-live", "two\nthree\n")]
    assert feed.take(2)[1] == [extend("m-1-0-live", "three\n")]
    assert feed.take(3)[1] == []


def test_a_reader_who_has_not_seen_the_fence_gets_it_whole() -> None:
    feed = Drawn()
    feed.step(fill("m-1-parts", ""))
    feed.take(SNAPSHOT)
    feed.step(fill("m-1-0-live", CODE))
    feed.take(1)
    feed.step(extend("m-1-0-live", "two &lt;/code&gt;\n"))

    assert feed.take(1)[1] == [fill("m-1-0-live", CODE.replace("one\n", "one\ntwo &lt;/code&gt;\n"))]


def test_the_code_block_that_follows_a_fence_replaces_it() -> None:
    feed = Drawn()
    feed.step(fill("m-1-0-live", CODE))
    feed.take(SNAPSHOT)
    feed.step(extend("m-1-0-live", "two\n"))
    feed.take(1)
    feed.step(append("m-1-0-done", "<pre>all</pre>"), fill("m-1-0-live", ""))

    for cursor in (1, 2):
        assert feed.take(cursor)[1] == [append("m-1-0-done", "<pre>all</pre>"), fill("m-1-0-live", "")]


def test_a_part_that_is_replaced_takes_its_live_block_with_it() -> None:
    feed = Drawn()
    feed.step(fill("m-1-0-live", "<p>old</p>"))
    feed.take(SNAPSHOT)
    feed.step(fragments.replace("m-1-0", '<div id="m-1-0"><div id="m-1-0-live">new</div></div>'))
    feed.take(1)

    assert [fragment.verb for fragment in feed.take(SNAPSHOT)[1]] == ["replace"]


@pytest.mark.parametrize("cursor", [SNAPSHOT, 0, 1, 99])
def test_a_cursor_that_is_too_old_or_from_elsewhere_gets_a_snapshot(cursor: int) -> None:
    feed = Drawn()
    for _ in range(3):
        feed.step()
    feed.step(fill("m-1-parts", "<p>all so far</p>"))
    feed.take(SNAPSHOT)  # Rendering starts with the first reader, at step 4: nothing before it was drawn.

    assert feed.take(cursor) == (4, [fill("m-1-parts", "<p>all so far</p>")])


def test_a_snapshot_forgets_what_was_there_before() -> None:
    mirror = Feed(RUN)
    mirror.add(5, [fill("m-1-parts", "<p>1</p>"), fill("m-1-0-live", "<p>a</p>")], is_snapshot=True)
    mirror.add(6, [append("m-1-0-done", "<p>2</p>")])

    mirror.add(9, [fill("m-1-parts", "<p>3</p>")], is_snapshot=True)

    assert mirror.take(6) == mirror.take(SNAPSHOT) == (9, [fill("m-1-parts", "<p>3</p>")])
    assert mirror.take(9) == (9, [])


def test_news_wake_the_readers_that_are_attached() -> None:
    feed = Drawn()
    woken: list[str] = []
    first, second = (lambda: woken.append("first")), (lambda: woken.append("second"))
    feed.attach(first)
    feed.attach(second)

    feed.step()
    feed.detach(first)
    feed.detach(first)
    feed.step()

    assert woken == ["first", "second", "second"]
    assert feed.has_readers


def test_a_reader_may_leave_while_it_is_woken() -> None:
    feed = Drawn()
    woken: list[str] = []

    def leave() -> None:
        woken.append("leaving")
        feed.detach(leave)

    feed.attach(leave)
    feed.attach(lambda: woken.append("next"))

    feed.step()

    assert woken == ["leaving", "next"]


def test_the_end_is_drawn_for_those_who_read() -> None:
    feed = Drawn()
    woken: list[bool] = []
    feed.attach(lambda: woken.append(feed.is_done))
    feed.step(fill("m-1-parts", ""))
    feed.take(SNAPSHOT)
    feed.step(append("m-1-0-done", "<p>last</p>"))

    feed.finish()

    assert woken[-1] is True
    assert feed.take(1) == (2, [append("m-1-0-done", "<p>last</p>")])


def test_who_comes_after_the_end_of_a_feed_that_nobody_read_gets_nothing_and_asks_the_database() -> None:
    feed = Drawn()
    feed.step(append("m-1-0-done", "<p>1</p>"))

    feed.finish()

    # No number either: with the number of the last step it would pass for somebody who has read it all.
    assert feed.take(SNAPSHOT) == (0, [])
    assert feed.count == 0


def write_history(chance: random.Random) -> list[list[Fragment]]:
    """Steps as a renderer would write them."""
    steps: list[list[Fragment]] = [[fill("m-1-parts", "<b>x</b>"), fill("m-1-status", "")]]
    fence = False
    for number in range(chance.randint(1, 12)):
        changed = []
        if fence and chance.random() < 0.6:
            changed.append(extend("m-1-0-live", f"line {number}\n"))
        else:
            for _ in range(chance.randint(0, 2)):
                changed.append(append(chance.choice(["m-1-0-done", "m-1-1-done"]), f"<p>{number}</p>"))
            fence = chance.random() < 0.4
            changed.append(fill("m-1-0-live", CODE if fence else f"<p>{number}</p>"))
        if chance.random() < 0.2:
            changed.append(fill("m-1-status", str(number)))
        steps.append(changed)
    return steps


@given(st.randoms(use_true_random=False))
def test_however_slow_a_reader_is_it_ends_with_the_same_page(chance: random.Random) -> None:
    history = write_history(chance)
    feed = Drawn()
    feed.step(*history[0])
    pages = [make_page(*feed.take(SNAPSHOT)[1]) for _ in range(3)]
    cursors = [1, 1, 1]
    for changed in history[1:]:
        feed.step(*changed)
        for number, page in enumerate(pages):
            if number == 0 or chance.random() < 0.4:
                cursors[number], news = feed.take(cursors[number])
                for frame in fragments.write_frames(news):
                    page.apply(frame)
    feed.finish()
    for number, page in enumerate(pages):
        for frame in fragments.write_frames(feed.take(cursors[number])[1]):
            page.apply(frame)

    assert show(pages[1]) == show(pages[0])
    assert show(pages[2]) == show(pages[0])


def test_who_comes_from_another_process_with_half_of_a_step_gets_everything_anew_and_nothing_twice() -> None:
    owner, mirror = Drawn(), Feed(RUN)
    owner.step(append("m-1-parts", "<p>one</p>"))
    seq, snapshot = owner.take(SNAPSHOT)
    mirror.add(seq, [fill("m-1-parts", "<p>one</p>")], is_snapshot=True)
    page = make_page(*snapshot)
    owner.step(append("m-1-parts", "<p>two</p>"))
    cursor, changed = owner.take(seq)
    for frame in fragments.write_frames(changed):
        page.apply(frame)
    owner.step(append("m-1-parts", "<p>three</p>"))
    end, both = owner.take(seq)
    mirror.add(end, both)

    _, changed = mirror.take(cursor)

    for frame in fragments.write_frames(changed):
        page.apply(frame)
    html = "<p>one</p><p>two</p><p>three</p>"
    assert page.html_of("m-1-parts") == f'<div id="m-1-parts">{html}</div>'
    assert [mirror.knows(number) for number in (seq, cursor, end)] == [True, False, True]
