"""The texts of docs/ as the site needs them: figures follow its own switch of colours, links stay inside."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
INLINE_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
PICTURE = re.compile(r'<picture><source [^>]*srcset="([^"]+)"><img alt="([^"]*)" src="([^"]+)"></picture>')
VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
LANGUAGES = {
    ".py": "python",
    ".html": "html",
    ".yaml": "yaml",
    ".toml": "toml",
    ".js": "js",
    ".sh": "bash",
    ".json": "json",
}
LARGEST_SOURCE = 100_000


class Pages:
    """Pages on their way to a folder, together with every file that they show or link to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.placed: dict[Path, str] = {}

    def place(self, source: Path) -> str:
        """Put a file of the repository into the folder, once; where it is, from the folder."""
        if source in self.placed:
            return self.placed[source]
        name = self.placed[source] = self.where(source)
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            listed = "\n".join(f"- [{p.name}]({self.link(p, name)})" for p in sorted(source.iterdir()) if p.is_file())
            target.write_text(f"# {source.relative_to(ROOT)}/\n\n{listed}\n", encoding="utf-8")
        elif source.suffix == ".md":
            target.write_text(self.rewrite(source, name), encoding="utf-8")
        elif name.endswith(".md"):
            code = source.read_text(encoding="utf-8").rstrip()
            title = source.relative_to(ROOT).as_posix()
            fence = f"```{LANGUAGES.get(source.suffix, 'text')}\n{code}\n```"
            target.write_text(f"---\nsearch:\n  exclude: true\n---\n\n# {title}\n\n{fence}\n", encoding="utf-8")
        else:
            shutil.copyfile(source, target)
        return name

    def where(self, source: Path) -> str:
        """The name that a file of the repository has among the pages."""
        name = source.relative_to(ROOT).as_posix()
        if source.is_relative_to(DOCS):
            name = source.relative_to(DOCS).as_posix()
        elif source.suffix == ".md":
            return "project/" + name.lower()
        else:
            name = "source/" + name
        readable = source.suffix in LANGUAGES or not source.suffix
        if source.is_dir() or (source.suffix != ".md" and readable and source.stat().st_size < LARGEST_SOURCE):
            return name + ".md"
        return name

    def link(self, source: Path, page: str) -> str:
        """A link from a page to a file of the repository."""
        return os.path.relpath(self.place(source), Path(page).parent).replace(os.sep, "/")

    def rewrite(self, source: Path, page: str) -> str:
        """The text of a page for the site."""
        parts = FENCE.split(source.read_text(encoding="utf-8"))
        for index in range(0, len(parts), 2):
            parts[index] = INLINE_COMMENT.sub("", re.sub(r"^<!--[^\n]*-->\n", "", parts[index], flags=re.MULTILINE))
        text = "".join(parts)
        text = re.sub(r"<details>(?=<summary>.*?</summary>\n\n)", '<details markdown="1">', text)
        text = PICTURE.sub(lambda match: self.both(match, source, page), text)
        parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
        for index in range(0, len(parts), 2):
            parts[index] = LINK.sub(
                lambda match: match[1] + self.inside(match[2], source, page) + match[3], parts[index]
            )
        return "".join(parts)

    def both(self, match: re.Match[str], source: Path, page: str) -> str:
        """A figure once for light and once for dark; the style sheet of the site shows one of them."""
        dark, alt, light = match.groups()
        for name in (dark, light):
            self.link((source.parent / name).resolve(), page)
        size = VIEW_BOX.search((source.parent / light).read_text(encoding="utf-8"))
        sides = f' width="{float(size[1]):.0f}" height="{float(size[2]):.0f}"' if size else ""
        return "".join(
            f'<img alt="{alt}" src="{name}#only-{scheme}"{sides} loading="lazy">'
            for name, scheme in ((light, "light"), (dark, "dark"))
        )

    def inside(self, link: str, source: Path, page: str) -> str:
        """A link of a page; one to a file of the repository leads to its page in the site."""
        path, _, anchor = link.partition("#")
        if not path or re.match(r"[a-z]+:", link):
            return link
        target = (source.parent / path).resolve()
        if not target.exists():
            raise LookupError(f"{source.relative_to(ROOT)} links to {path}, which does not exist")
        return self.link(target, page) + (f"#{anchor}" if anchor else "")


def title(page: Path) -> str:
    """The first heading of a page."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            return line.removeprefix("# ").replace("`", "")
    raise LookupError(f"{page} has no heading")
