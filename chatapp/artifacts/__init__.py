"""Things that an answer makes and shows beside its text: code, documents, pages, tables, charts, images,
data.

Each is a part with a title in a frame that folds, with ways to copy, to download and to fill the screen. What they hold
is searched and copied with the message; the model gets it again only where `for_model` says so.
"""

from .charts import ChartArtifact
from .kinds import Artifact, CodeArtifact, HtmlArtifact, ImageArtifact, JsonArtifact, MarkdownArtifact
from .tables import TableArtifact

__all__ = [
    "Artifact",
    "ChartArtifact",
    "CodeArtifact",
    "HtmlArtifact",
    "ImageArtifact",
    "JsonArtifact",
    "MarkdownArtifact",
    "TableArtifact",
]
