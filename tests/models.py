"""Models of the test site: documents of people, for retrieval."""

from typing import Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.db import models


class Document(models.Model):
    """Something to look up."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    # An app without migrations is there before those that have some.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_constraint=False)
    title = models.CharField(max_length=200)
    body = models.TextField()

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    def get_absolute_url(self) -> str:
        """Where it would be read."""
        return f"/documents/{self.title.lower().replace(' ', '-')}/"


class Note(models.Model):
    """Something with a number for a key, without an owner, a title or an address."""

    text = models.TextField()

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    def __str__(self) -> str:
        return self.text[:20]
