"""The page: one report as HTML, in one file that asks for nothing from elsewhere.

`columns` says what the table shows, `series` which figures the charts show, `charts` draws them as
SVG, `view` puts it all into texts, and `page.html` with `page.css` and `page.js` into a page.
Every foreign text passes `ctxuse.visible` in Python and is escaped once more by the template. The
page says itself, in a content security policy, that it may run its own script and nothing else.
"""

from ctxuse.render.page.html import fleet_page, page_html

__all__ = ["fleet_page", "page_html"]
