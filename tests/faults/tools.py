"""Streams in which a model that was given tools calls them, well or badly. One that was given none says hello."""

import json
from typing import Any

from .exchange import HELLO, Exchange, split_words
from .fault import fault
from .streams import begin

TOOL = "find_parcel"


def make_piece(index: int | None, **fields: Any) -> dict[str, Any]:
    """A piece of a call, as a delta."""
    name, arguments = fields.pop("name", None), fields.pop("arguments", "")
    function = {"arguments": arguments} | ({"name": name} if name else {})
    place = {} if index is None else {"index": index}
    return {"tool_calls": [{**place, "type": "function", "function": function, **fields}]}


def write_arguments(order: int) -> str:
    """Arguments of the tool."""
    return json.dumps({"order_number": order})


def count_results(exchange: Exchange) -> int:
    """Results of tools since the last question."""
    count = 0
    for message in exchange.messages:
        count = 0 if message.get("role") == "user" else count + (message.get("role") == "tool")
    return count


async def say_hello(exchange: Exchange) -> bool:
    """Answer without tools, if there are none; whether that was so."""
    if exchange.body.get("tools"):
        return False
    await begin(exchange, *split_words(HELLO))
    await exchange.finish()
    return True


@fault("tools", text=HELLO)
async def tools(exchange: Exchange) -> None:
    """Two rounds, the second with two calls in pieces that are mixed, then the results as text."""
    if await say_hello(exchange):
        return
    count = count_results(exchange)
    if count == 0:
        await begin(exchange, "One ", "moment. ")
        await exchange.chunk(make_piece(0, id="call_0", name=TOOL))
        for piece in ('{"order_', 'number"', ": 1", "7}"):
            await exchange.chunk(make_piece(0, arguments=piece))
        await exchange.finish("tool_calls")
    elif count == 1:
        await begin(exchange)
        await exchange.chunk(make_piece(0, id="call_0", name=TOOL))
        await exchange.chunk(make_piece(1, id="call_1", name=TOOL))
        for left, right in zip(write_arguments(18), write_arguments(19), strict=True):
            await exchange.chunk(make_piece(1, arguments=right))
            await exchange.chunk(make_piece(0, arguments=left))
        await exchange.finish("tool_calls")
    else:
        results = [message["content"] for message in exchange.messages if message["role"] == "tool"]
        await begin(exchange, "Found: ", " ".join(results[-3:]))
        await exchange.finish()


@fault("tool-shapes", text=HELLO)
async def tool_shapes(exchange: Exchange) -> None:
    """Whole calls without an index, without an id, with the same id twice, and one sent twice."""
    if await say_hello(exchange):
        return
    if count_results(exchange):
        await begin(exchange, "Done.")
        await exchange.finish()
        return
    await begin(exchange)
    for order, call_id in ((1, "a"), (1, "a"), (2, "a"), (3, "")):
        await exchange.chunk(make_piece(None, id=call_id, name=TOOL, arguments=write_arguments(order)))
    await exchange.finish("stop")


@fault("tool-reset", text=HELLO)
async def tool_reset(exchange: Exchange) -> None:
    """A call that is complete, and then nothing more."""
    if await say_hello(exchange):
        return
    await begin(exchange, "One moment.")
    await exchange.chunk(make_piece(0, id="a", name=TOOL, arguments=write_arguments(1)))
    await exchange.pause(0.05)  # What is not read yet is lost by a reset.
    exchange.reset()


@fault("tool-length", text=HELLO)
async def tool_length(exchange: Exchange) -> None:
    """A call that is cut off at the length limit."""
    if await say_hello(exchange):
        return
    await begin(exchange, "One moment.")
    await exchange.chunk(make_piece(0, id="a", name=TOOL, arguments=write_arguments(1)))
    await exchange.finish("length")


async def call_badly(exchange: Exchange, name: str, arguments: str) -> None:
    """The same call that cannot be run, again and again."""
    if await say_hello(exchange):
        return
    await begin(exchange)
    await exchange.chunk(make_piece(0, id="a", name=name, arguments=arguments))
    await exchange.finish("tool_calls")


@fault("tool-json", text=HELLO)
async def tool_json(exchange: Exchange) -> None:
    """Arguments that are no JSON."""
    await call_badly(exchange, TOOL, '{"order_number": 1')


@fault("tool-schema", text=HELLO)
async def tool_schema(exchange: Exchange) -> None:
    """Arguments of another type."""
    await call_badly(exchange, TOOL, '{"order_number": "the last one"}')


@fault("tool-unknown", text=HELLO)
async def tool_unknown(exchange: Exchange) -> None:
    """A tool that nobody has."""
    await call_badly(exchange, "launch_missiles", write_arguments(1))


@fault("tool-huge", text=HELLO)
async def tool_huge(exchange: Exchange) -> None:
    """Arguments of which there are far too many."""
    await call_badly(exchange, TOOL, json.dumps({"order_number": 1, "note": "x" * 400_000}))


@fault("tool-loop", text=HELLO)
async def tool_loop(exchange: Exchange) -> None:
    """The same call for ever, in the shape that was there before tools."""
    if await say_hello(exchange):
        return
    await begin(exchange)
    for piece in ('{"order_number"', ": 1}"):
        await exchange.chunk({"function_call": {"name": TOOL, "arguments": piece}})
    await exchange.finish("function_call")
