"""Streams that go well, however odd they are."""

import asyncio
import gzip

from .exchange import HELLO, Exchange, split_words
from .fault import fault

MARKDOWN = (
    "## Heading\n\nA paragraph with **bold**, `code` and a [link](https://example.com/).\n\n1. one\n2. two\n\n"
    "```python\nprint(1)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
)
UNICODE = "Grüße, 世界 👋🏽, e\u0301."
THOUGHT = "The person says hello, so I say hello."
MEGABYTE = "0123456789abcde\n" * 65_536


async def begin(exchange: Exchange, *pieces: str) -> None:
    """The first events of a stream as OpenAI sends them."""
    await exchange.start()
    await exchange.chunk({"role": "assistant", "content": ""})
    await exchange.say(*pieces)


@fault("ok", text=HELLO)
async def ok(exchange: Exchange) -> None:
    await begin(exchange, *split_words(HELLO))
    await exchange.finish()


@fault("echo", text=None)
async def echo(exchange: Exchange) -> None:
    await begin(exchange, *split_words(exchange.question))
    await exchange.finish()


@fault("ok-markdown", text=MARKDOWN)
async def markdown(exchange: Exchange) -> None:
    await begin(exchange, *split_words(MARKDOWN))
    await exchange.finish()


@fault("thinking", text=HELLO, thinking=THOUGHT)
async def thinking(exchange: Exchange) -> None:
    await begin(exchange)
    for piece in split_words(THOUGHT):
        await exchange.chunk({"reasoning_content": piece})
    await exchange.say(*split_words(HELLO))
    await exchange.finish()


@fault("slow-drip", text="".join(f"word{i} " for i in range(50)))
async def slow_drip(exchange: Exchange) -> None:
    await begin(exchange)
    for i in range(int(exchange.number("n", 50))):
        await exchange.say(f"word{i} ")
        await exchange.pause(exchange.number("delay", 0))
    await exchange.finish()


@fault("two-choices", text="first")
async def two_choices(exchange: Exchange) -> None:
    await exchange.start()
    for index, content in ((0, "fi"), (1, "second"), (0, "rst")):
        await exchange.chunk({}, choices=[{"index": index, "delta": {"content": content}, "finish_reason": None}])
    await exchange.finish()


@fault("null-delta", text=HELLO)
async def null_delta(exchange: Exchange) -> None:
    await exchange.start()
    await exchange.chunk(None, choices=[], prompt_filter_results=[{"prompt_index": 0}])
    await exchange.chunk(None)
    await exchange.chunk({"role": "assistant", "content": None, "refusal": None, "reasoning_content": None})
    await exchange.say(HELLO)
    await exchange.finish()


@fault("refusal", text="I cannot help with that.")
async def refusal(exchange: Exchange) -> None:
    await exchange.start()
    for piece in split_words("I cannot help with that."):
        await exchange.chunk({"refusal": piece})
    await exchange.finish()


@fault("finish-length", text="Hello ", finish="length")
async def finish_length(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.finish("length")


@fault("content-filter", text="Hello ", finish="filtered")
async def content_filter(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.finish("content_filter")


@fault("content-filter-empty", code="filtered")
async def content_filter_empty(exchange: Exchange) -> None:
    await begin(exchange)
    await exchange.finish("content_filter")


@fault("no-usage", text=HELLO)
async def no_usage(exchange: Exchange) -> None:
    await begin(exchange, HELLO)
    await exchange.chunk({}, "stop")
    await exchange.send(b"data: [DONE]\n\n")
    await exchange.end()


@fault("absurd-usage", text=HELLO)
async def absurd_usage(exchange: Exchange) -> None:
    await begin(exchange, HELLO)
    await exchange.finish(usage={"prompt_tokens": -5, "completion_tokens": 10**30, "total_tokens": "many"})


@fault("no-end", text=HELLO)
async def no_end(exchange: Exchange) -> None:
    await begin(exchange, HELLO)
    await exchange.chunk({}, "stop")
    await exchange.send(b"data: [DONE]\n\n")
    await exchange.hang()


@fault("no-done", text=HELLO)
async def no_done(exchange: Exchange) -> None:
    await begin(exchange, HELLO)
    await exchange.chunk({}, "stop")
    await exchange.hang()


@fault("reset-after-finish", text=HELLO)
async def reset_after_finish(exchange: Exchange) -> None:
    await begin(exchange, HELLO)
    await exchange.chunk({}, "stop")
    await exchange.pause(0.05)  # What is not read yet is lost by a reset.
    exchange.reset()


@fault("compressed", text=HELLO)
async def compressed(exchange: Exchange) -> None:
    await exchange.start(content_encoding="gzip")
    await exchange.send(
        gzip.compress(exchange.write({"content": HELLO}) + exchange.write({}, "stop") + b"data: [DONE]\n\n")
    )
    await exchange.end()


@fault("big-delta", text=MEGABYTE)
async def big_delta(exchange: Exchange) -> None:
    await begin(exchange, MEGABYTE)
    await exchange.finish()


@fault("tiny-deltas", text="ab\n" * 100_000)
async def tiny_deltas(exchange: Exchange) -> None:
    await exchange.start()
    first, event = (exchange.write({"content": "ab\n"}) for _ in range(2))
    await exchange.send(first + event * 99)
    for _ in range(int(exchange.number("n", 100_000)) // 100 - 1):
        await exchange.send(event * 100)
    await exchange.finish()


@fault("utf8-split", text=UNICODE)
async def utf8_split(exchange: Exchange) -> None:
    await exchange.start()
    for byte in exchange.write({"content": UNICODE}, ascii=False):
        await exchange.send(bytes([byte]))
        await asyncio.sleep(0)
    await exchange.finish()


@fault("surrogates", text="A smile 😀, half of one \ufffd.")
async def surrogates(exchange: Exchange) -> None:
    await begin(exchange, "A smile \ud83d", "\ude00, half of one \ud83d", ".")
    await exchange.finish()


@fault("nul", text="Hello there\n\tand\nhere[2J\n")
async def nul(exchange: Exchange) -> None:
    await begin(exchange, "Hel\0lo\x07 there\r", "\n\tand\r\nhere\x1b[2J\r")
    await exchange.finish()


@fault("crlf", text=HELLO)
async def crlf(exchange: Exchange) -> None:
    await exchange.start()
    for piece in split_words(HELLO):
        await exchange.send(b"id: 1\r\nevent: message\r\n" + exchange.write({"content": piece}).replace(b"\n", b"\r\n"))
    await exchange.finish()
