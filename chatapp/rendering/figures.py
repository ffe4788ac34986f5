"""What answers and conversations took, as people read it: tokens, seconds, money."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one answer took, over all its requests to models. None: not known."""

    input_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the input."""

    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    """Of the output."""

    seconds: float | None = None
    """From each request to the end of its answer."""

    cost: str = ""
    """With its currency. Empty: no price is known, or it is not for this reader."""

    @property
    def speed(self) -> float | None:
        """Tokens in a second. None: it was over too soon to tell."""
        if not self.output_tokens or self.seconds is None or self.seconds < 0.05:
            return None
        return self.output_tokens / self.seconds

    @property
    def line(self) -> str:
        """Cost, seconds and speed, for the line under the answer."""
        said = [self.cost]
        if self.seconds is not None:
            said.append(_("%(seconds)s s") % {"seconds": number_format(self.seconds, 1 if self.seconds >= 1 else 2)})
        if self.speed is not None:
            said.append(_("%(count)s tokens/s") % {"count": show_count(round(self.speed))})
        return " · ".join(each for each in said if each)

    @property
    def more(self) -> str:
        """Where the tokens went."""
        read = _("%(count)s tokens in") % {"count": show_count(self.input_tokens)}
        if self.cached_tokens:
            read += " " + _("(%(count)s cached)") % {"count": show_count(self.cached_tokens)}
        said = _("%(count)s out") % {"count": show_count(self.output_tokens)}
        if self.reasoning_tokens:
            said += " " + _("(%(count)s reasoning)") % {"count": show_count(self.reasoning_tokens)}
        return f"{read} · {said}"


def show_count(count: int | None) -> str:
    """A count with its thousands apart; a question mark if it is not known."""
    return "?" if count is None else number_format(count, force_grouping=True)


def show_money(amount: Decimal | None, currency: str) -> str:
    """An amount as people write it, with the digits that tell something: 0.0042 USD. Empty for None."""
    if amount is None:
        return ""
    places = 2 if abs(amount) >= 1 or not amount else 4 if abs(amount) >= Decimal("0.001") else 6
    whole, _point, digits = f"{amount:.{places}f}".partition(".")
    shown = Decimal(f"{whole}.{digits.rstrip('0').ljust(2, '0')}")
    return f"{number_format(shown, force_grouping=True)} {currency}".strip()
