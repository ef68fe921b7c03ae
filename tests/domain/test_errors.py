import inspect

import pytest

from dorec.domain import errors


def tree():
    return [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.DorecError)]


def test_the_drawing_in_the_docstring_shows_every_error():
    drawing = errors.__doc__ or ""
    assert [c.__name__ for c in tree() if c.__name__ not in drawing] == []


def test_every_refusal_has_a_code_of_its_own_that_the_drawing_shows():
    shares = (errors.PostTreatmentCovariate, errors.MeasuredAfterTreatment)  # their parents' codes
    refusals = [c for c in tree() if issubclass(c, errors.Refusal) and c not in shares]
    codes = [c.code for c in refusals]
    assert len(set(codes)) == len(codes)
    assert [
        code
        for c, code in zip(refusals, codes, strict=True)
        if code not in (errors.__doc__ or "") and c is not errors.Refusal
    ] == []


def test_a_refusal_says_reason_and_remedy_and_is_plain_data():
    refusal = errors.NoOverlap("no unit is comparable.", remedy="trim", evidence={"ess": 3})
    assert str(refusal) == "no_overlap: no unit is comparable. Remedy: trim."
    assert refusal.to_dict() == {
        "code": "no_overlap",
        "reason": "no unit is comparable",
        "remedy": "trim",
        "evidence": {"ess": 3},
    }


@pytest.mark.parametrize(("typed", "answer"), [("seeds", " Did you mean 'seed'?"), ("zzzzz", "")])
def test_did_you_mean(typed, answer):
    assert errors.did_you_mean(typed, ["seed", "n_folds"]) == answer
