"""Forms: what is tried on one side of the playground, read and checked."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from chatapp.menu import SettingsItem, read_value, write_number
from chatapp.sampling import SAMPLING, ModelConfig, list_controls
from chatapp.scrubbing import scrub
from chatapp.trials import Choice, Trial

FORM_ID = "chat-playground-form"
"""Of the one form that both sides and the question are in."""

MAX_INSTRUCTION_CHARS = 60_000


class ControlField(forms.Field):
    """A number of sampling: range, step and sentences come from its declaration."""

    def __init__(self, item: SettingsItem) -> None:
        self.item = item
        attributes = {
            "min": write_number(item.min),
            "max": write_number(item.max),
            "step": write_number(item.step) if item.id in _WHOLE else "any",
            "inputmode": "decimal",
            "autocomplete": "off",
            "placeholder": _("not sent"),
        }
        widget = forms.NumberInput(attrs=attributes)
        super().__init__(required=False, label=item.title, help_text=str(item.help), widget=widget)

    def to_python(self, value: Any) -> Any:
        try:
            return read_value(self.item, value)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else write_number(value)


_CONTROLS = list_controls(dict.fromkeys(SAMPLING))
_WHOLE = {name for name in SAMPLING if ModelConfig.model_fields[name].annotation == (int | None)}


class TrialForm(forms.Form):
    """One side of the playground; `prefix` is its name."""

    model = forms.CharField(label=_("Model"), required=False, max_length=128)
    instructions = forms.CharField(
        label=_("Instructions"),
        required=False,
        max_length=MAX_INSTRUCTION_CHARS,
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
    )
    with_tools = forms.BooleanField(label=_("With the tools of the assistant"), required=False)

    def __init__(self, data: Any, *, prefix: str, choices: Mapping[str, Choice], trial: Trial) -> None:
        initial = {
            "who": trial.who,
            "model": trial.config.model or "",
            "instructions": trial.instructions,
            "with_tools": trial.with_tools,
            **trial.config.get_options(),
        }
        super().__init__(data, prefix=prefix, initial=initial, auto_id="playground-%s")
        named = [(name, choice.label) for name, choice in choices.items()]
        groups = [
            (_("Assistants"), [item for item in named if item[0].startswith("assistant:")]),
            (_("Providers"), [item for item in named if item[0].startswith("provider:")]),
        ]
        self.fields["who"] = forms.ChoiceField(label=_("Assistant or provider"), choices=groups)
        for item in _CONTROLS:
            self.fields[item.id] = ControlField(item)
        for name, field in self.fields.items():
            place = f"playground-{prefix}-{name}"
            described = f"{place}_error {place}_helptext" if field.help_text else f"{place}_error"
            field.widget.attrs |= {"form": FORM_ID, "aria-describedby": described}
        self.fields["model"].widget.attrs |= {
            "list": f"playground-{prefix}-models",
            "autocomplete": "off",
            "spellcheck": "false",
            "placeholder": _("the provider's own"),
        }

    @property
    def controls(self) -> list[forms.BoundField]:
        """The numbers of sampling, in order."""
        return [self[item.id] for item in _CONTROLS]

    def clean_instructions(self) -> str:
        return scrub(self.cleaned_data["instructions"])

    def clean_model(self) -> str:
        return scrub(self.cleaned_data["model"])

    def get_trial(self) -> Trial:
        """What was given. Only of a valid form."""
        given = self.cleaned_data
        numbers = {item.id: given[item.id] for item in _CONTROLS}
        return Trial(
            who=given["who"],
            instructions=given["instructions"],
            with_tools=given["with_tools"],
            config=ModelConfig(model=given["model"] or None, **numbers),
        )
