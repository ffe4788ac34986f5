"""Streams that break."""

from .exchange import HELLO, Exchange, write_event
from .fault import fault
from .refusals import write_request
from .streams import THOUGHT, begin

LONG_LINE_BYTES = 32 * 1024 * 1024


@fault("hang-after-headers", code="timeout")
async def hang_after_headers(exchange: Exchange) -> None:
    await begin(exchange)
    await exchange.hang()


@fault("hang-mid-stream", code="timeout", text="Hello ")
async def hang_mid_stream(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.hang()


@fault("comments-only", code="timeout")
async def comments_only(exchange: Exchange) -> None:
    await exchange.start()
    while True:
        await exchange.send(b": keep-alive\n\n")
        await exchange.pause(0.01)


@fault("comments-mid-stream", code="timeout", text="Hello ")
async def comments_mid_stream(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    while True:
        await exchange.send(b": keep-alive\n\n")
        await exchange.chunk({"content": ""})
        await exchange.pause(0.01)


@fault("truncated", code="cut_off", text="Hello there, ")
async def truncated(exchange: Exchange) -> None:
    await begin(exchange, "Hello ", "there, ")
    await exchange.end()


@fault("missing-finish", code="cut_off", text=HELLO)
async def missing_finish(exchange: Exchange) -> None:
    await begin(exchange, HELLO)
    await exchange.send(b"data: [DONE]\n\n")
    await exchange.end()


@fault("cut-event", code="cut_off", text="Hello ")
async def cut_event(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.send(exchange.write({"content": "there"})[:60])
    await exchange.end()


@fault("cut-chunk", code="cut_off", text="Hello ")
async def cut_chunk(exchange: Exchange) -> None:
    """The connection ends properly, but in the middle of the response."""
    await begin(exchange, "Hello ")
    await exchange.pause(0.05)


@fault("reset-mid-stream", code="cut_off", text="Hello ")
async def reset_mid_stream(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.pause(0.05)  # What is not read yet is lost by a reset.
    exchange.reset()


@fault("reset-before-text", code="unreachable")
async def reset_before_text(exchange: Exchange) -> None:
    await begin(exchange)
    await exchange.pause(0.05)
    exchange.reset()


@fault("empty-stream", code="empty")
async def empty_stream(exchange: Exchange) -> None:
    await exchange.start()
    await exchange.end()


@fault("done-only", code="empty")
async def done_only(exchange: Exchange) -> None:
    await begin(exchange)
    await exchange.finish()


@fault("whitespace-only", code="empty", text=" \n \n\t")
async def whitespace_only(exchange: Exchange) -> None:
    await begin(exchange, " ", "\n \n", "\t")
    await exchange.finish()


@fault("reasoning-only", code="empty", thinking=THOUGHT)
async def reasoning_only(exchange: Exchange) -> None:
    await exchange.start()
    await exchange.chunk({"reasoning": THOUGHT})
    await exchange.finish()


@fault("error-event", code="cut_off", text="Hello ")
async def error_event(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.send(b'data: {"error": {"message": "internal error with sk-CANARY-0123456789", "code": 500}}\n\n')
    await exchange.finish()


@fault("error-event-first", code="busy")
async def error_event_first(exchange: Exchange) -> None:
    await exchange.start()
    await exchange.send(b'event: error\ndata: {"type": "overloaded_error", "message": "Overloaded"}\n\n')
    await exchange.end()


@fault("request-in-stream", code="cut_off", text="Hello ")
async def request_in_stream(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    error = {"error": {"message": f"internal error for {write_request(exchange)}", "code": 500}}
    await exchange.send(write_event(error))
    await exchange.end()


@fault("finish-error", code="cut_off", text="Hello ")
async def finish_error(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.finish("error")


@fault("malformed-json", code="garbled", text="Hello ")
async def malformed_json(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.send(b'data: {"choices": [{"delta": {"content": "there\n\n')
    await exchange.say("never seen")
    await exchange.finish()


@fault("deep-json", code="garbled", text="Hello ")
async def deep_json(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.send(b"data: " + b"[" * 1_000_000 + b"\n\n")
    await exchange.finish()


@fault("bad-utf8", code="garbled", text="Hello ")
async def bad_utf8(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.send(b'data: {"choices": [{"index": 0, "delta": {"content": "th\xff\xfere"}}]}\n\n')
    await exchange.finish()


@fault("long-line", code="garbled", text="Hello ")
async def long_line(exchange: Exchange) -> None:
    await begin(exchange, "Hello ")
    await exchange.send(b'data: {"choices": [{"index": 0, "delta": {"content": "')
    for _ in range(LONG_LINE_BYTES // 65_536):
        await exchange.send(b"x" * 65_536)
    await exchange.finish()


@fault("endless", text=None)
async def endless(exchange: Exchange) -> None:
    await exchange.start()
    first, event = (exchange.write({"content": "again and again\n"}) for _ in range(2))
    await exchange.send(first)
    while True:
        await exchange.send(event * 20)
        await exchange.pause(exchange.number("delay", 0))
