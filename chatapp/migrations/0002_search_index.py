import chatapp.models.search
from django.db import migrations


class Migration(migrations.Migration):
    """What each database needs for full-text search, which no model can say."""

    dependencies = [("chatapp", "0001_initial")]

    operations = [migrations.RunPython(chatapp.models.search.install, chatapp.models.search.remove)]
