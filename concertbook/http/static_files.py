"""Static files whose names contain a hash of their content."""

from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    # In seconds; ten years in WhiteNoise.
    FOREVER = 365 * 24 * 3600


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """``collectstatic`` writes hashed names, the references between files too, and compresses.

    A file with a hashed name never changes: caches may keep it for a year.
    """

    # Without it a module imports others by their plain names, which are not collected.
    support_js_module_import_aggregation = True

    def stored_name(self, name: str) -> str:
        """The hashed name; the plain one of a file that was not collected.

        Django raises ValueError instead, so that every page would be an error page for one missing
        icon, and the tests, which do not collect, could show no page.
        """
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
