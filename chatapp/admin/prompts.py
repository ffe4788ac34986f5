"""The prompt library, which staff keep."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from chatapp import registry
from chatapp.admin.readonly import ModelAdmin
from chatapp.models import Prompt
from chatapp.prompts import find_blanks


class PromptAssistantFilter(admin.SimpleListFilter):
    """By assistant: what its menu shows, which is also what is for all of them."""

    title = _("assistant")
    parameter_name = "assistant"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        """Slug and title of each."""
        return [(assistant.slug, assistant.title) for assistant in registry.get_all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Its prompts, and those for all."""
        return queryset.filter(assistant__in=("", self.value())) if self.value() else queryset


class PromptForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own takes no parameters at run time
    """An assistant is chosen by its name; one whose app was removed stays until somebody chooses another."""

    assistant = forms.ChoiceField(label=_("Assistant"), required=False)

    class Meta:
        model = Prompt
        fields = ("title", "text", "assistant", "groups", "position", "active")
        help_texts: ClassVar = {
            "text": _("A name between double braces, without spaces, is a blank to fill in first: {{customer}}."),
            "groups": _("Only members of these groups find it. None: everybody does."),
            "position": _("Smaller numbers come first."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {assistant.slug: assistant.title for assistant in registry.get_all()}
        slug = self.instance.assistant
        if slug:
            known.setdefault(slug, slug)
        self.fields["assistant"].choices = [("", _("All assistants")), *known.items()]  # type: ignore[attr-defined]


@admin.register(Prompt)
class PromptAdmin(ModelAdmin):
    """Prompts in the order of the menu. Their place, and whether they are offered, are changed in the list."""

    form = PromptForm
    list_display = ("title", "beginning", "blanks", "assistant_name", "audience", "position", "active")
    list_editable = ("position", "active")
    list_filter = ("active", PromptAssistantFilter, "groups")
    search_fields = ("title", "text")
    ordering = ("position", "title")
    filter_horizontal = ("groups",)
    fields = ("title", "text", "assistant", "groups", ("position", "active"))
    save_as = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prompt]:
        """All of them, with how many groups each is for."""
        queryset: QuerySet[Prompt] = super().get_queryset(request)
        return queryset.annotate(group_count=Count("groups")).prefetch_related("groups")

    @admin.display(description=_("text"))
    def beginning(self, prompt: Prompt) -> str:
        """How it begins."""
        return format_html("<bdi>{}</bdi>", Truncator(prompt.text).chars(60))

    @admin.display(description=_("blanks"))
    def blanks(self, prompt: Prompt) -> str:
        """What people fill in."""
        return ", ".join(find_blanks(prompt.text))

    @admin.display(description=_("assistant"), ordering="assistant")
    def assistant_name(self, prompt: Prompt) -> str:
        """Its assistant's name, or that it is for all."""
        if not prompt.assistant:
            return str(_("All assistants"))
        assistant = registry.get(prompt.assistant)
        return assistant.title if assistant else prompt.assistant

    @admin.display(description=_("for whom"), ordering="group_count")
    def audience(self, prompt: Prompt) -> str:
        """The groups, or everybody."""
        return ", ".join(group.name for group in prompt.groups.all()) or str(_("Everybody"))
