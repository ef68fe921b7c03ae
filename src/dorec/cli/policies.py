"""`dorec evaluate`, `dorec experiment`, `dorec decisions`: what a change promises, what came of it, and the record."""

from pathlib import Path
from typing import Annotated

import typer

from dorec.cli.graphs import Json, names_of
from dorec.domain.errors import ConfigError

Page = Annotated[Path | None, typer.Option(help="An HTML file with the card, figures, diagnostics and the plan.")]


def evaluate(
    log: Annotated[Path, typer.Argument(help="Logged decisions, one row each: CSV, JSON lines or Parquet.")],
    action: Annotated[str, typer.Option(help="The column with what was done.")],
    reward: Annotated[str, typer.Option(help="The column with what came of it, a number.")],
    propensity: Annotated[
        str | None, typer.Option(help="The column with the probability of that action, in (0, 1].")
    ] = None,
    estimate_propensities: Annotated[
        bool,
        typer.Option(
            "--estimate-propensities", help="Estimate them from --context, where the log did not write them down."
        ),
    ] = False,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="uniform, best, popularity, policy_tree, dr_policy, poem; a column of LOG with the new choice; or a "
            "file: a probability column for each action or a column with the choice, one row for each of LOG's, one "
            "for all, or joined by columns of LOG. Give it twice to compare."
        ),
    ] = None,
    incumbent: Annotated[str, typer.Option(help="What it would replace: logged, or a policy as above.")] = "logged",
    context: Annotated[
        list[str] | None, typer.Option(help="Columns known before the decision, a,b,c: they make dr narrower.")
    ] = None,
    estimators: Annotated[
        list[str] | None, typer.Option(help="auto, or some of ips,snips,dm,dr,sndr,mrdr,switch_dr,dros,...")
    ] = None,
    segment: Annotated[str | None, typer.Option(help="A column: the gain in each of its values.")] = None,
    user: Annotated[str | None, typer.Option(help="The column with the user: one user's rows are dependent.")] = None,
    time: Annotated[str | None, typer.Option(help="The column with the time: looks for drift.")] = None,
    margin: Annotated[float, typer.Option(help="The gain per decision that is needed, as for what it costs.")] = 0.0,
    effect: Annotated[float | None, typer.Option(help="The gain that the experiment is to see.")] = None,
    per_day: Annotated[
        float | None, typer.Option("--per-day", min=1e-9, help="Decisions (with --user: users) a day, for its length.")
    ] = None,
    guardrail: Annotated[list[str] | None, typer.Option(help="A column that must not get worse.")] = None,
    max_unsupported: Annotated[
        float, typer.Option("--max-unsupported", help="Share of a policy that may lie where the log never acted.")
    ] = 0.01,
    drop_bad: Annotated[bool, typer.Option("--drop-bad", help="Leave out rows that can't be used.")] = False,
    question: Annotated[str, typer.Option(help="What the card is headed; made up if left out.")] = "",
    study: Annotated[
        Path | None, typer.Option(help="A study: its past promises calibrate this one, and the card is entered.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, for policies that learn.")] = 0,
    page: Page = None,
    as_json: Json = False,
) -> None:
    """What policies are worth that were never run, and whether one should take over: ship, don't ship, or test.

    The log should say with which probability it acted; estimates of it hold only as far as --context goes. Support,
    effective sample size, weights and propensities are checked first; the estimator with the least estimated error is
    believed; the gain over the incumbent is paired.

    Examples:
      dorec evaluate log.csv --action item --reward click --propensity p --policy new_policy.csv

      dorec evaluate log.csv --action item --reward click --propensity p --policy best --policy uniform --segment device

      dorec evaluate log.parquet --action offer --reward spend --propensity p --context age,visits --policy policy_tree
      --margin 0.05 --per-day 2000 --study shop --page card.html
    """
    from dorec.cli import decision_views, show
    from dorec.loop.bandit_log import LogColumns
    from dorec.loop.decision_page import write_evaluation_page
    from dorec.loop.evaluate_request import EvaluateRequest
    from dorec.loop.evaluating import evaluate_log
    from dorec.loop.policy_values import AUTO

    if (propensity is not None) == estimate_propensities:
        raise ConfigError(
            "Name --propensity, the column with the probability of each logged action, or, where it was not written "
            "down, --estimate-propensities with --context a,b,c: the card then says so. One of both."
        )
    chosen = names_of(estimators or ("auto",))
    columns = LogColumns(
        action=action,
        reward=reward,
        propensity=propensity,
        context=names_of(context or ()),
        user=user,
        time=time,
        drop_bad=drop_bad,
    )
    request = EvaluateRequest(
        source=log,
        columns=columns,
        policies=tuple(policy or ("best",)),
        incumbent=incumbent,
        estimators=tuple(dict.fromkeys(n for one in chosen for n in (AUTO if one == "auto" else (one,)))),
        segment=segment,
        margin=margin,
        max_unsupported=max_unsupported,
        effect=effect,
        per_day=per_day,
        guardrails=names_of(guardrail or ()),
        question=question,
        study=study,
    )
    found = evaluate_log(request, context=show.context(quiet=as_json).with_seed(seed))
    written = None if page is None else write_evaluation_page(found, page)
    if as_json:
        show.print_json({**found.to_dict(), "seed": seed, "page": None if written is None else str(written)})
    else:
        decision_views.evaluated(found, written)


