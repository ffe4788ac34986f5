"""What staff set for everybody: another default for a setting of an assistant, or a lock."""

from typing import TYPE_CHECKING

from django.contrib import admin

from chatapp.models import SettingDefault

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[SettingDefault]
else:  # Django's own class takes no parameters at run time
    ModelAdmin = admin.ModelAdmin


@admin.register(SettingDefault)
class SettingDefaultAdmin(ModelAdmin):
    """Lists, and changes, the defaults of settings. What people chose themselves is in no list."""

    list_display = ("assistant", "key", "value", "locked")
    list_filter = ("assistant", "locked")
    search_fields = ("assistant", "key")
