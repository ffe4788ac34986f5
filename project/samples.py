"""Three threads and two prompts of the library for the demo, so that the first page is not an empty one."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from chatapp.models import Message, Prompt, Run, Thread
from chatapp.parts import Part, TextPart, ThinkingPart, plain_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A thread to load."""

    title: str
    age: datetime.timedelta
    """How long ago it was last spoken in."""

    exchanges: Sequence[tuple[str, Sequence[Part]]]
    """Question and answer, oldest first."""


@transaction.atomic
def load_samples(owner: Any, *, assistant: str) -> int:
    """Store every sample as a thread of this person; gives back how many there are. And the prompts."""
    for sample in SAMPLES:
        _load(sample, owner, assistant)
    Prompt.objects.bulk_create(Prompt(title=title, text=text, position=10) for title, text in PROMPTS)
    return len(SAMPLES)


def _load(sample: Sample, owner: Any, assistant: str) -> None:
    moment = timezone.now() - sample.age
    thread = Thread.objects.create(owner=owner, assistant=assistant, title=sample.title, updated_at=moment)
    head: Message | None = None
    for number, (question, answer) in enumerate(sample.exchanges):
        asked_at = moment - datetime.timedelta(minutes=2 * (len(sample.exchanges) - number))
        answered_at = asked_at + datetime.timedelta(seconds=20)
        prompt = _say(thread, Message.Role.USER, [TextPart(text=question)], after=head, at=asked_at)
        head = _say(thread, Message.Role.ASSISTANT, answer, after=prompt, at=answered_at)
        Run.objects.create(
            thread=thread,
            prompt=prompt,
            reply=head,
            state=Run.State.COMPLETE,
            model="sample",
            started_at=asked_at,
            first_token_at=asked_at,
            heartbeat_at=answered_at,
            finished_at=answered_at,
        )
    thread.head = head
    thread.save(update_fields=["head"])
    Thread.objects.filter(pk=thread.pk).update(created_at=moment)  # past auto_now_add, which save() would apply


def _say(thread: Thread, role: str, parts: Sequence[Part], *, after: Message | None, at: datetime.datetime) -> Message:
    message = Message.objects.create(
        thread=thread, parent=after, role=role, parts=[part.dump() for part in parts], text=plain_text(parts)
    )
    Message.objects.filter(pk=message.pk).update(created_at=at)  # past auto_now_add, as above
    return message


TEMPERATURE_CODE = '''\
Here is a small function that does it, and a test that would notice a wrong sign:

```python
from collections.abc import Iterable


def warmest(readings: Iterable[tuple[str, float]]) -> str:
    """Name of the place with the highest temperature.

    Raises ValueError when there are no readings.
    """
    place, _ = max(readings, key=lambda reading: reading[1])
    return place


def test_the_warmest_place_may_be_below_zero() -> None:
    assert warmest([("Vostok", -68.0), ("Davos", -12.5)]) == "Davos"
```

`max` walks the readings once, so a generator will do as well as a list. When two places are equally warm, the one that
came first wins.
'''

TEMPERATURE_UNITS = """\
Convert at the edge, and keep one unit inside:

| From | To °C | Example |
| :-- | :-- | --: |
| Fahrenheit | `(f - 32) * 5 / 9` | 68 °F → 20 °C |
| Kelvin | `k - 273.15` | 300 K → 26.85 °C |

The name of the parameter can then say the unit, such as `celsius`, and nobody has to guess.
"""

COMPOUND_INTEREST = r"""
## The formula

With a yearly rate $r$ and $n$ years, an amount $K_0$ grows to

$$
K_n = K_0 \cdot (1 + r)^n
$$

## An example

$1,000 at 4 % for 10 years:

$$
K_{10} = 1000 \cdot 1.04^{10} \approx 1480.24
$$

So the interest comes to about $480, and not to $400: each year the interest of the years before earns interest too.

> **A rule of thumb.** Divide 72 by the rate in per cent: after so many years the amount has doubled. At 4 % that is
> 18 years.
"""

WEEKEND = """\
# Two days in the Engadine

**Saturday**

1. Train to **Pontresina**, leave the bags at the hotel.
2. Walk up the Val Roseg to the hut at the glacier: 7 km, hardly steep, horses on the way.
3. Dinner in the village: ask for *capuns*, chard rolls with dried meat.

**Sunday**

1. Funicular to **Muottas Muragl** early, for the view over the lakes.
2. Panorama path to Alp Languard:
   - 2.5 hours, 280 m down
   - a blue marked path, good for children
3. Coffee, chair lift, train home.

What to pack:

- [x] layers, it can be 5 °C at the top
- [x] sun cream
- [ ] swimming things, if you are brave: the lakes have 14 °C

---

The timetable and the weather are at [MeteoSwiss](https://www.meteoswiss.admin.ch/) and
[SBB](https://www.sbb.ch/en).
"""

PROMPTS = (
    ("Apology letter", "Write an apology to {{customer}} about order {{order}}. Offer a refund, and be brief."),
    ("Minutes", "Turn these notes into minutes with decisions and open questions:\n\n"),
)

SAMPLES = (
    Sample(
        title="The warmest place",
        age=datetime.timedelta(minutes=3),
        exchanges=(
            (
                "Write a Python function that gives the warmest place from a list of readings, with a test.",
                (TextPart(text=TEMPERATURE_CODE),),
            ),
            ("And what if some readings are in Fahrenheit or Kelvin?", (TextPart(text=TEMPERATURE_UNITS),)),
        ),
    ),
    Sample(
        title="How compound interest works",
        age=datetime.timedelta(days=1, hours=2),
        exchanges=(
            (
                "How does compound interest work? Show me the formula and an example.",
                (
                    ThinkingPart(
                        text="A formula and a worked example: 1.04^10 = 1.48024. A rule of thumb helps to remember it.",
                        seconds=2.4,
                    ),
                    TextPart(text=COMPOUND_INTEREST.lstrip()),
                ),
            ),
        ),
    ),
    Sample(
        title="A weekend in the mountains",
        age=datetime.timedelta(days=5),
        exchanges=(("Plan a weekend in the mountains, easy walks, good food.", (TextPart(text=WEEKEND),)),),
    ),
)