def experiment(
    file: Annotated[Path | None, typer.Argument(help="A table of randomised units: CSV, JSON lines, Parquet.")] = None,
    variant: Annotated[str, typer.Option(help="The column with the arm.")] = "",
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A column, or clicks/views for a ratio; give it twice. The first decides."),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="The column that was randomised; user_id where there is one, else each row.")
    ] = None,
    covariate: Annotated[
        str | None, typer.Option(help="A column from before the experiment: narrows the interval (CUPED).")
    ] = None,
    control: Annotated[
        str | None, typer.Option(help="The arm the others are compared with; the first by name.")
    ] = None,
    expected: Annotated[
        list[str] | None, typer.Option(help="Planned share of an arm, as --expected A=0.9 --expected B=0.1.")
    ] = None,
    relative: Annotated[
        bool, typer.Option("--relative", help="Differences as a share of the control's value.")
    ] = False,
    margin: Annotated[float, typer.Option(help="The gain that is needed, as for what it costs.")] = 0.0,
    decision: Annotated[str | None, typer.Option(help="The id of a card: it is settled by this experiment.")] = None,
    arm: Annotated[str | None, typer.Option(help="Of several arms, the one that the card was about.")] = None,
    study: Annotated[Path | None, typer.Option(help="The study that holds the card.")] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Plan one instead: --effect and --baseline or --sd give its size.")
    ] = False,
    effect: Annotated[float | None, typer.Option(help="The smallest difference that must be seen.")] = None,
    baseline: Annotated[float | None, typer.Option(help="The control's share, for a proportion.")] = None,
    sd: Annotated[float | None, typer.Option(help="Standard deviation of a unit, for a mean.")] = None,
    power: Annotated[float, typer.Option(help="Probability to see that difference.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="False positives allowed, two-sided.")] = 0.05,
    share: Annotated[float, typer.Option(help="Of the units, to the treatment.")] = 0.5,
    per_day: Annotated[float | None, typer.Option("--per-day", help="Units a day, both arms together.")] = None,
    page: Page = None,
    as_json: Json = False,
) -> None:
    """Analyse an experiment, plan one, or settle a promise by one.

    The sizes of the arms are checked first: where they are not what was planned, nothing is read. Standard errors are
    those of the randomised units; several arms get bounds that hold at once.

    Examples:
      dorec experiment test.csv --variant arm --metric revenue --metric clicks/views --covariate revenue_before

      dorec experiment --plan --baseline 0.10 --effect 0.02 --per-day 700

      dorec experiment test.csv --variant arm --metric click --decision 20260301-1f0c9a --study shop
    """
    from dorec.cli import decision_views, show
    from dorec.loop.decision_page import write_experiment_page
    from dorec.loop.experimenting import ExperimentRequest, experiment_file, plan_experiment

    if plan:
        if effect is None:
            raise ConfigError("--plan needs --effect, the smallest difference that must be seen.")
        sizes = {"baseline": baseline, "sd": sd, "power": power, "alpha": alpha, "share": share, "per_day": per_day}
        made = plan_experiment(effect=effect, **sizes)  # type: ignore[arg-type]
        show.print_json(vars(made)) if as_json else decision_views.plan(made)
        return
    if file is None or not variant or not metric:
        raise ConfigError(
            "experiment needs a table, its arms and a metric: dorec experiment FILE --variant V --metric M."
        )
    request = ExperimentRequest(
        source=file,
        variant=variant,
        metrics=names_of(metric),
        unit=unit,
        covariate=covariate,
        control=control,
        relative=relative,
        expected=_shares(expected or []) or None,
        margin=margin,
        arm=arm,
        decision=decision,
        study=study,
    )
    found = experiment_file(request)
    written = None if page is None else write_experiment_page(found, page)
    if as_json:
        show.print_json({**found.to_dict(), "page": None if written is None else str(written)})
    else:
        decision_views.experimented(found, written)


def decisions(
    folder: Annotated[Path, typer.Argument(help="The study's folder.")],
    as_json: Json = False,
) -> None:
    """Promises, what was measured, and how far they were off. Rows are compared with their hashes first.

    Examples:
      dorec decisions shop
    """
    from dorec.cli import decision_views, show
    from dorec.store import StudyFolder

    kept = StudyFolder.open(folder).decisions
    record, rows = kept.record(), kept.verify()
    if not as_json:
        decision_views.decisions(record, rows)
        return
    entries = [
        {"decision": one.to_dict(), "settlement": None if end is None else end.to_dict()} for one, end in record.entries
    ]
    show.print_json({"decisions": entries, "track_record": str(record), "rows_verified": rows})


def _shares(lines: list[str]) -> dict[str, float]:
    found = {}
    for line in lines:
        name, sign, value = line.rpartition("=")
        try:
            found[name] = float(value)
        except ValueError:
            sign = ""
        if not sign or not name:
            raise ConfigError(f"--expected {line!r} is no share. Write ARM=SHARE, as --expected A=0.9.")
    return found
