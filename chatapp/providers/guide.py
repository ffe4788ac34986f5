"""The guide: a script that stands in where no model is configured, and says so.

It lets a person try everything the app does with a stream (Markdown, thinking, stop, reload, a second tab) before there
is a key. Every answer names it as a script; nothing in it pretends to understand.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from chatapp.events import ThinkingDelta

from .base import ModelRequest, get_text
from .scripted import Item, ScriptedProvider

LABEL: Final = "> **This is a scripted guide, not a model.** It knows a few topics by their words and nothing else.\n\n"

TOUR: Final = r'''## What you can try here

This answer is streamed while you read. While it comes, you can:

1. press **Stop** or the Escape key: what was said so far stays;
2. **reload** the page: the text so far is there at once, then the stream goes on;
3. open the same chat in a **second tab** or on a phone: both follow the same answer;
4. close the tab and come back later: nothing is lost.

### What an answer may contain

| Piece | How it is written | What you see |
| :-- | :-- | :-- |
| list | `- item` or `1. item` | what stands above |
| table | cells between `\|` | this table |
| code | three backticks and a language | colours, and a button that copies |
| maths | `\(…\)` or `$$…$$` | formulas, without any script |

Code is coloured as soon as its block is complete:

```python
from collections import Counter


def most_common_word(text: str) -> str:
    """The word that stands in `text` most often."""
    [(word, _count)] = Counter(text.casefold().split()).most_common(1)
    return word
```

Formulas stand in a line, as \(e^{i\pi} + 1 = 0\), or alone:

$$\int_0^1 x^2 \, dx = \frac{1}{3}$$

Ask me about **stop**, **retry**, **reload**, **tabs**, **titles**, **formatting**, **search**, the **admin**, or how to
connect a **model**.
'''


class Topic(NamedTuple):
    """Something the guide knows."""

    words: frozenset[str]
    """One of them in the question is enough."""

    answer: str
    """Markdown."""


def _topic(words: str, answer: str) -> Topic:
    return Topic(frozenset(words.split()), answer)


TOPICS: Final[Sequence[Topic]] = (
    _topic(
        "stop stopping stopped cancel abort escape halt interrupt",
        """## Stopping an answer

While an answer comes, the Send button is a **Stop** button; the Escape key does the same, in any tab.

- The connection to the model is closed at once, so it costs no more tokens.
- What was said so far stays, marked as *stopped*.
- **Try again** asks for a new answer.
""",
    ),
    _topic(
        "retry again regenerate failed failure error errors fails broken",
        """## When an answer fails

What was said before the failure stays. Below it you find one sentence, a *reference*, and **Try again**.

1. Try again: a new answer takes the place of the failed one.
2. If it keeps failing, tell the reference to whoever runs this site; they find the cause under it.

If the server itself is restarted in mid-answer, the answer is marked as *interrupted*, and you can try again as well.
""",
    ),
    _topic(
        "reload refresh tab tabs phone device devices reconnect offline connection close closed lost",
        """## Reloads, tabs, lost connections

An answer belongs to the server and not to your tab. So you may

- **reload** in the middle: the text so far is there, then the stream goes on;
- open the chat in **another tab** or on **another device**: all show the same;
- **lose the connection**: a banner says so, and the page catches up when the connection is back.

Closing the tab does not stop the answer. *Stop* does.
""",
    ),
    _topic(
        "title titles name names rename sidebar history conversations",
        """## Titles

A new chat is named after its first words. When the first answer is complete, the model is asked for a better title;
this guide takes the important words of your question instead. The list at the side is grouped by date and marks the
chats that are answering right now.
""",
    ),
    _topic(
        "search find searching",
        """## Search

There is **no search yet**. The list at the side shows your chats, newest first. Until there is a search, the one of
your browser finds words in the chat that is open.
""",
    ),
    _topic(
        "admin staff review transcript transcripts moderation",
        """## For staff: the admin

Chats, messages and runs are in the Django admin, **read-only**, each with its transcript as the person saw it. A run
says how long it took, how many tokens it cost, and why it failed if it did. Nothing can be changed there yet.
""",
    ),
    _topic(
        "markdown format formatting table tables list lists code heading headings bold",
        """## Formatting

Answers are Markdown, drawn block by block while they come:

