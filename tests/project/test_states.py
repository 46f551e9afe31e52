"""Every address that answers a page has a state in tests/browser/states.py."""

from django.urls import URLPattern, get_resolver

from tests.browser.states import PAGES

# What answers no page: files, fragments, JSON, and forms that lead to another page.
NOT_PAGES = """
account_download_copy account_end_device account_end_other_devices account_send_proof
apple_wallet calendar google_wallet inbox_attachment livez manifest order_calendar
order_pdf position poster readyz release robots service_worker set_language share_picture sitemap
ticket_calendar ticket_offer_accept ticket_offer_decline ticket_offer_withdraw ticket_pdf ticket_qr
visitor withdraw_reminder
"""
# The document in the frame of inbox_mail: tests/browser/messages.py has every mail.
IN_A_FRAME = "inbox_mail_html"
# Pages of other kinds have lists of their own.
ELSEWHERE = ("admin/", "api/", "broken/", "busy/", "door/")


def test_every_page_has_a_state():
    pages = set(names(get_resolver("tests.browser.urls"))) - {*NOT_PAGES.split(), IN_A_FRAME}

    assert pages - set(PAGES.values()) == set()
    assert set(PAGES.values()) - pages == {""}


def names(resolver, start=""):
    for each in resolver.url_patterns:
        address = f"{start}{each.pattern}"
        if address.startswith(ELSEWHERE):
            continue
        if isinstance(each, URLPattern):
            yield each.name or each.callback.__name__
        else:
            yield from names(each, address)
