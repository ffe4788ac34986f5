"""The frame that all artifacts share, and those whose content is one text or one value."""

import base64
import hashlib
import json
import re
from typing import Any, ClassVar, Final

from django.utils.functional import Promise
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from pydantic import Field, ValidationInfo, field_serializer, field_validator

from chatapp.parts import STORED, Part, part

from .values import to_json

MAX_CHARS: Final = 400_000
"""Longest content of one artifact, in characters; longer than any answer."""

MAX_IMAGE_CHARS: Final = 1_000_000
"""Longest address of an image; one that is its own address has about three quarters of that in bytes."""

_LANGUAGES = "c cpp css dart diff go html ini java json lua php r scala sql swift tex toml xml"
_OTHERS = (
    "c++=cpp c#=cs csharp=cs javascript=js js=js typescript=ts ts=ts python=py py=py ruby=rb rust=rs kotlin=kt "
    "markdown=md bash=sh sh=sh shell=sh yaml=yml haskell=hs perl=pl julia=jl"
)
EXTENSIONS: Final = {
    **{name: name for name in _LANGUAGES.split()},
    **dict(pair.split("=") for pair in _OTHERS.split()),
}
"""Ending of the file by language; any other is text. The name of the language comes from the model."""

_WEB = re.compile(r"https?://[^\s/?#@\\<>\"'`\x00-\x20\x7f]+(?:[/?#][^\s\\\x00-\x1f\x7f]*)?", re.IGNORECASE)
_DATA = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[a-z0-9+/]+={0,2}", re.IGNORECASE)


def get_version(content: str) -> str:
    """Short name of a content, for addresses: another content has another one."""
    return hashlib.sha256(content.encode(errors="replace")).hexdigest()[:12]


def make_file_name(title: str, ending: str, *, default: str) -> str:
    """A name for a file, made of the title's letters and digits; `default` if it has none."""
    return f"{slugify(title, allow_unicode=True)[:60].strip('-_') or default}.{ending}"


class Artifact(Part):
    """What all artifacts have. Subclass one of the others, or give a kind of your own a template that extends
    `chatapp/parts/_artifact.html`."""

    icon: ClassVar[str] = "spark"
    """Name of the icon beside the title."""

    name: ClassVar[Promise | str] = ""
    """What such a thing is called when it has no title."""

    title: str = Field("", max_length=200)
    """Shown above it; empty: what its kind is called."""

    for_model: bool = False
    """Whether the model gets it again with the next question, as `source`."""

    @property
    def heading(self) -> str:
        """The title, or what its kind is called."""
        return self.title.strip() or str(self.name)

    @property
    def source(self) -> str:
        """What is copied and downloaded."""
        return ""

    @property
    def extension(self) -> str:
        """Ending of the file that is downloaded; empty if there is none."""
        return ""

    @property
    def media_type(self) -> str:
        """Of the file that is downloaded."""
        return "text/plain; charset=utf-8"

    @property
    def file_content(self) -> bytes:
        """What the file that is downloaded holds."""
        return self.source.encode(errors="replace")

    @property
    def can_copy(self) -> bool:
        """Whether `source` is worth copying."""
        return True

    @property
    def model_text(self) -> str:
        return self.source if self.for_model else ""

    @property
    def shared(self) -> Part:
        return self

    @property
    def version(self) -> str:
        """Short name of this content, for addresses; empty where nobody asks for it."""
        return ""

    @property
    def file_name(self) -> str:
        """A name for the file, made of the title's letters and digits; its ending is always ours."""
        ending = self.extension
        stem = re.sub(rf"\.{ending}$", "", self.heading.strip(), flags=re.IGNORECASE)
        return make_file_name(stem, ending, default=self.kind)


class _TextArtifact(Artifact):
    content: str = Field(max_length=MAX_CHARS)

    @property
    def source(self) -> str:
        return self.content


