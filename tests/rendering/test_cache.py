"""The cache of renderings keeps what is used, and no more than it may."""

from chatapp.rendering.cache import Cache


def test_what_was_put_is_found() -> None:
    cache = Cache(max_bytes=100)
    cache.put("a", "html", 10)

    assert cache.get("a") == "html"
    assert cache.get("b") is None


def test_the_least_recently_used_goes_first() -> None:
    cache = Cache(max_bytes=40)
    for key in "abcd":
        cache.put(key, key, 10)
    cache.get("a")
    cache.put("e", "e", 10)

    assert [key for key in "abcde" if cache.get(key)] == ["a", "c", "d", "e"]


def test_what_is_put_again_counts_once() -> None:
    cache = Cache(max_bytes=40)
    for _ in range(10):
        cache.put("a", "a", 10)
    for key in "bcd":
        cache.put(key, key, 10)

    assert all(cache.get(key) for key in "abcd")


def test_what_is_too_large_is_not_kept() -> None:
    cache = Cache(max_bytes=40)
    cache.put("a", "a", 11)

    assert cache.get("a") is None
