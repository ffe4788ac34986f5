"""Records that are looked at and never written, in tables too large to count."""

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

if TYPE_CHECKING:
    BasePaginator = Paginator[Any]
    ModelAdmin = admin.ModelAdmin[Any]
else:  # Django's own classes take no parameters at run time
    BasePaginator, ModelAdmin = Paginator, admin.ModelAdmin

COUNTED_ROWS: Final = 10_000
"""A list counts so far and no farther: an exact number of millions helps nobody and reads the whole table."""


class BoundedPaginator(BasePaginator):
    """Pages for the first COUNTED_ROWS rows; filters lead to the others."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most COUNTED_ROWS."""
        rows: QuerySet[Any] = self.object_list[:COUNTED_ROWS]  # type: ignore[assignment]  # the admin gives no other list
        return rows.count()


class ReadOnlyAdmin(ModelAdmin):
    """Nothing can be added, changed or deleted here; who may view a record sees all of its fields."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    actions = None
    view_on_site = False  # a thread's own page is for its owner

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: what was said stays as it was said."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never by itself; what belongs to a thread goes with the thread."""
        return False
