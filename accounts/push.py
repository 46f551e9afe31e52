"""Push messages to browsers (RFC 8030), signed with our key (VAPID) and encrypted for the browser.

Off without settings.VAPID_PRIVATE_KEY.
"""

import base64
import json
from functools import cache
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.templatetags.static import static
from py_vapid import Vapid
from pywebpush import WebPushException, webpush

from accounts.letter import Letter
from accounts.models import OutgoingMessage, PushSubscription
from accounts.undeliverable import NotNow, Undeliverable

TIMEOUT = 10
# The push service drops a message that it cannot deliver for so long.
KEPT_SECONDS = 600
TOO_MANY_REQUESTS = 429
GONE = (404, 410)


def public_key() -> str:
    """What a browser needs to subscribe; empty while push messages are off."""
    return _public_key(settings.VAPID_PRIVATE_KEY) if settings.VAPID_PRIVATE_KEY else ""


@cache
def _public_key(private: str) -> str:
    point = Vapid.from_string(private).public_key.public_bytes(
        Encoding.X962, PublicFormat.UncompressedPoint
    )
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


def is_push_service(endpoint: str) -> bool:
    """Whether this is an address at a known push service.

    The browser says to which address we send. Any other one would let a user send requests from
    our network.
    """
    try:
        address = urlsplit(endpoint)
        host, port = address.hostname or "", address.port
    except ValueError:
        return False
    is_plain = address.scheme == "https" and port is None and address.username is None
    return is_plain and any(
        host == known or host.endswith(f".{known}") for known in settings.PUSH_SERVICES
    )


class PushSender:
    def __init__(self) -> None:
        self.session = requests.Session()
        # A redirect could lead into our network.
        self.session.max_redirects = 0

    def send(self, message: OutgoingMessage, letter: Letter) -> None:
        subscription = PushSubscription.objects.filter(pk=message.recipient).first()
        if subscription is None:
            raise Undeliverable("The browser has unsubscribed.")
        try:
            self._send(subscription, message, letter)
        except WebPushException as refused:
            status = refused.response.status_code if refused.response is not None else 0
            if status in GONE:
                subscription.delete()
            if 400 <= status < 500 and status != TOO_MANY_REQUESTS:
                raise Undeliverable(refused) from refused
            if status:  # another browser's service may answer
                raise NotNow(refused) from refused
            raise

    def _send(
        self, subscription: PushSubscription, message: OutgoingMessage, letter: Letter
    ) -> None:
        content = {
            "title": letter.heading,
            "body": " ".join(letter.paragraphs[:1]),
            "icon": settings.SITE_URL + static("icons/icon-192.png"),
            "url": letter.action[1] if letter.action else settings.SITE_URL,
            # A second delivery replaces the first.
            "tag": str(message.message_id),
        }
        webpush(
            {
                "endpoint": subscription.endpoint,
                "keys": {"p256dh": subscription.p256dh, "auth": subscription.auth},
            },
            data=json.dumps(content),
            vapid_private_key=settings.VAPID_PRIVATE_KEY,
            vapid_claims={"sub": settings.VAPID_SUBJECT},
            ttl=KEPT_SECONDS,
            timeout=TIMEOUT,
            headers={"Urgency": "high", "Topic": message.message_id.hex},
            requests_session=self.session,
        )

    def close(self) -> None:
        self.session.close()
