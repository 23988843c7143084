"""What the site has beside the pages of this folder: an API reference, and what pages link to elsewhere.

A hook of MkDocs. Pages are written for readers of the repository: a link out of `docs/` leads to a page of the site
where the file is Markdown, and to a copy of the file otherwise.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
DOORS = ("", "search", "surrogate", "probe", "training", "architecture", "database")
"""Packages whose public names are the API, as their `__init__` imports them."""

_OUT = re.compile(r"(?<=\]\()\.\./([^)#\s]+)")
_SHIM = "https://unpkg.com/iframe-worker/shim"
_LINK = re.compile(r"(?<=\]\()(?!https?://|#)([^)#\s]+)")


def on_files(files: Files, config: Any) -> Files:
    """Add them."""
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        text = _LINK.sub(lambda link: _of_the_root(link[1]), (ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, name.lower(), content=text))
    linked = {one[1] for page in files.documentation_pages() for one in _OUT.finditer(page.content_string)}
    for name in sorted(one for one in linked if not one.endswith(".md") and (ROOT / one).is_file()):
        files.append(File.generated(config, f"repository/{name}", content=(ROOT / name).read_bytes()))
    for door in DOORS:
        package = ".".join(["presage", door] if door else ["presage"])
        files.append(File.generated(config, f"api/{package}.md", content=_page(package, ROOT / (door or "presage"))))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links out of the folder."""
    up = "../" * page.file.src_uri.count("/")
    return _OUT.sub(lambda link: up + _elsewhere(link[1]), markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Search from a folder without a network: what the offline plugin would fetch lies in the site."""
    return output.replace(_SHIM, "../" * page.url.count("/") + "vendored/iframe-worker.js")


def on_post_template(output_content: str, **_: Any) -> str:
    """The same of the page that says that there is no such page."""
    return output_content.replace(_SHIM, "vendored/iframe-worker.js")


def _elsewhere(name: str) -> str:
    if (ROOT / name).is_dir():
        return "index.md"
    return name.lower() if name.endswith(".md") else f"repository/{name}"


def _of_the_root(name: str) -> str:
    """A link of a page at the root of the repository, as one of a page of `docs/`."""
    return name.removeprefix("docs/") if name.startswith("docs/") else f"../{name}"


def _page(package: str, folder: Path) -> str:
    """The public names of a package, each with what its docstring says."""
    stub = folder / "__init__.pyi"
    text = (stub if stub.exists() else stub.with_suffix(".py")).read_text(encoding="utf-8")
    names = [
        (f"{package}{'.' * (node.level - 1)}.{node.module}" if node.level else str(node.module), alias.name)
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    ]
    documented = [f"::: {module}.{name}" for module, name in names]
    return "\n\n".join([f"# {package}", *documented, ""])
