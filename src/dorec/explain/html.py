"""A report as one self-contained page: styles and pictures inside, no script, nothing fetched."""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dorec.explain.blocks import Report
from dorec.explain.markdown import inline
from dorec.explain.numbers import formatted
from dorec.explain.plain_text import clean
from dorec.explain.theme import DARK, LIGHT, variables
from dorec.explain.views import view


def render_html(report: Report) -> str:
    """The report as an HTML page that needs no network and no script; its content policy forbids both.

    Raises:
        InputError: a figure's data don't fit its kind, or something in a section is no block.

    Example:
        >>> from dorec.explain.blocks import Section, Text
        >>> page = render_html(Report("A <b>shop</b>", sections=[Section("Data", blocks=[Text("1,200 users.")])]))
        >>> "A &lt;b&gt;shop&lt;/b&gt;" in page, "1,200 users." in page, "<script" in page
        (True, True, False)
    """
    style = _style()
    sections: list[dict[str, Any]] = []
    for section in report.sections:
        anchor = _anchor(section.anchor or section.title, {s["anchor"] for s in sections})
        blocks = [view(block) for block in section.blocks]
        for block in blocks:  # a picture that is the section needs no second title
            if block["kind"] == "figure" and block["title"].strip().lower() == section.title.strip().lower():
                block["repeats"] = True
        sections.append({"title": section.title, "lead": section.lead, "anchor": anchor, "blocks": blocks})
    page = _environment().get_template("report.html.j2")
    html = page.render(
        title=report.title,
        subtitle=report.subtitle,
        facts=[(name, formatted(value, "text")) for name, value in report.facts.items()],
        headline=list(report.headline),
        sections=sections,
        style=Markup(style),
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        paper={"light": LIGHT["paper"], "dark": DARK["paper"]},
    )
    return html + "\n"


def _anchor(text: str, taken: set[str]) -> str:
    """A short id made of the text, other than those taken."""
    base = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "section"
    anchor, i = base, 2
    while anchor in taken or anchor == "content":
        anchor, i = f"{base}-{i}", i + 1
    return anchor


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dorec.explain", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda value: clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters["marked"] = inline
    return environment


@cache
def _style() -> str:
    rules, _, _ = _environment().loader.get_source(_environment(), "report.css")  # type: ignore[union-attr]
    dark = f"@media (prefers-color-scheme:dark){{@media screen{{:root{{{variables(DARK)}}}}}}}"
    return f":root{{{variables(LIGHT)}}}{dark}\n{rules}"
