"""What tokens cost: `CHATAPP["PRICES"]`, by model.

    "PRICES": {
        "gpt-5-mini": {"input": "0.25", "cached": "0.025", "output": "2"},
        "local/*": {"input": 0, "output": 0},
    }

A model is looked up as "alias/model", then "model", then "alias/*".
"""

from decimal import Decimal
from typing import Final

from chatapp.conf import find_by_model, settings
from chatapp.events import Usage

MILLION: Final = 1_000_000
PLACES: Final = Decimal("0.000001")


def get_cost(alias: str, model: str, usage: Usage | None) -> Decimal | None:
    """What this cost, in CHATAPP["CURRENCY"], to six places; None if no price or no count is known.

    Reasoning is output and costs as much. Cached input costs what `cached` says, else as much as other input.
    """
    price = find_by_model(settings.PRICES, alias, model)
    if price is None or usage is None:
        return None
    cached = min(usage.cached_tokens, usage.input_tokens)
    cost = (
        price.input * (usage.input_tokens - cached)
        + (price.input if price.cached is None else price.cached) * cached
        + price.output * usage.output_tokens
    )
    return (cost / MILLION).quantize(PLACES)
