"""What it costs before the first token to find out whether a conversation fits.

    DJANGO_SETTINGS_MODULE=tests.settings python -m tests.benchmarks.trimming [--chars 1000]

Printed: median milliseconds for threads of one and of 1,000 messages, in letters of ASCII, in Cyrillic and in Chinese,
where all of it fits, and where about half of it has to leave.
"""

import argparse
import asyncio
import statistics
import time

import django

TEXTS = {"ASCII": "word ", "Cyrillic": "слово ", "Chinese": "日本語の文章"}
ROUNDS = 30


async def main(chars: int) -> None:
    from chatapp.assistants import Assistant
    from chatapp.providers.base import ModelRequest
    from chatapp.tokens import count_message
    from chatapp.trimming import Window
    from chatapp.turn import ChatMessage, Turn

    for count in (1, 1000):
        for name, word in TEXTS.items():
            said = [
                {"role": ("user", "assistant")[number % 2], "content": f"{number} {word * chars}"[:chars]}
                for number in range(count)
            ]
            total = sum(map(count_message, said))
            for what, limit in (("fits", 10 * total), ("half leaves", total // 2 + 4_096)):
                kind = type("Desk", (Assistant,), {"__doc__": "Answers.", "context_tokens": limit})
                messages = [ChatMessage(role=message["role"], content=message["content"]) for message in said]
                window = Window(
                    Turn(assistant=kind(), messages=messages), first=0, newest=count - 1, places=range(count)
                )
                request = ModelRequest(messages=said, model="small")
                took = []
                for _ in range(ROUNDS):
                    began = time.perf_counter()
                    await window.fit(request)
                    took.append(time.perf_counter() - began)
                print(f"{count:5} messages, {name:8}, {what:11}: {statistics.median(took) * 1000:.3f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chars", type=int, default=1000)
    arguments = parser.parse_args()
    django.setup()
    asyncio.run(main(arguments.chars))
