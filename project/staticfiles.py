"""How the hosted site names and packs its static files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from whitenoise.storage import CompressedManifestStaticFilesStorage


class CompressedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Names with a hash and packed copies (gzip, brotli) after collectstatic; plain names for what it has not seen.

    A page that lacks its hashed names is better than an error page.
    """

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """The name with its hash, if it has one."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Pack what is not packed yet: packing everything again takes most of the time of a second collectstatic."""
        hashed = set(self.hashed_files.values())
        return iter(super().compress_files([path for path in paths if not self._is_packed(path, path in hashed)]))

    def _is_packed(self, path: str, has_hash: bool) -> bool:
        source, packed = Path(self.path(path)), Path(self.path(f"{path}.gz"))
        # A name with a hash never changes its content; without one, the copy must be the newer.
        return packed.exists() and (has_hash or packed.stat().st_mtime >= source.stat().st_mtime)
