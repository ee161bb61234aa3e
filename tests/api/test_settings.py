import dataclasses
import os
from pathlib import Path

import pytest

from thumbnet.api import Settings
from thumbnet.model import InvalidArgument


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()


def test_every_setting_has_a_variable() -> None:
    environment = {
        "THUMBNET_WEIGHTS": "mnist, you/birds",
        "THUMBNET_HOST": "0.0.0.0",
        "THUMBNET_PORT": "80",
        "THUMBNET_WORKERS": "3",
        "THUMBNET_THREADS": "2",
        "THUMBNET_PRECISION": "bf16",
        "THUMBNET_BATCH_SIZE": "8",
        "THUMBNET_MAX_IMAGES": "4",
        "THUMBNET_MAX_BODY_BYTES": "5000",
        "THUMBNET_QUEUE": "5",
        "THUMBNET_DEADLINE": "0.5",
        "THUMBNET_BODY_TIMEOUT": "6",
        "THUMBNET_DRAIN": "0",
        "THUMBNET_API_KEYS": "one,two",
        "THUMBNET_API_KEYS_FILE": "/run/keys",
        "THUMBNET_RATE_LIMIT": "7.5",
        "THUMBNET_TRUSTED_PROXIES": "1",
        "THUMBNET_CORS_ORIGINS": "https://example.org",
        "THUMBNET_DATA": "of another part",
    }
    assert Settings.from_environment(environment) == Settings(
        weights=("mnist", "you/birds"),
        host="0.0.0.0",
        port=80,
        workers=3,
        threads=2,
        precision="bf16",
        batch_size=8,
        max_images=4,
        max_body_bytes=5000,
        queue=5,
        deadline=0.5,
        body_timeout=6,
        drain=0,
        api_keys=("one", "two"),
        api_keys_file="/run/keys",
        rate_limit=7.5,
        trusted_proxies=1,
        cors_origins=("https://example.org",),
    )
    assert len(environment) - 1 == len(dataclasses.fields(Settings))


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
        ("DEADLINE", "soon"),
        ("DEADLINE", "0"),
        ("DEADLINE", "nan"),
        ("QUEUE", "1.5"),
        ("MAX_BODY_BYTES", "10MB"),
        ("WEIGHTS", ""),
        ("HOST", ""),
        ("PRECISION", "int8"),
    ],
)
def test_a_bad_variable_is_named_with_what_came_and_what_is_allowed(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=f"THUMBNET_{name}.* must ") as caught:
        Settings.from_environment({f"THUMBNET_{name}": value})
    assert value in str(caught.value)


def test_arguments_are_checked_too() -> None:
    with pytest.raises(InvalidArgument, match=r"port .* 1 … 65535; received 70000"):
        Settings(port=70_000)


@pytest.mark.parametrize("name", ["API_KEYS", "CORS_ORIGINS", "WEIGHTS"])
def test_a_list_of_nothing_is_refused_rather_than_empty(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"THUMBNET_{name} lists nothing; received ' ,,'"):
        Settings.from_environment({f"THUMBNET_{name}": " ,,"})


@pytest.mark.parametrize("name", ["API_KEYS", "API_KEYS_FILE"])
@pytest.mark.parametrize("value", ["", "  "])
def test_keys_that_are_set_and_empty_do_not_let_everybody_in(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=f"THUMBNET_{name} is set and empty"):
        Settings.from_environment({f"THUMBNET_{name}": value})


@pytest.mark.parametrize(
    ("name", "meant"), [("API_KEY", "API_KEYS"), ("API_KEYS_FIL", "API_KEYS_FILE"), ("RATE_LIMITS", "RATE_LIMIT")]
)
def test_a_misspelt_variable_is_refused_with_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(InvalidArgument, match=f"THUMBNET_{name} is no setting; rename it to THUMBNET_{meant} "):
        Settings.from_environment({f"THUMBNET_{name}": "x"})


def test_variables_of_other_parts_and_of_a_cluster_are_passed_over() -> None:
    others = ("DATA", "CACHE", "RATE_FILE", "DEMO_AUTH", "SCREENSHOTS", "API_PORT", "API_SERVICE_HOST")
    assert Settings.from_environment({f"THUMBNET_{name}": "x" for name in others}) == Settings()


def test_a_key_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="THUMBNET_API_KEYS must hold printable UTF-8"):
        Settings(api_keys=(os.fsdecode(b"k\xff"),)).accepted_keys()


def test_a_remark_beside_the_keys_is_none_of_them(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# of alice\nfirst\n  # of bob\nsecond#2\n")
    assert Settings(api_keys_file=str(path)).accepted_keys() == ("first", "second#2")


def test_a_key_of_a_file_that_could_not_be_sent_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("fir\tst\n")
    with pytest.raises(InvalidArgument, match=r"THUMBNET_API_KEYS_FILE '.*keys' must hold printable UTF-8"):
        Settings(api_keys_file=str(path)).accepted_keys()


def test_a_byte_order_mark_is_no_part_of_a_key(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"\xef\xbb\xbffirst\r\nsecond\n")
    assert Settings(api_keys_file=str(path)).accepted_keys() == ("first", "second")
