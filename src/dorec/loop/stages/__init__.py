"""The stations of a run, in the order in which they are visited."""

from dorec.loop.stages import clean, effects, ingest, off_policy, profile, recommend
from dorec.loop.workspace import Stage

STAGES: tuple[Stage, ...] = (
    Stage(
        name="ingest",
        label="read the events",
        run=ingest.run,
        applies=ingest.applies,
        settings=("data", "columns", "source"),
        reads=("events",),
    ),
    Stage(
        name="clean",
        label="clean them",
        run=clean.run,
        applies=clean.applies,
        settings=("cleaning",),
        after=("ingest",),
    ),
    Stage(
        name="profile",
        label="profile users and items",
        run=profile.run,
        applies=profile.applies,
        after=("clean",),
    ),
    Stage(
        name="recommend",
        label="compare recommenders and recommend",
        run=recommend.run,
        applies=recommend.applies,
        settings=("recommender", "evaluation", "keys", "data"),
        after=("clean",),
        reads=("items", "users"),
    ),
    Stage(
        name="effects",
        label="what the treatment causes",
        version=4,
        run=effects.run,
        applies=effects.applies,
        settings=("question", "effects", "policy", "keys", "data"),
        after=("clean",),
        reads=("units", "treatments", "users", "items"),
    ),
    Stage(
        name="off_policy",
        label="what another policy would be worth",
        run=off_policy.run,
        applies=off_policy.applies,
        settings=("feedback", "data"),
        after=("clean",),
        reads=("feedback",),
    ),
)
