"""Love plots: how far the arms differ in each covariate, before and after weighting, beside the line of likeness."""

from dorec.domain.explanation import Figure
from dorec.explain.svg.canvas import Canvas, nothing_to_draw
from dorec.explain.svg.legend import SIGN_WIDTH, dot_sign, legend
from dorec.explain.svg.rows import lay_out
from dorec.explain.svg.scales import Scale, writer, x_axis
from dorec.explain.svg.series import finite, required, words
from dorec.explain.theme import color

BEFORE, AFTER = "series-2", "accent"


def draw_love(figure: Figure, width: float) -> str:
    """The picture of a figure of kind `love`."""
    names = words(required(figure, "names"), "names")
    before = [abs(v) for v in finite(required(figure, "before"), "before", length=len(names))]
    after = [abs(v) for v in finite(required(figure, "after"), "after", length=len(names))]
    if not names:
        return nothing_to_draw(figure.title, "Nothing to draw: there are no covariates.", width)
    threshold = abs(finite([figure.data.get("threshold", 0.1)], "threshold")[0])
    canvas = Canvas(width)
    top = legend(canvas, [("before weighting", _ring), ("after weighting", dot_sign(color(AFTER)))])
    write = writer()
    told = [f"{write(b)} to {write(a)}" for b, a in zip(before, after, strict=True)]
    layout = lay_out(names, told, width, top=top + 2, mark=12, air=4)
    scale = Scale.over([0.0, *before, *after, threshold], layout.start, layout.stop)
    first = layout.rows[0].top
    below = x_axis(canvas, scale, layout.bottom + 4, figure.x_label, top=first)
    canvas.line(scale(0.0), first, scale(0.0), layout.bottom + 4, stroke="strong-line", stroke_width=1.25)
    at = scale(threshold)
    canvas.line(at, first, at, layout.bottom + 4, stroke="strong-line", stroke_dasharray="4 4")
    for name, b, a, text, row in zip(names, before, after, told, layout.rows, strict=True):
        y, tip = row.mark_y, f"{name}: {text}"
        canvas.path(f"M{scale(b):.2f} {y:.2f}H{scale(a):.2f}", stroke=color("line"), stroke_width=2, tip=tip)
        canvas.circle(scale(b), y, 4.5, fill=color("paper"), stroke=color(BEFORE), stroke_width=2, tip=tip)
        canvas.circle(scale(a), y, 5, fill=color(AFTER), tip=tip)
    layout.write(canvas)
    canvas.height = below
    return canvas.svg(figure.title, "; ".join(f"{n}: {t}" for n, t in zip(names[:30], told[:30], strict=True)))


def _ring(canvas: Canvas, x: float, y: float) -> None:
    canvas.circle(x + SIGN_WIDTH / 2, y, 4, fill=color("paper"), stroke=color(BEFORE), stroke_width=2)
