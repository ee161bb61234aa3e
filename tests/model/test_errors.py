"""Errors on their way between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from thumbnet.model.errors import CorruptImage, MissingDependency, ThumbnetError, UnknownName


@pytest.mark.parametrize(
    "error", [UnknownName("label", "cta", ["cat", "dog"]), MissingDependency("torch", "train"), CorruptImage("no PNG")]
)
def test_an_error_survives_pickle_and_copy(error: ThumbnetError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
