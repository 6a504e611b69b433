"""What MkDocs does with the pages of docs/ before it renders them.

The pages are plain Markdown that any host shows. In a comment of its own line, ``<!-- keys -->`` stands for the key
reference, and ``<!-- api: GROUP -->`` for the documentation of what each file of conf/GROUP/ names; of the
losses, which have no files there, of each module.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from key_reference import markdown
from mkdocs.exceptions import PluginError

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s:]*)(#[^)\s]*)?\)")


def on_page_markdown(text: str, page: Any, config: Any, **kwargs: Any) -> str:
    """Fill the page in, and let its links end where the site ends."""
    root = Path(config.config_file_path).parent
    text = re.sub(r"^<!-- keys -->$", lambda _: markdown(), text, flags=re.MULTILINE)
    text = re.sub(r"^<!-- api: (\S+) -->$", lambda found: documented(root / "conf", found[1]), text, flags=re.MULTILINE)
    text = re.sub(
        r"^\|.*", lambda row: row[0].replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"), text, flags=re.M
    )
    return within_site(text, Path(page.file.abs_src_path), Path(config.docs_dir), config.repo_url)


def documented(conf: Path, group: str) -> str:
    """Return what makes mkdocstrings document the ``_target_`` of each file of a group."""
    if group == "losses":
        names = sorted(path.stem for path in (conf.parent / "src/locexp/losses").glob("[a-z]*.py"))
        return "\n".join(_documented(name, f"locexp.losses.{name}.{name}") for name in names)
    blocks = []
    for path in sorted((conf / group).glob("*.yaml")):
        target = yaml.safe_load(path.read_text(encoding="utf-8")).get("_target_")
        if target:
            blocks.append(_documented(f"{group}={path.stem}", target))
    if not blocks:
        raise PluginError(f"<!-- api: {group} -->: no file of conf/{group}/ has a _target_.")
    return "\n".join(blocks)


def _documented(name: str, target: str) -> str:
    return f'::: {target}\n    options: {{heading: "{name}: {target}", toc_label: "{name}", heading_level: 2}}\n'


def within_site(text: str, page: Path, docs: Path, repository: str | None) -> str:
    """Return a page whose links to files beside docs/ lead to the repository, or are text where none is known."""

    def replaced(link: re.Match[str]) -> str:
        path = (page.parent / link[2]).resolve()
        if not link[2] or path.is_relative_to(docs):
            return link[0]
        if not path.exists():
            raise PluginError(f"{page.name}: {link[0]} leads nowhere.")
        if not repository:
            return link[1]
        return f"[{link[1]}]({repository.rstrip('/')}/blob/main/{path.relative_to(docs.parent)}{link[3] or ''})"

    return LINK.sub(replaced, text)
