"""What an answer took, as a part beneath it: the playground says it of each side."""

from decimal import Decimal
from typing import ClassVar

from chatapp.parts import Part, part


@part
class FiguresPart(Part):
    """Speed, tokens and cost of one answer, over all requests that it took. The model never gets it."""

    kind: ClassVar[str] = "figures"

    provider: str
    """Alias of who was asked."""

    model: str
    """Who answered, in the provider's own word. Empty: nobody was asked."""

    seconds: float
    """From the first request to its end, and so for each that followed; what tools and people took is not in it."""

    first_token_seconds: float | None = None
    """Until the first word or thought. None: none came."""

    input_tokens: int | None = None
    """As the provider counted, like the following. None: it did not say."""

    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None

    cost: Decimal | None = None
    """None: no price is known, or no count."""

    currency: str = ""
    requests: int = 1
    """To the provider: with tools there are several."""

    @property
    def cost_text(self) -> str:
        """The cost without an exponent and without zeros at its end; empty if it is not known."""
        return "" if self.cost is None else f"{self.cost.normalize():f}"

    @property
    def tokens_per_second(self) -> float | None:
        """Of what came out, over all the seconds; None if nobody counted."""
        if self.output_tokens is None or self.seconds <= 0:
            return None
        return self.output_tokens / self.seconds
