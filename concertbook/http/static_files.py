"""Static files whose names contain a hash of their content."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.files.base import ContentFile
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage

COMMENT_LINES = re.compile(rb"^\s*//.*\n", re.MULTILINE)


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    # In seconds; ten years in WhiteNoise.
    FOREVER = 365 * 24 * 3600


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """``collectstatic`` writes hashed names, the references between files too, and compresses.

    A file with a hashed name never changes: caches may keep it for a year.
    """

    # Without it a module imports others by their plain names, which are not collected.
    support_js_module_import_aggregation = True

    def post_process(self, paths: Mapping[str, Any], **options: Any) -> Iterator[Any]:
        """Our scripts lose their lines of comments, a sixth of what a browser would load."""
        ours = {
            name: (WithoutComments(storage), path)
            for name, (storage, path) in paths.items()
            if name.startswith("js/")
        }
        yield from super().post_process({**paths, **ours}, **options)

    def stored_name(self, name: str) -> str:
        """The hashed name; the plain one of a file that was not collected.

        Django raises ValueError instead, so that every page would be an error page for one missing
        icon, and the tests, which do not collect, could show no page.
        """
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name


class WithoutComments:
    """A storage of scripts, read without their lines of comments."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage

    def open(self, path: str) -> "ContentFile[bytes]":
        with self.storage.open(path) as file:
            return ContentFile(COMMENT_LINES.sub(b"", file.read()), name=path)
