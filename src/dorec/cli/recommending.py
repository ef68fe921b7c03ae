"""`dorec recommend`: which model ranks best, and what it would show to whom."""

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from dorec.cli.graphs import Json, names_of, settings_of_options
from dorec.domain.errors import ConfigError

SPLITS = ("auto", "temporal", "leave_last_out", "random")


def recommend(
    source: Annotated[str | None, typer.Argument(help="File, folder, glob or database URL with events.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="popularity,item_knn,ease,als unless told; see --models; all for every one."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of a model or re-ranker, as --set ease.reg=100.")
    ] = None,
    search: Annotated[bool, typer.Option("--search", help="Tune each model within the training part first.")] = False,
    try_: Annotated[
        list[str] | None, typer.Option("--try", help="Values for the search, as --try 'ease.reg=[30,100,300]'.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="The column with the user; by default found by looking.")] = None,
    item: Annotated[str | None, typer.Option(help="The column with the item.")] = None,
    time: Annotated[str | None, typer.Option(help="The column with the time.")] = None,
    event: Annotated[
        str | None, typer.Option(help="The column with the kind of event: view, cart, purchase, ...")
    ] = None,
    value: Annotated[str | None, typer.Option(help="The column with the rating or amount.")] = None,
    table: Annotated[str | None, typer.Option(help="The table of a database.")] = None,
    items: Annotated[Path | None, typer.Option(help="A table of items: titles and categories.")] = None,
    item_key: Annotated[
        str | None, typer.Option(help="Its column with the item; by default named as in the events.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Its column with the title.")] = None,
    for_: Annotated[
        list[str] | None, typer.Option("--for", help="Users to recommend to, a,b,c; by default the most active.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Length of the lists.")] = 10,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="ndcg,recall,mrr,novelty,coverage unless told; the first, of accuracy, decides."),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            help="What is held out: temporal, leave_last_out or random; auto looks at times and who comes back."
        ),
    ] = "auto",
    test_fraction: Annotated[float, typer.Option(help="Share that is held out.")] = 0.2,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Items of a user's past may come again, as in groceries.")
    ] = False,
    rerank: Annotated[
        str | None, typer.Option(help="mmr, dpp, xquad, calibrated or exposure_cap: varied, balanced or fair lists.")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Column of --items that a re-ranker, diversity and entropy go by.")
    ] = None,
    curve: Annotated[bool, typer.Option("--curve", help="Fit on growing shares: would more data help?")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other draws.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Everybody's lists, as .parquet or .csv.")] = None,
    page: Annotated[Path | None, typer.Option(help="An HTML file with the comparison and the lists.")] = None,
    study: Annotated[Path | None, typer.Option(help="A study in whose ledger the comparison is kept.")] = None,
    models: Annotated[bool, typer.Option("--models", help="Say what each model is, and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Compare recommenders on what was held out, and recommend by the best, with reasons.

    Columns are found by looking at names and values; what was found is said. Every item is ranked, intervals are over
    users, differences are paired, and the split is audited for leaks.

    Examples:
      dorec recommend events.csv

      dorec recommend ratings.csv --items movies.csv --title title --for 12,40 --page movies.html

      dorec recommend events.parquet -m ease -m als -m slim --search --curve --out lists.parquet

      dorec recommend orders.csv --include-seen --items items.csv --rerank calibrated --category aisle
    """
    from dorec.cli import show
    from dorec.loop.recommend_page import write_recommend_page
    from dorec.loop.recommend_request import DEFAULT_MODELS, RecommendRequest, SplitName, models_of, settings_by_model
    from dorec.loop.recommended_lists import check_ending
    from dorec.loop.recommending import purposes, recommend_file, record, write_recommendations

    if models:
        show.print_json(purposes()) if as_json else show.purposes(purposes())
        return
    if source is None:
        raise ConfigError("recommend needs events: dorec recommend FILE. What each model is: recommend --models.")
    if split not in SPLITS:
        raise ConfigError(f"--split is {split!r}; allowed: {', '.join(SPLITS)}.")
    chosen = models_of(names_of(model or DEFAULT_MODELS))
    given = {"user_id": user, "item_id": item, "timestamp": time, "event": event, "value": value}
    request = RecommendRequest(
        source=source,
        columns={role: column for role, column in given.items() if column},
        table=table,
        items=items,
        item_key=item_key,
        title=title,
        models=chosen,
        settings=settings_by_model(settings_of_options(set_ or ()), chosen),
        tried=settings_by_model(settings_of_options(try_ or ()), chosen),
        search=search or bool(try_),
        curve=curve,
        split=cast(SplitName, split),
        test_fraction=test_fraction,
        k=k,
        metrics=names_of(metric) if metric else RecommendRequest.metrics,
        exclude_seen=not include_seen,
        users=names_of(for_ or ()),
        rerank=rerank,
        category=category,
    )
    if out is not None:
        check_ending(out)
    context = show.context(quiet=as_json).with_seed(seed)
    found = recommend_file(request, context=context)
    lists = None if out is None else write_recommendations(found, out, context=context)
    written = None if page is None else write_recommend_page(found, page)
    run_id = None if study is None else record(found, study, command=" ".join(sys.argv), seed=seed)
    if as_json:
        files = {"out": None if lists is None else str(lists), "page": None if written is None else str(written)}
        show.print_json({**found.to_dict(), "seed": seed, "run_id": run_id, **files})
    else:
        show.recommended(found, lists, written)
