"""Shapes that are retired, unknown, for others or contradicted are told before a push."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.commands.on_kaggle.push import PUSH, describe_quota
from lib.commands.options import make_parser
from lib.kaggle.machine_shapes import (
    SHAPES,
    choose_timeout,
    describe_shape,
    name_nearest,
    warn_of_flags,
    warn_of_shape,
)
from lib.kaggle.metadata import check_metadata
from lib.kaggle.metadata_fields import parse_metadata
from lib.kaggle.push import choose_machine, push_cargo
from tests.kaggle_place import METADATA, REF, Place, make_script, open_place, play_complete


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NvidiaTeslaT4", ""),
        ("NvidiaL4", ""),
        ("NvidiaTeslaP100", "silently runs NvidiaTeslaT4 instead"),
        ("TpuV38", "silently runs TpuV5E8 instead"),
        ("Tpu1VmV38", "silently runs TpuV5E8 instead"),
        ("TpuV232", "silently runs a CPU"),
        ("TpuV2256", "silently runs a CPU"),
        ("TpuV5E8", "without what a TPU needs"),
        ("TpuV6E8", "without what a TPU needs"),
        ("NvidiaTeslaT4Highmem", "own staff only"),
        ("nvidiateslat4", "did you mean 'NvidiaTeslaT4'"),
        ("T4", "did you mean 'NvidiaTeslaT4'"),
        ("GPU T4 x2", "did you mean 'NvidiaTeslaT4'"),
        ("L4", "did you mean 'NvidiaL4'"),
        ("NvidiaH1000", "did you mean 'NvidiaH100'"),
        ("none", ""),
        ("", ""),
    ],
)
def test_shape_is_told_for_what_it_is(name: str, words: str) -> None:
    """--accelerator once took anything without a word."""
    told = warn_of_shape(name)
    assert bool(told) == bool(words)
    assert words in told


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_shape_is_its_own_nearest_name_or_gives_way(shape: object) -> None:
    assert isinstance(shape, type(SHAPES[0]))
    kept = shape.state in ("usual", "some competitions", "tpu")
    assert name_nearest(shape.name.upper()) == (shape.name if kept else "NvidiaTeslaT4")
    assert shape.words in describe_shape(shape.name)


def test_retired_shape_warns_at_the_push_and_is_sent_all_the_same(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = choose_machine(place.metadata, "NvidiaTeslaP100")
    push_cargo(place.work, place.session, metadata, place.make_cargo())
    assert "NvidiaTeslaP100 is retired" in capsys.readouterr().out
    assert place.server.versions[REF][0].request["machineShape"] == "NvidiaTeslaP100"


@pytest.mark.parametrize(
    ("shape", "sessions", "words"),
    [
        ("NvidiaTeslaT4", 1, "at most 720 min, 40% of Kaggle's 30 GPU hours a week"),
        ("NvidiaTeslaT4", 2, "at most 900 min, 50% of Kaggle's 30 GPU hours a week"),
        ("", 2, "at most 900 min of a CPU, none of Kaggle's GPU hours"),
        ("None", 1, "at most 720 min of a CPU, none of Kaggle's GPU hours"),
        ("TpuV5E8", 1, "at most 720 min of a TPU, none of Kaggle's GPU hours"),
    ],
)
def test_only_a_gpu_takes_of_the_week_s_gpu_hours(shape: str, sessions: int, words: str) -> None:
    """A push to a CPU was once told to take a share of them."""
    assert describe_quota(900, shape, sessions) == words


def test_accelerator_none_asks_for_a_cpu(place: Place) -> None:
    """What the cure of a used-up quota says: enable_gpu alone does not do it."""
    metadata = choose_machine(place.metadata, "none")
    push_cargo(place.work, place.session, metadata, place.make_cargo())
    request = place.server.versions[REF][0].request
    assert (request["enableGpu"], request["enableTpu"]) == (False, False)
    assert "machineShape" not in request


@pytest.mark.parametrize(
    ("shape", "gpu", "tpu", "words"),
    [
        ("NvidiaTeslaT4", True, False, ""),
        ("NvidiaTeslaT4", False, False, 'set machine_shape to ""'),
        ("TpuV5E8", True, False, "enable_tpu to true"),
        ("TpuV5E8", False, True, ""),
        ("None", False, False, ""),
    ],
)
def test_flags_that_the_shape_overrules_are_told(
    shape: str, gpu: bool, tpu: bool, words: str
) -> None:
    told = warn_of_flags(shape, gpu, tpu)
    assert bool(told) == bool(words)
    assert words in told
    changes = {"machine_shape": shape, "enable_gpu": gpu, "enable_tpu": tpu}
    metadata = parse_metadata({**METADATA, **changes})
    warnings = check_metadata(metadata, Path("/nowhere"), for_push=False)
    assert (told in warnings) == bool(told)


def test_help_lists_the_shapes() -> None:
    shown = " ".join(make_parser(PUSH).format_help().split())
    for name in ("NvidiaTeslaT4 (two T4s of 16 GB)", "none for a CPU", "NvidiaL4"):
        assert name in shown


@pytest.mark.parametrize("value", ["nonsense", "", "Latest"])
def test_pinning_that_the_client_refuses_is_refused_here(value: object) -> None:
    with pytest.raises(InputError, match=r'docker_image_pinning_type.*"original" or "latest"'):
        parse_metadata({**METADATA, "docker_image_pinning_type": value})
    for good in ("original", "latest", None):
        parse_metadata({**METADATA, "docker_image_pinning_type": good})


@pytest.mark.parametrize(
    ("key", "entry", "bare"),
    [
        ("competition_sources", "c/test-gan-competition", "test-gan-competition"),
        ("competition_sources", "competitions/test-gan-competition", "test-gan-competition"),
        ("competition_sources", "https://www.kaggle.com/competitions/titanic", "titanic"),
        ("competition_sources", "/c/titanic/", "titanic"),
        ("dataset_sources", "datasets/ada/inception", "ada/inception"),
        ("kernel_sources", "/code/ada/other-kernel", "ada/other-kernel"),
        ("model_sources", "models/a/b/pytorch/c/1", "a/b/pytorch/c/1"),
    ],
)
def test_entry_with_a_prefix_names_what_to_write(key: str, entry: str, bare: str) -> None:
    """`kaggle kernels pull -m` writes c/slug, which Kaggle does not know as a source."""
    with pytest.raises(InputError) as caught:
        parse_metadata({**METADATA, key: [entry]})
    assert f'write "{bare}"' in caught.value.cure
    parse_metadata({**METADATA, key: [bare]})


@pytest.mark.parametrize(
    ("minutes", "shape", "seconds"),
    [
        (90, "NvidiaTeslaT4", 105 * 60),
        (0.5, "", 930),
        (715, "NvidiaTeslaT4", 720 * 60),
        (9999, "NvidiaTeslaT4", 720 * 60),
        (600, "TpuV5E8", 540 * 60),
    ],
)
def test_limit_is_a_quarter_of_an_hour_beyond_the_run(
    minutes: float, shape: str, seconds: int
) -> None:
    assert choose_timeout(minutes, shape) == seconds


def test_push_sends_the_limit_of_its_minutes_and_none_without(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run cannot be cancelled through the API, so nothing else ends one that hangs."""
    cargo = replace(place.make_cargo(), minutes=90)
    push_cargo(place.work, place.session, place.metadata, cargo)
    assert "Kaggle ends the run after 105 min" in capsys.readouterr().out
    cargo = place.make_cargo(make_script(more="# of a project that plans no time\n"))
    push_cargo(place.work, place.session, place.metadata, cargo)
    timed, free = (version.request for version in place.server.versions[REF])
    assert timed["sessionTimeoutSeconds"] == 105 * 60
    assert "sessionTimeoutSeconds" not in free
