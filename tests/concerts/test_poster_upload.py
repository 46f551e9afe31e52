"""An operator uploads a poster: it is encoded anew, or refused with words."""

from io import BytesIO

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.translation import override
from PIL import Image

from concerts.models import Concert, Poster
from concerts.services import posters
from tests.concerts.test_admin_programme import concert_form
from tests.factories import ConcertFactory, StaffFactory

pytestmark = pytest.mark.django_db(transaction=True)

GPS = 0x8825


def picture(width=1000, height=1414, kind="JPEG", **options):
    written = BytesIO()
    Image.new("RGB", (width, height), "#b42318").save(written, kind, **options)
    return written.getvalue()


def photo():
    """A photo that a telephone took, lying on its side, with its place."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif[GPS] = {1: "N", 2: (37.0, 33.0, 0.0)}
    return picture(1500, 1000, exif=exif)


@pytest.fixture
def operator(client):
    client.force_login(StaffFactory(is_superuser=True))
    return client


def upload(operator, concert, data, name="poster.jpg", **more):
    form = concert_form(concert, price=1) | {"poster_file": SimpleUploadedFile(name, data), **more}
    address = reverse("admin:concerts_concert_change", args=[concert.pk])
    return operator.post(address, form, headers={"Accept-Language": "en"})


def test_a_poster_is_served_for_ever_as_webp_of_two_to_three(operator, client):
    concert = ConcertFactory()

    assert upload(operator, concert, photo()).status_code == 302

    page = client.get(f"/concerts/{concert.pk}/").content.decode()
    concert.refresh_from_db()
    address = f"/posters/{concert.poster_id}.webp"
    assert address in page
    assert address in client.get("/").content.decode()
    answer = client.get(address)
    assert answer["Content-Type"] == "image/webp"
    assert "immutable" in answer["Cache-Control"]
    sent = Image.open(BytesIO(answer.content))
    assert (sent.format, sent.size) == ("WEBP", (800, 1200))
    assert not sent.getexif()
    assert "exif" not in sent.info


def test_a_small_picture_is_not_enlarged():
    assert Image.open(BytesIO(posters.encode(picture(300, 900)))).size == (300, 450)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_formats_are_read(kind):
    assert Image.open(BytesIO(posters.encode(picture(400, 600, kind)))).format == "WEBP"


REFUSED = {
    "a text": (lambda: b"<svg onload=alert(1)>", "This is no picture"),
    "a cut picture": (lambda: picture()[:2000], "This is no picture"),
    "another format": (lambda: picture(kind="GIF"), "This is no picture"),
    "a bomb": (lambda: picture(8000, 6000, "PNG"), "more than 40 million pixels"),
    "a large file": (lambda: picture() + b"\0" * posters.LARGEST_BYTES, "larger than 8 MB"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_a_poster_is_refused_with_words(operator, make, words):
    concert = ConcertFactory()

    with override("en"):
        response = upload(operator, concert, make())

    assert response.status_code == 200
    assert words in response.content.decode()
    assert not Poster.objects.exists()


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch):
    bomb = picture(8000, 6000, "PNG")
    monkeypatch.setattr(Image.Image, "convert", lambda *args: pytest.fail("decoded"))

    with pytest.raises(ValidationError):
        posters.encode(bomb)


def test_a_new_poster_has_a_new_address_and_the_old_one_stays(operator, client):
    concert = ConcertFactory()
    for kind in ["JPEG", "PNG"]:
        upload(operator, concert, picture(kind=kind))
    concert.refresh_from_db()

    assert Poster.objects.count() == 2
    for poster in Poster.objects.all():
        assert client.get(f"/posters/{poster.pk}.webp").status_code == 200


def test_an_operator_goes_back_to_the_drawn_poster(operator, client):
    concert = ConcertFactory(poster=posters.add_poster(posters.encode(picture())))

    address = reverse("admin:concerts_concert_change", args=[concert.pk])
    operator.post(address, concert_form(concert, price=1) | {"draws_poster": "on"})

    assert Concert.objects.get().poster is None
    assert "/posters/" not in client.get("/").content.decode()


def test_the_form_shows_every_colour_and_the_poster(operator):
    concert = ConcertFactory(colour="teal")

    page = operator.get(reverse("admin:concerts_concert_change", args=[concert.pk]))

    assert page.content.decode().count('name="colour"') == 12
    assert 'viewBox="0 0 200 300"' in page.content.decode()


def test_a_colour_that_was_edited_is_saved(operator):
    concert = ConcertFactory(colour="teal")
    address = reverse("admin:concerts_concert_change", args=[concert.pk])

    operator.post(address, concert_form(concert, price=1) | {"colour": "ink"})

    assert Concert.objects.get().colour == "ink"


def test_an_unknown_poster_is_not_found(client):
    address = "/posters/00000000-0000-0000-0000-000000000000.webp"
    assert client.get(address).status_code == 404
