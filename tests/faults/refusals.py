"""Faults before the stream begins."""

import json

from .exchange import HELLO, Exchange, split_words
from .fault import fault

PAGE = (
    b"<!doctype html><html><head><style>p{}</style><title>Bad gateway</title></head>"
    b"<body><p>nginx at /srv/secret/path</p><script>alert(1)</script></body></html>"
)


async def _greet(exchange: Exchange) -> None:
    await exchange.start()
    await exchange.say(*split_words(HELLO))
    await exchange.finish()


@fault("http-400", code="refused")
async def bad_request(exchange: Exchange) -> None:
    await exchange.refuse("400 Bad Request", "Unsupported parameter: 'temperature'.", "unsupported_parameter")


@fault("no-streaming", text=HELLO, requests=2)
async def no_streaming(exchange: Exchange) -> None:
    if exchange.body["stream"]:
        await exchange.refuse("400 Bad Request", "Streaming is not supported by this model.", "unsupported_value")
    else:
        await exchange.answer_whole(HELLO)


@fault("no-stream-options", text=HELLO, requests=2)
async def no_stream_options(exchange: Exchange) -> None:
    if "stream_options" in exchange.body:
        detail = [{"type": "extra_forbidden", "loc": ["body", "stream_options", "include_usage"]}]
        body = json.dumps({"object": "error", "message": {"detail": detail}, "type": "invalid_request_error"})
        await exchange.answer("422 Unprocessable Entity", body.encode())
    else:
        await _greet(exchange)


@fault("http-401", code="refused")
async def wrong_key(exchange: Exchange) -> None:
    await exchange.refuse("401 Unauthorized", f"Incorrect API key provided: {exchange.key}.", "invalid_api_key")


@fault("http-402", code="quota")
async def no_money(exchange: Exchange) -> None:
    await exchange.refuse("402 Payment Required", "Insufficient Balance")


@fault("http-403", code="refused")
async def forbidden(exchange: Exchange) -> None:
    await exchange.refuse("403 Forbidden", "Country, region, or territory not supported")


@fault("http-404", code="refused")
async def unknown_model(exchange: Exchange) -> None:
    await exchange.refuse("404 Not Found", "The model `m` does not exist", "model_not_found")


@fault("http-429", text=HELLO, requests=2)
async def busy_for_a_moment(exchange: Exchange) -> None:
    if exchange.attempt % 2 == 1:
        await exchange.refuse("429 Too Many Requests", "Rate limit reached", "rate_limit_exceeded", retry_after="2")
    else:
        await _greet(exchange)


@fault("http-429-always", code="busy", requests=3)
async def busy(exchange: Exchange) -> None:
    await exchange.refuse("429 Too Many Requests", "Rate limit reached", "rate_limit_exceeded", retry_after_ms="1500")


@fault("http-429-long", code="busy")
async def busy_for_long(exchange: Exchange) -> None:
    await exchange.refuse("429 Too Many Requests", "Rate limit reached", "rate_limit_exceeded", retry_after="100")


@fault("http-429-quota", code="quota")
async def quota(exchange: Exchange) -> None:
    await exchange.refuse("429 Too Many Requests", "You exceeded your current quota.", "insufficient_quota")


@fault("http-500", code="failed", requests=3)
async def boom(exchange: Exchange) -> None:
    await exchange.refuse("500 Oops", f"boom at /srv/secret/path with {exchange.key}")


@fault("http-502-html", code="unreachable", requests=3)
async def gateway_page(exchange: Exchange) -> None:
    await exchange.answer("502 Bad Gateway", PAGE, "text/html")


@fault("http-503", code="busy", requests=3)
async def unavailable(exchange: Exchange) -> None:
    await exchange.answer("503 Service Unavailable", b'{"error": "model is loading"}')


@fault("http-503-once", text=HELLO, requests=2)
async def unavailable_for_a_moment(exchange: Exchange) -> None:
    if exchange.attempt % 2 == 1:
        await unavailable(exchange)
    else:
        await _greet(exchange)


@fault("http-529", code="busy", requests=3)
async def overloaded(exchange: Exchange) -> None:
    await exchange.answer("529 Overloaded", b'{"type": "error", "error": {"type": "overloaded_error"}}')


@fault("redirect", code="refused")
async def redirect(exchange: Exchange) -> None:
    await exchange.answer("302 Found", b"", "text/plain", location="/v1/elsewhere?key=abc")


@fault("context-too-long", code="context")
async def context_too_long(exchange: Exchange) -> None:
    message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    await exchange.refuse("400 Bad Request", message, "context_length_exceeded")


@fault("prompt-filtered", code="filtered")
async def prompt_filtered(exchange: Exchange) -> None:
    message = "The response was filtered due to the prompt triggering the content management policy."
    await exchange.refuse("400 Bad Request", message, "content_filter")


@fault("secret-in-error", code="refused")
async def secret_in_error(exchange: Exchange) -> None:
    message = (
        f"Request with Authorization: Bearer {exchange.key} and sk-CANARY-0123456789abcdef failed\r\nFAKE log line"
    )
    await exchange.refuse("400 Bad Request", message)


def write_request(exchange: Exchange) -> str:
    """All that a gateway may repeat of a request: its address and its headers, keys among them."""
    headers = "; ".join(f"{name}: {value}" for name, value in exchange.headers.items())
    return f"https://gateway.example{exchange.path} with {headers}"


@fault("request-in-error", code="refused")
async def request_in_error(exchange: Exchange) -> None:
    await exchange.refuse("401 Unauthorized", f"Incorrect API key provided: {exchange.key}. {write_request(exchange)}")


@fault("request-in-page", code="unreachable", requests=3)
async def request_in_page(exchange: Exchange) -> None:
    await exchange.answer("502 Bad Gateway", f"<p>{write_request(exchange)}</p>".encode(), "text/html")


@fault("huge-error", code="refused")
async def huge_error(exchange: Exchange) -> None:
    await exchange.answer("400 Bad Request", b"x" * 32_000_000, "text/plain")


@fault("reset-before-headers", code="unreachable", requests=3)
async def reset_before_headers(exchange: Exchange) -> None:
    exchange.reset()


@fault("close-before-headers", code="unreachable", requests=3)
async def close_before_headers(exchange: Exchange) -> None:
    """Leaves without a word."""


@fault("hang-before-headers", code="timeout")
async def hang_before_headers(exchange: Exchange) -> None:
    await exchange.hang()


@fault("html-200", code="garbled")
async def page(exchange: Exchange) -> None:
    await exchange.answer("200 OK", PAGE, "text/html")


@fault("json-200", text=HELLO)
async def whole_answer(exchange: Exchange) -> None:
    await exchange.answer_whole(HELLO, {"prompt_tokens": 3, "completion_tokens": 9})


@fault("json-200-error", code="busy")
async def whole_error(exchange: Exchange) -> None:
    await exchange.answer("200 OK", b'{"error": {"message": "Overloaded", "code": 529}}')


@fault("json-200-other", code="garbled")
async def other_json(exchange: Exchange) -> None:
    await exchange.answer("200 OK", b'{"status": "ok"}')
