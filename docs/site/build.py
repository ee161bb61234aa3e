"""Build the documentation site into site/: the texts of docs/ and a reference that is generated from the code.

    python docs/site/build.py [FOLDER]

What is built needs no network. Warnings of the generator and links that lead nowhere fail the build.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from links import broken_links
from pages import DOCS, ROOT, Pages, title
from reference import write_reference

THEME = Path(__file__).parent / "theme"
EXTENSIONS: list[Any] = [
    "tables",
    "md_in_html",
    "sane_lists",
    {"toc": {"permalink": True, "slugify": "%SLUGIFY%"}},
    {"pymdownx.arithmatex": {"generic": True}},
    {"pymdownx.highlight": {"pygments_lang_class": True}},
    "pymdownx.superfences",
    "pymdownx.magiclink",
]
SLUGIFY = "!!python/object/apply:pymdownx.slugs.slugify {kwds: {case: lower}}"


def navigation(pages: Pages, reference: list[str]) -> list[Any]:
    """The four parts. A new page in a folder of docs/ is in them by being there."""
    course: list[Any] = [pages.place(DOCS / "course" / "index.md")]
    days = sorted((DOCS / "course").glob("day*"))
    found = [sorted(day.rglob("*.md"), key=lambda path: path.name != "index.md") for day in days]
    course.extend({title(day[0]): [pages.place(path) for path in day]} for day in found if day)
    first = (DOCS / "index.md").read_text(encoding="utf-8")

    def place(guide: Path) -> tuple[int, str]:
        """The first page's order of the guides, then those it does not name yet."""
        found = first.find(f"how-to/{guide.name}")
        return (found if found >= 0 else len(first), guide.name)

    return [
        {"Home": pages.place(DOCS / "index.md")},
        {"Tutorial": [pages.place(DOCS / "quickstart.md"), {"The course": course}]},
        {"How-to guides": [pages.place(path) for path in sorted((DOCS / "how-to").glob("*.md"), key=place)]},
        {"Reference": reference},
        {"Explanation": [pages.place(path) for path in sorted((DOCS / "explanation").glob("*.md"))]},
    ]


def configuration(nav: list[Any]) -> dict[str, Any]:
    """What Zensical is told."""
    palette = [
        {"media": f"(prefers-color-scheme{media})", "toggle": {"icon": f"lucide/{icon}", "name": name}} | scheme
        for media, scheme, icon, name in (
            ("", {}, "sun-moon", "Switch to light colours"),  # as the reader's system has it
            (": light", {"scheme": "default"}, "sun", "Switch to dark colours"),
            (": dark", {"scheme": "slate"}, "moon", "Switch to the system's colours"),
        )
    ]
    return {
        "site_name": "thumbnet",
        "site_description": "Labelled thumbnails, a small CNN, a demo, an API and a Hugging Face repository.",
        "docs_dir": "pages",
        "site_dir": "site",
        "use_directory_urls": False,
        "theme": {
            "name": "material",
            "font": False,
            "logo": "assets/logo.svg",
            "favicon": "assets/logo.svg",
            "palette": palette,
            "features": [
                "content.code.copy",
                "navigation.tabs",
                "navigation.top",
                "navigation.footer",
                "search.highlight",
            ],
        },
        "extra_css": ["assets/katex/katex.min.css", "assets/thumbnet.css"],
        "extra_javascript": ["assets/katex/katex.min.js", "assets/math.js"],
        "markdown_extensions": EXTENSIONS,
        "plugins": ["search"],
        "nav": nav,
    }


def stage(place: Path) -> None:
    """Write pages and configuration to a folder."""
    folder = place / "pages"
    shutil.copytree(THEME / "assets", folder / "assets")
    shutil.copyfile(ROOT / "demo" / "logo.svg", folder / "assets" / "logo.svg")
    nav = navigation(Pages(folder), write_reference(folder))
    text = json.dumps(configuration(nav), indent=2, ensure_ascii=False)  # JSON is YAML, which can name a function
    (place / "mkdocs.yml").write_text(text.replace('"%SLUGIFY%"', SLUGIFY), encoding="utf-8")


def build(place: Path, target: Path) -> int:
    """Build the site in an empty folder, then put it in its place; the exit code."""
    try:
        stage(place)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)  # noqa: S603  # ours
    if done.returncode or "warning" in (done.stdout + done.stderr).lower():
        print(done.stdout + done.stderr, file=sys.stderr)
        return 1
    if broken := broken_links(place / "site"):
        print(*broken, sep="\n", file=sys.stderr)
        return 1
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(place / "site", target)
    print(f"The site is in {target}: python -m http.server --directory {target}")
    return 0


def main(arguments: list[str]) -> int:
    """Build the site; the exit code."""
    with tempfile.TemporaryDirectory() as place:  # of its own: two may be built at once
        target = Path(arguments[0]) if arguments else ROOT / "site"
        if target.exists() and not (target / "404.html").exists() and (target.is_file() or any(target.iterdir())):
            print(f"{target} is something else; name a folder that is empty, or an earlier site.", file=sys.stderr)
            return 1
        return build(Path(place), target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
