"""The line of visitors who want to train."""

from __future__ import annotations

import pytest

from thumbnet.demo.tabs.train import render_place
from thumbnet.demo.waiting import Line
from thumbnet.model import ThumbnetError


def test_who_comes_first_is_served_first_and_the_others_know_their_place():
    line = Line(at_once=2, waiting=3)
    ada, grace, emmy, mary = map(line.enter, ("ada", "grace", "emmy", "mary"))
    assert [line.place(turn) for turn in (ada, grace, emmy, mary)] == [0, 0, 1, 2]
    line.leave(grace)
    assert [line.place(turn) for turn in (ada, emmy, mary)] == [0, 0, 1]


def test_a_full_line_says_so():
    line = Line(at_once=1, waiting=1)
    line.enter("ada")
    line.enter("grace")
    with pytest.raises(ThumbnetError, match="1 visitor waits"):
        line.enter("emmy")


def test_a_visitor_who_starts_again_keeps_the_place_and_has_one_turn():
    line = Line(at_once=1, waiting=2)
    first = line.enter("ada")
    grace = line.enter("grace")
    again = line.enter("ada")
    assert first.over.is_set()
    assert first.replaced
    assert (line.place(again), line.place(grace)) == (0, 1)
    line.leave(first)
    assert line.place(grace) == 1
    line.leave(again)
    assert line.place(grace) == 0


def test_who_stops_ends_only_the_own_turn():
    line = Line(at_once=1, waiting=2)
    ada, grace = line.enter("ada"), line.enter("grace")
    line.end("grace")
    assert (ada.over.is_set(), grace.over.is_set(), grace.replaced) == (False, True, False)


def test_the_place_is_said_in_words():
    assert "You are next." in render_place(1)
    assert "You are number 3 in line." in render_place(3)
