import pytest

from dorec.domain.errors import ConfigError
from dorec.loop.study_file import StudyFile


def test_defaults_make_a_whole_study_file():
    settings = StudyFile.parse('[data]\nevents = "events.csv"')
    assert settings.seed == 0
    assert settings.recommender.k == 10
    assert settings.question.kind == "none"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[recomender]\nk = 5", ["recomender", "Did you mean 'recommender'"]),
        ("[effects]\nn_fold = 5", ["effects.n_fold", "Did you mean 'n_folds'"]),
        ("[effects]\nn_folds = 1", ["effects.n_folds", "is 1", "greater than or equal to 2"]),
        ('[question]\nkind = "magic"', ["question.kind", "'magic'", "'none', 'units' or 'campaign'"]),
        ("seed = -1", ["seed", "-1"]),
        ("seed = = 1", ["not valid TOML", "line 1"]),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(text, words):
    with pytest.raises(ConfigError) as caught:
        StudyFile.parse(text)
    assert [w for w in words if w not in str(caught.value)] == []


def test_a_folder_without_a_study_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="dorec init"):
        StudyFile.read(tmp_path)
