from hypothesis import given
from hypothesis import strategies as st

from dorec.explain.plain_text import clean, shorten, text_width, wrap

words = st.text(max_size=60)


@given(st.text())
def test_cleaned_text_can_be_encoded_and_turns_nothing(text):
    cleaned = clean(text + "\ud800\u202e\x00")
    cleaned.encode()
    assert not set(cleaned) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\x0b\x1b")


@given(words, st.floats(40, 400), st.integers(1, 4))
def test_wrapped_lines_fit(text, width, max_lines):
    lines = wrap(text, width, 13, max_lines)
    assert 1 <= len(lines) <= max_lines
    assert all(text_width(line, 13) <= width for line in lines)


@given(st.lists(st.text("abcdefg", min_size=1, max_size=5), max_size=6))
def test_wrapping_loses_no_word_that_has_room(parts):
    assert " ".join(wrap(" ".join(parts), 90, 13, 20)) == " ".join(parts)


@given(words, st.floats(30, 200))
def test_shortened_text_fits_and_starts_alike(text, width):
    short = shorten(text, width, 13)
    assert text_width(short, 13) <= width
    assert short == text or text.startswith(short[:-1])


def test_wide_scripts_take_more_room_and_marks_none():
    assert text_width("茶茶", 10) > text_width("ab", 10)
    assert text_width("e\u0301", 10) == text_width("e", 10)
