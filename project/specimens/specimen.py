"""A specimen, and the words that are hard to draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from chatapp.parts import Part

State = Literal["streaming", "waiting", "complete", "stopped", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Specimen:
    """A message, and what there is to see in it."""

    name: str
    parts: Sequence[Part]
    state: State = "complete"
    error_code: str = ""
    is_user: bool = False
    status: str = ""
    """What is being done now. It is never stored, so it comes from here."""


LONG_WORD: Final = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
ARABIC: Final = "يمكن إرجاع المنتجات المفتوحة خلال 30 يومًا (order 10432)."
HEBREW: Final = "מה הכתובת למשלוח?"

PROSE: Final = f"""\
## Returns

Opened items can be returned **within 30 days**, [with the receipt](https://example.org/policy). See `order.total`.

1. Print the label
2. Bring it to *any* post office
   - on weekdays only
- [x] checked
- [ ] to do

> The window opens on delivery.

| Product | Sold |
| :-- | --: |
| Kettle K2 | 31 |
| {LONG_WORD} | 12 |

```python
def refund(order: int) -> str:
    return f"Order {{order}} is refunded."  # a line that is longer than the column of a phone, so that it has to scroll
```

The sum is $x^2 + y^2$. {LONG_WORD}

---

{ARABIC}
"""
