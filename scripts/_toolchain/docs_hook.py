"""What the site of the documentation adds to its pages while MkDocs builds it: the look of the pages of a hub, the
pages that lie beside `docs/`, and the rule that nothing is loaded from elsewhere."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).resolve().parents[2]
STATIC: Final = ROOT / "registry" / "hub" / "pages" / "static"
BESIDE: Final = {"CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md", "CHANGELOG.md": "changelog.md"}
"""Pages at the top of the project, and what they are called on the site."""

log: Final = logging.getLogger("mkdocs.hooks")
"""What is told here as a warning ends a build that is strict."""

EXAMPLE: Final = "<!-- the first example of README.md -->"

_LINK: Final = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_FENCE: Final = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_DEFINED: Final = re.compile(r"^\[([\w-]+)\]: (\S+)\n", re.MULTILINE)
_BY_NAME: Final = re.compile(r"\[([^\[\]]+)\]\[([\w-]+)\]")
_LOADS: Final = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"?((?:https?:)?//[^\"\s>]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages beside the folder, and fonts, icon and colours of the hub's pages."""
    for name, page in BESIDE.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8")))
    for path in [*STATIC.glob("*.woff2"), *STATIC.glob("*.OFL.txt"), STATIC / "icon.svg"]:
        files.append(File.generated(config, f"assets/{path.name}", abs_src_path=str(path)))
    files.append(File.generated(config, "assets/tokens.css", content=_tokens()))
    return files


def _tokens() -> str:
    """Fonts and colours from the style sheet of the hub's pages, by the names of schemes that the site has."""
    style = (STATIC / "style.css").read_text(encoding="utf-8")
    fonts = "\n".join(re.findall(r"^@font-face \{.*?^\}", style, re.DOTALL | re.MULTILINE))
    light, dark = (
        "\n".join(re.findall(r"--[\w-]+:[^;]+;", one)) for one in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    )
    return f"{fonts}\n:root {{\n{light}\n}}\n[data-md-color-scheme='slate'] {{\n{dark}\n}}\n"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where the site has what they name; what it has not, code and tests, is named by its path."""
    here = page.file.src_uri
    markdown = markdown.replace(EXAMPLE, _FENCE.search((ROOT / "README.md").read_text(encoding="utf-8"))[0])
    above = next((name for name, at in BESIDE.items() if at == here), None)
    folder = (ROOT / above).parent if above else (ROOT / "docs" / here).parent

    def led(words: str, target: str) -> str:
        path, mark, anchor = target.partition("#")
        if not path or "://" in target or target.startswith("mailto:"):
            return f"[{words}]({target})"
        aim = (folder / path).resolve()
        if aim.is_relative_to(ROOT / "docs"):
            site = aim.relative_to(ROOT / "docs").as_posix()
        elif aim == ROOT / "README.md":
            site, mark, anchor = "index.md", "", ""
        elif aim.parent == ROOT and aim.name in BESIDE:
            site = BESIDE[aim.name]
        elif aim.exists():
            # Not an attribute list, which a cell of a table would take for its own.
            return f'<code title="{aim.relative_to(ROOT)}">{words.strip("`")}</code>'
        else:
            return f"[{words}]({target})"
        return f"[{words}]({'../' * here.count('/')}{site}{mark}{anchor})"

    def rewritten(text: str) -> str:
        text = _BY_NAME.sub(lambda match: f"[{match[1]}]({named[match[2]]})" if match[2] in named else match[0], text)
        return _LINK.sub(lambda match: led(match[1], match[2]), text)

    named = dict(_DEFINED.findall(markdown))
    parts = _FENCE.split(_DEFINED.sub("", markdown))
    return "".join(part if part.startswith("```") else rewritten(part) for part in parts)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse what a reader's browser would fetch from elsewhere."""
    for address in _LOADS.findall(output):
        log.warning("%s loads %s from elsewhere.", page.file.src_uri, address)
    return output


def on_config(config: MkDocsConfig, **_: Any) -> MkDocsConfig:
    """Pages beside the folder are watched too, while one writes (`mkdocs serve`)."""
    config.watch.extend(str(ROOT / name) for name in BESIDE)
    return config
