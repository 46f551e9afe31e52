"""Uploaded posters: cut to 2:3 and encoded anew, one row a version."""

import uuid
from io import BytesIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

from concertbook.errors import NotFound
from concerts.models import Poster

LARGEST_BYTES = 8 * 1024 * 1024
# Decoded, a picture of this size takes 150 MB.
MOST_PIXELS = 40_000_000
WIDTH = 800
FORMATS = ("JPEG", "PNG", "WEBP")
QUALITY = 82


def add_poster(image: bytes) -> Poster:
    """Save a picture that encode() returned."""
    return Poster.objects.create(image=image)


def encode(data: bytes) -> bytes:
    """The picture as WebP of 2:3, at most 800 pixels wide, without its metadata.

    Raises ValidationError for what is no picture, or too large.
    """
    if len(data) > LARGEST_BYTES:
        raise ValidationError(_("The picture is larger than 8 MB."))
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            # Known from the head of the file, before memory is taken for the pixels.
            if picture.width * picture.height > MOST_PIXELS:
                raise ValidationError(_("The picture has more than 40 million pixels."))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as exc:
        raise ValidationError(_("This is no picture that can be read: JPEG, PNG or WebP.")) from exc
    width = max(2, min(WIDTH, upright.width, upright.height * 2 // 3))
    written = BytesIO()
    ImageOps.fit(upright, (width, width * 3 // 2)).save(written, "WEBP", quality=QUALITY)
    return written.getvalue()


def poster_image(poster_id: uuid.UUID) -> bytes:
    """The poster as WebP. Raises NotFound."""
    image = Poster.objects.filter(pk=poster_id).values_list("image", flat=True).first()
    if image is None:
        raise NotFound
    return bytes(image)