@part
class CodeArtifact(_TextArtifact):
    """A file of code, highlighted."""

    kind = "code-artifact"
    icon = "code"
    name = _("Code")

    language: str = Field("", max_length=60)
    """Such as "python"; empty: plain text."""

    @property
    def plain(self) -> str:
        return self.content

    @property
    def extension(self) -> str:
        return EXTENSIONS.get(self.language.lower(), "txt")


@part
class MarkdownArtifact(_TextArtifact):
    """A document in Markdown."""

    kind = "markdown-artifact"
    icon = "book"
    name = _("Document")

    @property
    def extension(self) -> str:
        return "md"

    @property
    def plain(self) -> str:
        return self.content


@part
class HtmlArtifact(_TextArtifact):
    """A page of HTML whose scripts run, in a frame that reaches nothing: no page around it, no cookies, no net."""

    kind = "html-artifact"
    icon = "window"
    name = _("Page")

    height: int = Field(300, ge=40, le=2000)
    """Of the frame, in pixels."""

    @property
    def version(self) -> str:
        return get_version(self.content)


@part
class ImageArtifact(Artifact):
    """A picture: PNG, JPEG, GIF or WebP as a data address, or one on the web.

    One on the web is shown if its host is among CHATAPP["IMAGE_HOSTS"], else a link with the host stands in its place.
    """

    kind = "image-artifact"
    icon = "image"
    name = _("Image")

    url: str = Field(max_length=MAX_IMAGE_CHARS)
    """http:, https:, or data:image/… in Base64."""

    alt: str = Field(max_length=1000)
    """What is to be seen, in words."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        pattern = _DATA if url[:5].lower() == "data:" else _WEB
        if not (url.isprintable() and pattern.fullmatch(url)):
            right = "begin it with http:// or https:// and a host, or data:image/png;base64, (jpeg, gif, webp)"
            raise ValueError(f"url is {url[:40]!r}; {right}")
        if url[:5].lower() == "data:":
            base64.b64decode(url.partition(",")[2], validate=True)
        return url

    @property
    def is_inline(self) -> bool:
        """Whether the address is the image itself."""
        return self.url[:5].lower() == "data:"

    @property
    def plain(self) -> str:
        return self.alt

    @property
    def source(self) -> str:
        return self.alt if self.is_inline else self.url

    @property
    def can_copy(self) -> bool:
        return not self.is_inline

    @property
    def extension(self) -> str:
        return self.media_type.partition("/")[2].replace("jpeg", "jpg") if self.is_inline else ""

    @property
    def media_type(self) -> str:
        return self.url[len("data:") :].partition(";")[0].lower() if self.is_inline else super().media_type

    @property
    def file_content(self) -> bytes:
        return base64.b64decode(self.url.partition(",")[2]) if self.is_inline else super().file_content


@part
class JsonArtifact(Artifact):
    """Any JSON, as a tree that unfolds."""

    kind = "json-artifact"
    icon = "braces"
    name = _("Data")

    data: Any
    """Dicts, lists and scalars; dates, decimals and UUIDs become what JSON has for them."""

    @field_serializer("data")
    def _dump_data(self, data: Any) -> str:
        # As text: PostgreSQL would put the keys in an order of its own, and a reload would show another tree.
        return json.dumps(data)

    @field_validator("data", mode="before")
    @classmethod
    def _check_data(cls, data: Any, info: ValidationInfo) -> Any:
        if info.context is STORED:
            return json.loads(data)
        data = to_json(data)
        size = len(json.dumps(data))
        if size > MAX_CHARS:
            raise ValueError(f"data has {size:,} characters as JSON; at most {MAX_CHARS:,} can be shown")
        return data

    @property
    def extension(self) -> str:
        return "json"

    @property
    def plain(self) -> str:
        return self.title.strip()

    @property
    def source(self) -> str:
        return json.dumps(self.data, indent=2, ensure_ascii=False)
