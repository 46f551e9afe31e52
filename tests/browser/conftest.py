from tests.browser.chromium import chromium, complaints, page  # noqa: F401
