import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

from dorec.domain.errors import InputError, NoOverlap
from dorec.domain.estimate import Estimate
from dorec.domain.explanation import Explanation, Figure
from dorec.domain.verdict import Verdict
from dorec.explain import (
    AssumptionList,
    Card,
    CardItem,
    Cards,
    Details,
    EstimateTable,
    ExplanationBlock,
    FigureBlock,
    KeyFigures,
    Note,
    RefusalBlock,
    Report,
    Section,
    Table,
    Text,
    VerdictList,
    bars_figure,
    render_html,
)

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>\"' & \u202eevil\x00\ud800"
VOID = {"meta", "br", "img", "hr", "link", "input"}


class Page(HTMLParser):
    """Checks that tags nest, and collects them with their attributes and the text in view."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} closes another tag"

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def estimates():
    rows = np.random.default_rng(0).normal(size=(200, 2)) + np.array([2.0, 0.0])
    return [
        Estimate.of_mean(rows, name=("voucher", "mail"), unit="USD", method="AIPW"),
        Estimate(1.9, name="matched", no_interval="the bootstrap fails for matching"),
    ]


def full_report():
    explanation = Explanation(
        summary="Because you bought tea.", parts={"tea": 0.6, "honey": 0.3, "tired of it": -0.1}, figures=[]
    )
    blocks = [
        Text("First **words**."),
        Note("Not given at random.", tone="warning"),
        KeyFigures([("users", 1200, "with an event")]),
        Table(["arm", "users", "rate"], [["mail", 1200, 0.25]], caption="Arm sizes", formats={"rate": "percent"}),
        FigureBlock(bars_figure(["tea"], [3.0], title="Sold cups")),
        EstimateTable(estimates(), truth={"voucher": 2.0, "mail": 9.0}, caption="Effects", adjusted={"mail": 0.4}),
        VerdictList([Verdict(check="placebo", status="failed", meaning="it moved", remedy="look again", code="p1")]),
        RefusalBlock([("What of men?", NoOverlap("no men were treated", remedy="treat some"))]),
        AssumptionList(["nobody's purchase changes another's"]),
        Cards([Card("user 7", [CardItem("Green tea", 0.81, "You bought honey", explanation), CardItem("Pot")])]),
        Cards([Card("user 8", [CardItem("Cup", fallback=True)])]),
        ExplanationBlock(explanation),
        Details("More about it", [Text("folded words"), Details("Deeper", [Text("deepest words")])]),
    ]
    return Report(
        "A shop in May",
        subtitle="1,200 users",
        facts={"Run": "r1", "Seed": 0},
        headline=["It *pays*."],
        sections=[
            Section("The data", "What came in.", blocks),
            Section("The data", blocks=[]),
            Section("!", blocks=[]),
        ],
    )


def test_every_piece_is_on_the_page():
    text = Page(render_html(full_report())).text
    for words in [
        "A shop in May", "1,200 users", "r1", "It pays .", "What came in.", "First words .", "Not given at random.",
        "with an event", "Arm sizes", "25%", "Sold cups", "Effects", "voucher", "AIPW", "covered", "missed",
        "no valid interval: the bootstrap fails for matching", "0.400", "It moved. Look again.", "Failed", "p1",
        "What of men?", "No men were treated.", "Treat some.", "no_overlap", "Nobody's purchase changes another's.",
        "user 7", "Green tea", "0.81", "You bought honey.", "tired of it", "0.8", "new user", "Because you bought tea.",
        "More about it", "folded words", "deepest words",
    ]:  # fmt: skip
        assert words in text, words


def test_nothing_comes_from_outside_and_nothing_runs():
    html = render_html(full_report())
    page = Page(html)
    assert "http://" not in html
    assert "https://" not in html
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & {tag for tag, _ in page.tags}
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name in {"src", "style"}], (tag, attrs)
        assert attrs.get("href", "#").startswith("#")
    style = re.search(r"<style>(.*?)</style>", html, re.S)[1]
    assert not re.search(r"@import|url\(", style)


def test_the_content_policy_allows_just_the_style_inside():
    html = render_html(full_report())
    style = re.search(r"<style>(.*?)</style>", html, re.S)[1]
    policy = dict(Page(html).tags)["meta"] and re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy.replace("&#39;", "'")


def test_hostile_text_stays_text_wherever_it_stands():
    explanation = Explanation(summary=HOSTILE, parts={HOSTILE: 1.0})
    blocks = [
        Text(HOSTILE),
        Note(HOSTILE),
        KeyFigures([(HOSTILE, HOSTILE, HOSTILE)]),
        Table([HOSTILE], [[HOSTILE]], caption=HOSTILE),
        FigureBlock(Figure(kind="bars", title=HOSTILE, caption=HOSTILE, data={"labels": [HOSTILE], "values": [1]})),
        EstimateTable([Estimate(1.0, name=HOSTILE, method=HOSTILE, no_interval=HOSTILE)], caption=HOSTILE),
        VerdictList([Verdict(check=HOSTILE, status="passed", meaning=HOSTILE, remedy=HOSTILE, code=HOSTILE)]),
        RefusalBlock([(HOSTILE, NoOverlap(HOSTILE, remedy=HOSTILE))]),
        AssumptionList([HOSTILE]),
        Cards([Card(HOSTILE, [CardItem(HOSTILE, 1.0, HOSTILE, explanation)], HOSTILE)], HOSTILE),
        Details(HOSTILE, [ExplanationBlock(explanation)]),
    ]
    html = render_html(
        Report(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, [HOSTILE], [Section(HOSTILE, HOSTILE, blocks, HOSTILE)])
    )
    html.encode()  # no lone surrogate
    page = Page(html)
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert "\u202e" not in html
    assert "\x00" not in html
    assert page.text.count("<script>alert('x')</script>") >= 25


def test_anchors_are_unique_and_the_contents_lead_to_them():
    page = Page(render_html(full_report()))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    wanted = [attrs["href"][1:] for tag, attrs in page.tags if tag == "a"]
    assert wanted == ["content", "the-data", "the-data-2", "section"]
    assert set(wanted) <= set(ids)
    named = [i for _, attrs in page.tags for i in attrs.get("aria-labelledby", "").split()]
    assert set(named) <= set(ids)


def test_pictures_and_tables_have_names():
    page = Page(render_html(full_report()))
    drawings = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert all("aria-label" in attrs or attrs.get("aria-hidden") == "true" for attrs in drawings)
    assert sum(tag == "caption" for tag, _ in page.tags) == sum(tag == "table" for tag, _ in page.tags) == 2
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")


def test_two_equal_figures_keep_ids_apart():
    figure = bars_figure(["tea"], [3.0], title="Sold")
    html = render_html(Report("t", sections=[Section("s", blocks=[FigureBlock(figure), FigureBlock(figure)])]))
    ids = [attrs["id"] for _, attrs in Page(html).tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_empty_pieces_say_so():
    blocks = [
        Table(["a"], []), EstimateTable([]), VerdictList([]), RefusalBlock([]), AssumptionList([]), Cards([]),
        Cards([Card("u", [])]), KeyFigures([]), Text(""), ExplanationBlock(Explanation(summary="")),
    ]  # fmt: skip
    text = Page(render_html(Report("", sections=[Section("", blocks=blocks)]))).text
    for words in [
        "no rows",
        "no estimates",
        "No checks",
        "Every question got an answer",
        "None beyond",
        "Nothing is left",
    ]:
        assert words in text


def test_long_tables_show_their_first_rows_and_say_so():
    table = Table(["i"], [[i] for i in range(5000)], limit=100)
    page = Page(render_html(Report("t", sections=[Section("s", blocks=[table])])))
    assert sum(tag == "tr" for tag, _ in page.tags) == 101
    assert "The first 100 of 5,000 rows." in page.text


def test_what_is_no_block_is_refused():
    with pytest.raises(InputError, match="Got str, which is no block; allowed: Text, Note, Table"):
        render_html(Report("t", sections=[Section("s", blocks=["words"])]))  # type: ignore[list-item]


def test_the_templates_are_package_data():
    names = {file.name for file in files("dorec.explain").joinpath("templates").iterdir()}
    assert {"report.html.j2", "blocks.html.j2", "report.css"} <= names


def test_the_same_report_makes_the_same_page():
    assert render_html(full_report()) == render_html(full_report())
