from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from dorec.explain.markdown import inline, to_html, to_plain

ALLOWED = {"p", "ul", "li", "strong", "em", "code"}


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        assert attrs == []
        self.seen.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@given(st.text("ab*`-\n<>&\" '", max_size=80))
def test_any_text_becomes_balanced_html_of_few_tags(text):
    tags = Tags()
    tags.feed(str(to_html(text)))
    tags.close()
    assert tags.open == []
    assert tags.seen <= ALLOWED


def test_marks():
    assert str(inline("**a** and *b* and `c*d*`")).startswith("<strong>a</strong> and <em>b</em>")
    assert str(inline("2 * 3 * 4")) == "2 * 3 * 4"
    assert str(to_html("a\nb\n\nc")) == "<p>a b</p><p>c</p>"
    assert to_plain("**a** `b`") == "a b"


def test_markup_of_strangers_is_text():
    assert str(inline("<script>**x**</script>")) == "&lt;script&gt;<strong>x</strong>&lt;/script&gt;"
