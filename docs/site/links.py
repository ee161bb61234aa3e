"""Check a built site: every link and anchor leads somewhere in it, and nothing is loaded from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "srcset"), ("iframe", "src")}


class Page(HTMLParser):
    """The anchors and links of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[tuple[str, bool]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, and what it may be linked by."""
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.anchors.add(value)
            if name in {"href", "src", "srcset"} and value:
                self.links.append((value, (tag, name) in LOADED))


def broken_links(site: Path) -> list[str]:
    """What is wrong with the links of a site, a line each."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link, loaded in page.links:
            parts = urlsplit(link)
            where = f"{path.relative_to(site)}: {link}"
            if parts.scheme or parts.netloc:
                if loaded and parts.scheme != "data":
                    found.append(f"{where} is loaded from elsewhere")
                elif parts.scheme in {"http", "https"} and not parts.hostname:
                    found.append(f"{where} is no address")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if not target.is_file():
                found.append(f"{where} leads nowhere")
            elif target in pages and anchor and anchor not in pages[target].anchors and not anchor.startswith("only-"):
                found.append(f"{where} has no such anchor")
    return found
