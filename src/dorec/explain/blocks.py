"""The pieces of a report as data: what is said, without how it is set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from dorec.domain.errors import InputError, Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.explanation import Explanation, Figure
from dorec.domain.verdict import Verdict

Align = Literal["left", "right", "center"]


@dataclass(frozen=True)
class Text:
    r"""Paragraphs, split at blank lines, with `**bold**`, `*emphasis*`, `` `code` `` and lines that start with `- `.

    Example:
        >>> Text("Two **findings**:\\n\\n- one\\n- two").markdown.count("\\n")
        3
    """

    markdown: str


@dataclass(frozen=True)
class Note:
    """A remark in a box, for what must not be overlooked.

    Example:
        >>> Note("The log holds no clicks.", tone="warning").tone
        'warning'
    """

    markdown: str
    tone: Literal["info", "warning"] = "info"


@dataclass(frozen=True)
class Table:
    """A table of numbers, strings and Nones; numbers stand right and get separators by themselves.

    `formats` maps a column to text, number, count, compact, percent or p_value; `align` a column to left, right or
    center. Of more than `limit` rows the first are shown, and the table says so.

    Example:
        >>> Table(["arm", "users"], [["mail", 1200], ["none", 1180]], caption="Sizes").columns
        ('arm', 'users')
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""
    align: Mapping[str, Align] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    limit: int = 200

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(str(c) for c in self.columns))
        object.__setattr__(self, "rows", tuple(tuple(row) for row in self.rows))
        for i, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise InputError(
                    f"Row {i} of table {self.caption!r} has {len(row)} cells, it has {len(self.columns)} columns."
                )
        for name in (*self.align, *self.formats):
            if name not in self.columns:
                raise InputError(f"Table {self.caption!r} has no column {name!r}; it has {', '.join(self.columns)}.")


@dataclass(frozen=True)
class FigureBlock:
    """A figure, drawn for wide and for narrow screens.

    Example:
        >>> FigureBlock(Figure(kind="bars", title="Sold", data={"labels": ["tea"], "values": [3]})).figure.kind
        'bars'
    """

    figure: Figure


@dataclass(frozen=True)
class KeyFigures:
    """Tiles with a label, a value (a number or ready text) and a note.

    Example:
        >>> len(KeyFigures([("users", 1200, "with an event"), ("items", "310", "")]).tiles)
        2
    """

    tiles: Sequence[tuple[str, Any, str]]


@dataclass(frozen=True)
class EstimateTable:
    """Estimates with interval, sketch, method and n; with `truth` by name, also whether the interval covers it.

    `adjusted` holds p-values by name that were corrected for many looks.

    Example:
        >>> EstimateTable([Estimate(2.0, name="lift")], truth={"lift": 2.1}).truth
        {'lift': 2.1}
    """

    estimates: Sequence[Estimate]
    truth: Mapping[str, float] | None = None
    caption: str = ""
    level: float = 0.95
    adjusted: Mapping[str, float] | None = None


@dataclass(frozen=True)
class VerdictList:
    """What checks found.

    Example:
        >>> VerdictList([Verdict(check="overlap", status="passed", meaning="the arms overlap")]).verdicts[0].status
        'passed'
    """

    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class RefusalBlock:
    """Questions that got no number: refusals, or pairs of the question and its refusal.

    Example:
        >>> from dorec.domain.errors import OneArm
        >>> RefusalBlock([("Does it work?", OneArm("all were treated"))]).pairs[0][0]
        'Does it work?'
    """

    refusals: Sequence[Refusal | tuple[str, Refusal]]

    @property
    def pairs(self) -> list[tuple[str, Refusal]]:
        """Question (or nothing) and refusal."""
        return [("", r) if isinstance(r, Refusal) else (r[0], r[1]) for r in self.refusals]


@dataclass(frozen=True)
class AssumptionList:
    """What has to be true for the results to hold, in words.

    Example:
        >>> AssumptionList(["Nobody's purchase changes what others buy."]).assumptions[0][:6]
        'Nobody'
    """

    assumptions: Sequence[str]


@dataclass(frozen=True)
class CardItem:
    """A recommended item: what, how strongly, why; `fallback` marks one for a user of whom nothing is known.

    Example:
        >>> CardItem("Green tea", score=0.81, reason="Because you bought honey").title
        'Green tea'
    """

    title: str
    score: float | None = None
    reason: str = ""
    explanation: Explanation | None = None
    fallback: bool = False


@dataclass(frozen=True)
class Card:
    """One user's recommendations, in order.

    Example:
        >>> Card("user 7", [CardItem("Green tea")], note="bought honey and lemons").user
        'user 7'
    """

    user: str
    items: Sequence[CardItem]
    note: str = ""


@dataclass(frozen=True)
class Cards:
    """Recommendations for some users, side by side.

    Example:
        >>> len(Cards([Card("user 7", [CardItem("Green tea")])]).cards)
        1
    """

    cards: Sequence[Card]
    caption: str = ""


@dataclass(frozen=True)
class ExplanationBlock:
    """An explanation: its summary, its parts as a bar that adds up, and its figures.

    Example:
        >>> ExplanationBlock(Explanation(summary="Popular.", parts={"popular": 1.0})).explanation.summary
        'Popular.'
    """

    explanation: Explanation


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away until someone asks.

    Example:
        >>> Details("How this was computed", [Text("By AIPW.")]).summary
        'How this was computed'
    """

    summary: str
    blocks: Sequence["Block"]


Block: TypeAlias = (
    Text
    | Note
    | Table
    | FigureBlock
    | KeyFigures
    | EstimateTable
    | VerdictList
    | RefusalBlock
    | AssumptionList
    | Cards
    | ExplanationBlock
    | Details
)


@dataclass(frozen=True)
class Section:
    """A part of the report: a title, a lead in plain words, and blocks.

    Example:
        >>> Section("The data", lead="1,200 users in May.", blocks=[]).title
        'The data'
    """

    title: str
    lead: str = ""
    blocks: Sequence[Block] = ()
    anchor: str = ""


@dataclass(frozen=True)
class Report:
    """The whole page: title, facts of the run (run id, date, fingerprint, seed, version), findings, sections.

    Example:
        >>> Report("A shop in May", facts={"seed": 0}, headline=["The voucher pays."]).headline
        ['The voucher pays.']
    """

    title: str
    subtitle: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    headline: Sequence[str] = ()
    sections: Sequence[Section] = ()
