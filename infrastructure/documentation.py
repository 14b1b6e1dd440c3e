"""`make docs`: the README is the site's first page, and sources that a page names are pages, too.

Pages are written as GitHub reads them: a link is relative to its file, and may lead anywhere in the
repository. The site has docs/ at its root, the README as `index.md`, and what lies elsewhere under
`source/`. MkDocs calls the hooks, and checks every link that they leave.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

README = "README.md"
_DOCS = "docs/"
_SOURCES = "source/"

# Where a link in Markdown leads to, but for addresses and places in the same page.
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)(?=[)#])")
_FENCE = "~" * 8
_LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".yml": "yaml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README, and every source that a page names."""
    root = Path(config.config_file_path).parent
    readme = (root / README).read_text(encoding="utf-8")
    pages = {_DOCS + file.src_uri: file.content_string for file in files.documentation_pages()}
    files.append(File.generated(config, "index.md", content=relinked(readme, README)))
    for path in sorted(set(_sources({README: readme, **pages}))):
        if (root / path).is_file():
            content = (root / path).read_text(encoding="utf-8")
            files.append(File.generated(config, place(path), content=source_page(path, content)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Have the links of a page of docs/ lead to where things are on the site."""
    return markdown if page.file.generated_by else relinked(markdown, _DOCS + page.file.src_uri)


def place(path: str) -> str:
    """Where the site has a file of the repository."""
    if path == README:
        return "index.md"
    if path.startswith(_DOCS):
        return path.removeprefix(_DOCS)
    return f"{_SOURCES}{path}.md"


def relinked(markdown: str, path: str) -> str:
    """The page of a file of the repository, with its links as they are on the site."""
    here = posixpath.dirname(place(path))

    def link(found: re.Match[str]) -> str:
        return posixpath.relpath(place(_target(found[1], path)), here or ".")

    return _LINK.sub(link, markdown)


def source_page(path: str, content: str) -> str:
    """A source as a page, which searches leave out."""
    language = _LANGUAGES.get(Path(path).suffix, "text")
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n"
    return f"{head}{_FENCE}{language}\n{content.rstrip()}\n{_FENCE}\n"


def _target(link: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), link))


def _sources(pages: dict[str, str]) -> Iterator[str]:
    for path, markdown in pages.items():
        for link in _LINK.findall(markdown):
            if place(target := _target(link, path)).startswith(_SOURCES):
                yield target