- **bold**, *italic*, ~~struck~~, `code`, [links](https://www.djangoproject.com/)
- lists in lists
  1. as deep
  2. as you like
- [x] boxes that are ticked
- [ ] and boxes that are not

| left | middle | right |
| :-- | :-: | --: |
| a | b | 1 |
| c | d | 20 |

```sql
SELECT title FROM chatapp_thread ORDER BY created_at DESC LIMIT 10;
```

> A quotation, as the model wrote it.

Pictures from other hosts are shown as links and never loaded by themselves.
""",
    ),
    _topic(
        "math maths mathematics formula formulas equation equations latex",
        r"""## Maths

In a line: \(a^2 + b^2 = c^2\). Alone:

$$x_{1,2} = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}$$

The server writes MathML, which browsers draw without a script. Money stays money: a ticket for $5 and one for $7.
""",
    ),
    _topic(
        "think thinking reasoning",
        """## Thinking

Some models think before they answer. That part is folded above the answer, as it is here; it is not sent back to the
model with your next question.
""",
    ),
    _topic(
        "model models openai ollama key keys connect provider providers llm api setup install configure",
        """## Connecting a model

This guide answers because no model is configured. Any server that speaks the OpenAI protocol can take its place:

```bash
export OPENAI_API_KEY=…                              # OpenAI itself
export OPENAI_BASE_URL=http://127.0.0.1:11434/v1     # or a local server, such as Ollama
export OPENAI_MODEL=llama3.2
```

In a project of your own it is an entry in the settings:

```python
CHATAPP = {
    "PROVIDERS": {
        "default": {
            "BACKEND": "chatapp.providers.openai.OpenAIProvider",
            "OPTIONS": {"preset": "ollama", "model": "llama3.2"},
        },
    },
}
```
""",
    ),
    _topic(
        "upload file files attach attachment attachments image images picture edit editing rate rating share export",
        """## Not yet

Files, editing a message, rating an answer, sharing and exporting are **not there yet**. What is there: streaming, stop,
try again, reload and second tabs in mid-answer, titles, and a read-only admin.
""",
    ),
)

OTHERWISE: Final = """I have no answer to that: a script knows only what was written into it. It can tell you about

- **stop**, **retry**, **reload** and **tabs**;
- **titles**, **search** and the **admin**;
- **formatting**, **maths** and **thinking**;
- how to connect a **model**, which will have an answer.
"""

THOUGHT: Final = "The person asks something. I am a script, so I look for words I know"

# Words that say nothing about what a chat is about.
_FILLERS: Final = re.compile(
    r"(?i:an?|about|and|any|are|as|at|be|can|could|do|does|for|from|give|have|hello|hey|hi|how|i|in|is|it|me|my|of|on|or|"
    r"please|show|some|tell|that|the|there|this|to|was|we|what|when|where|which|who|why|will|with|would|you|your)"
)


def write_answer(request: ModelRequest) -> Iterator[Item]:
    """What the guide says to a request: a title, or its thoughts and an answer, word by word."""
    if request.kind == "title":
        yield from _words(write_title(request))
        return
    topic = find_topic(request.question)
    yield from map(ThinkingDelta, _words(f"{THOUGHT}: {_describe(topic)}."))
    yield from _words(LABEL)
    is_first = sum(message.get("role") == "user" for message in request.messages) <= 1
    if topic is not None:
        yield from _words(topic.answer + ("\n" if is_first else ""))
    if is_first:
        yield from _words(TOUR)
    elif topic is None:
        yield from _words(OTHERWISE)


def write_title(request: ModelRequest) -> str:
    """The important words of the first paragraph that the person wrote, four at most."""
    first = next((get_text(message) for message in request.messages if message.get("role") == "user"), "")
    words = re.findall(r"\w[\w'’-]*", first.removeprefix("Question:").strip().partition("\n\n")[0])
    important = [word for word in words if _FILLERS.fullmatch(word) is None] or words
    title = " ".join(important[:4])
    return title[:1].upper() + title[1:] or "New chat"


def find_topic(question: str) -> Topic | None:
    """The topic that shares most words with the question; None if no topic shares any."""
    asked = set(re.findall(r"\w+", question.casefold()))
    best = max(TOPICS, key=lambda topic: len(topic.words & asked))
    return best if best.words & asked else None


def _describe(topic: Topic | None) -> str:
    if topic is None:
        return "none of them is there"
    return topic.answer.partition("\n")[0].removeprefix("## ").lower()


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+\Z", text)


class GuideProvider(ScriptedProvider):
    """The scripted guide: no model, no network, always there."""

    name = "guide"
    model = "scripted guide"

    def __init__(self, *, tokens_per_second: float = 60.0) -> None:
        super().__init__(write_answer, delay=1 / tokens_per_second)
