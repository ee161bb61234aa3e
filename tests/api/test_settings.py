import dataclasses

import pytest

from thumbnet.api import Settings
from thumbnet.model import InvalidArgument


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()


def test_every_setting_has_a_variable() -> None:
    environment = {
        "THUMBNET_WEIGHTS": "mnist",
        "THUMBNET_HOST": "0.0.0.0",
        "THUMBNET_PORT": "80",
        "THUMBNET_WORKERS": "3",
        "THUMBNET_THREADS": "2",
        "THUMBNET_MAX_IMAGES": "4",
        "THUMBNET_MAX_BODY_BYTES": "5000",
        "THUMBNET_DATA": "of another part",
    }
    settings = Settings.from_environment(environment)
    assert dataclasses.astuple(settings) == ("mnist", "0.0.0.0", 80, 3, 2, 4, 5000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", ""),
        ("WORKERS", "0"),
        ("WORKERS", "two"),
        ("THREADS", "1.5"),
        ("MAX_IMAGES", "0"),
        ("MAX_BODY_BYTES", "10MB"),
        ("WEIGHTS", ""),
        ("HOST", ""),
    ],
)
def test_a_bad_variable_is_named_with_what_came_and_what_is_allowed(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=f"THUMBNET_{name}.* must ") as caught:
        Settings.from_environment({f"THUMBNET_{name}": value})
    assert value in str(caught.value)


def test_arguments_are_checked_too() -> None:
    with pytest.raises(InvalidArgument, match=r"port .* 1 … 65535; received 70000"):
        Settings(port=70_000)
