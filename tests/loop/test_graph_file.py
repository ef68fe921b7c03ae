import pytest

from dorec.domain.errors import ConfigError, UnreadableSource
from dorec.loop.graph_file import parse_graph, read_graph


@pytest.mark.parametrize(
    "text", ["z -> t; z -> y; t -> y", "z --> t\nz --> y\nt ---> y", "z->t;z->y;t->y", "t <- z; y <-- z; y <- t"]
)
def test_spellings_of_one_graph(text):
    assert read_graph(text).directed == (("t", "y"), ("z", "t"), ("z", "y"))


def test_every_mark_that_discover_prints_can_be_read():
    graph = parse_graph(["a --> b", "b <-> c", "c --- d", "d o-> e", "e o-o f", "alone"])
    assert [str(e) for e in graph.edges] == ["a --> b", "b <-> c", "c --- d", "d o-> e", "e o-o f"]
    assert "alone" in graph.nodes
    again = parse_graph([str(e) for e in graph.edges])
    assert again.edges == graph.edges


def test_names_with_dashes_and_spaces_need_spaces_around_the_arrow():
    assert read_graph("n-items -> add to cart").directed == (("n-items", "add to cart"),)
    assert read_graph("photo -> zoo; foo->o").directed == (("foo", "o"), ("photo", "zoo"))


def test_comments_and_empty_lines(tmp_path):
    path = tmp_path / "graph.txt"
    path.write_text("# a shop\na -> b  # shown, then seen\n\nc\n")
    assert read_graph(str(path)).nodes == ("a", "b", "c")


@pytest.mark.parametrize(
    "text",
    ["digraph {z -> t}", "a -> b -> c", "a -> -> b", "-> b", "a ->", "a b; a -> b", "a -> b}", "a <- -> b", "a -> <b>"],
)
def test_what_is_no_edge_is_never_taken_for_a_name(text):
    with pytest.raises(ConfigError, match="is no edge"):
        read_graph(text)


def test_a_missing_file_is_named():
    with pytest.raises(UnreadableSource, match=r"nowhere\.json does not exist"):
        read_graph("nowhere.json")
