"""What people may set of an assistant: the part of its declaration that becomes the dialog "Settings"."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from chatapp.menu import MODEL, SettingsItem, check_items
from chatapp.providers.base import get_provider
from chatapp.providers.listing import find_offer
from chatapp.sampling import SAMPLING, ModelConfig, check_config, get_digest, list_controls

if TYPE_CHECKING:
    from chatapp.models import Thread


PROVIDER: Final = "provider"
"""In place of models: those that the provider offers."""


class Customizable:
    """The attributes of an Assistant that say what people may set; see there."""

    settings: ClassVar[Sequence[SettingsItem | Mapping[str, Any]]] = ()
    """What people may set, in order; `turn.settings` has what they chose. An action with the id `clear-history` clears
    the conversation."""

    show_settings: ClassVar[bool] = True
    """Whether there is a button "Settings" at all."""

    models: ClassVar[Sequence[str | tuple[str, str]] | Literal["provider"]] = ()
    """Models to choose from: names, or pairs of a name and what people read. The first answers who did not choose, or
    `model` if there is one. "provider": what its provider offers. Empty: what MODELS says in the provider's entry of
    CHATAPP["PROVIDERS"]; without that nobody chooses."""

    show_configuration_controls: ClassVar[bool] = False
    """Whether the settings have the six numbers of chatapp.ModelConfig; if so, they are sent with each request."""

    config: ClassVar[Mapping[str, Any]] = {}
    """With which of these numbers people begin, such as {"temperature": 1}; the others begin with their defaults. When
    this changes, what people chose among them before holds no more."""

    options: ClassVar[Mapping[str, Any]] = {}
    """Sampling options for the provider, such as {"temperature": 0.2}, "seed" or "stop"; what people may set wins."""

    provider: ClassVar[str] = "default"
    """Alias in CHATAPP["PROVIDERS"]."""

    fallback: ClassVar[Sequence[str]] = ()
    """Aliases of who is asked, in this order, when the provider fails before its first word. Empty: what FALLBACK says
    in its entry of CHATAPP["PROVIDERS"]."""

    model: ClassVar[str] = ""
    """Model to ask. Empty: the provider's own."""

    def check_settings(self, where: str) -> None:
        """Raises ValueError for a declaration that cannot work."""
        check_config(self.config)
        if isinstance(self.models, str) and self.models != PROVIDER:
            raise ValueError(f"{where}.models is {self.models!r}; give a list of names, or {PROVIDER!r}")
        self._join(self.settings, () if isinstance(self.models, str) else self.models, where)

    def get_settings(self, user: Any) -> Sequence[SettingsItem | Mapping[str, Any]]:
        """What this person may set."""
        return self.settings

    def get_models(self, user: Any) -> Sequence[str | tuple[str, str]] | Literal["provider"]:
        """The models that this person may choose from; see `models`."""
        return self.models

    def list_models(self, user: Any, alias: str = "") -> list[str | tuple[str, str]]:
        """What get_models gives, or what the provider offers as far as that is known, the one that answers by itself
        first; empty if there is no choice. `alias`: of the provider that answers in place of its own."""
        given = () if alias else self.get_models(user)
        if given and not isinstance(given, str):
            is_missing = self.model and self.model not in name_models(given)
            return [self.model, *given] if is_missing else list(given)
        offered = find_offer(alias or self.provider, is_wanted=given == PROVIDER)
        own = self.find_model(alias)
        if offered is None:
            return [own] if own else []
        return list(dict.fromkeys(filter(None, [own, *offered]))) if offered else []

    def awaits_models(self, user: Any, alias: str = "") -> bool:
        """Whether nobody knows yet which models there are, for the provider has not said."""
        given = () if alias else self.get_models(user)
        if given and not isinstance(given, str):
            return False
        return find_offer(alias or self.provider, is_wanted=given == PROVIDER) is None

    def find_model(self, alias: str = "") -> str:
        """The model that answers where nobody chose another; empty if its provider is not configured.

        `alias`: of the provider that answers in place of its own.
        """
        try:
            if alias:
                return get_provider(alias).model
            named = () if isinstance(self.models, str) else name_models(self.models)
            return self.model or next(iter(named), "") or get_provider(self.provider).model
        except ImproperlyConfigured:
            return ""  # A system check says so.

    def on_settings_change(self, thread: "Thread | None", key: str, value: Any, user: Any) -> Any:
        """Called when this person has set something, after it is stored; for an action with None.

        `thread` is where they did; its `settings` have what was chosen for it alone. None: in a new chat. May be a
        coroutine function. A chatapp.VisibleError shows its sentence; whatever it raises, the value stays.
        """

    def list_settings(self, user: Any, alias: str = "") -> tuple[SettingsItem, ...]:
        """What get_settings and list_models give, checked, and the numbers if they are shown. Raises ValueError."""
        return self._join(self.get_settings(user), self.list_models(user, alias), type(self).__qualname__)

    def list_declared(self) -> tuple[SettingsItem, ...] | None:
        """What everybody may set; None if that depends on the person."""
        cls = type(self)
        if cls.get_settings is not Customizable.get_settings or cls.get_models is not Customizable.get_models:
            return None
        return self.list_settings(None)

    def _join(
        self,
        settings: Sequence[SettingsItem | Mapping[str, Any]],
        models: Sequence[str | tuple[str, str]],
        where: str,
    ) -> tuple[SettingsItem, ...]:
        items = list(check_items(settings, f"{where}.settings"))
        if models:
            choice = SettingsItem(id=MODEL, type="select", label=_("Model"), options=models)
            if self.model in dict(choice.choices):
                choice = choice.model_copy(update={"value": self.model})
            items.insert(0, choice)
        if self.show_configuration_controls:
            if len(items) > bool(models):
                items.append(SettingsItem(id="sampling", type="separator"))
            items += list_controls(self._get_beginnings())
        return check_items(items, f"{where}.settings")

    def _get_beginnings(self) -> dict[str, Any]:
        """What the numbers begin with: `config`, over what `options` say of them. Those of them out of range are not
        shown in a control, which is then empty: they go with the request as they are."""
        found: dict[str, Any] = {}
        for name in SAMPLING:
            if name in self.options:
                try:
                    found |= check_config({name: self.options[name]})
                except ValueError:
                    found[name] = None
        return found | {name: value for name, value in check_config(self.config).items() if name in SAMPLING}

    def make_config(self, values: Mapping[str, Any]) -> ModelConfig:
        """The configuration of a request, of what holds; what nobody can understand is left to the provider."""
        chosen = check_config(self.config)
        for name in ModelConfig.model_fields:
            if name in values:
                try:
                    chosen |= check_config({name: values[name]})
                except ValueError:
                    continue
        return ModelConfig(**chosen)

    @property
    def config_digest(self) -> str:
        """Differs whenever `config` does."""
        return get_digest(self.config)


def name_models(models: Sequence[str | tuple[str, str]]) -> list[str]:
    """What providers call these models."""
    return [model if isinstance(model, str) else model[0] for model in models]
