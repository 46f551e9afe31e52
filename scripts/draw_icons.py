"""Draw the PNG icons of static/icons/ from static/icon.svg: python -m scripts.draw_icons

Run it after a change of the drawing, and commit the files. Needs Chromium.
"""

from __future__ import annotations

from pathlib import Path

from scripts.demo_browser import chromium

STATIC = Path(__file__).parent.parent / "static"
# Name, pixels, and whether the ground reaches the edges: systems cut such an icon to their shape.
ICONS = (
    ("icon-192", 192, False),
    ("icon-512", 512, False),
    ("maskable-512", 512, True),
    ("apple-touch-180", 180, True),
)


def main() -> None:
    drawing = (STATIC / "icon.svg").read_text()
    (STATIC / "icons").mkdir(exist_ok=True)
    with chromium() as browser:
        for name, pixels, is_full in ICONS:
            page = browser.new_page(viewport={"width": pixels, "height": pixels})
            # Only the inner 80 % of a maskable icon are sure to be seen: the ticket takes 63 %.
            shown = drawing.replace('rx="7"', 'rx="0"') if is_full else drawing
            page.set_content(f"<style>*{{margin:0}}svg{{display:block}}</style>{shown}")
            path = STATIC / "icons" / f"{name}.png"
            page.screenshot(path=path, omit_background=True)


if __name__ == "__main__":
    main()
