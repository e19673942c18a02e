"""A push as the user sees it: every answer checked, recorded, and told with a cure."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lib.base.errors import InputError, PipelineError
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.git_state import GitState, read_git_state
from lib.kaggle.metadata import check_metadata
from lib.kaggle.push import check_clean, choose_machine, push_cargo
from lib.kaggle.push_variants import Variant, name_variant, sweep
from lib.kaggle.runs_table import fold_events
from tests.kaggle_place import REF, Place, make_script, open_place, play_complete
from tests.kaggle_state import Version


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


def test_push_sends_what_the_metadata_says_and_records_it(place: Place) -> None:
    place.write_metadata(dataset_sources=["ada/inception"], enable_internet=False, id_no=12)
    pushed = place.push(lr=1e-4)
    (body,) = (body for name, body in place.server.calls if name == "SaveKernel")
    expected = {
        "id": 12,
        "slug": REF,
        "newTitle": "Tiny Test Kernel",
        "text": make_script(),
        "language": "python",
        "kernelType": "script",
        "isPrivate": True,
        "enableGpu": True,
        "enableTpu": False,
        "enableInternet": False,
        "machineShape": "NvidiaTeslaT4",
        "competitionDataSources": ["test-gan-competition"],
        "datasetDataSources": ["ada/inception"],
    }
    assert body == expected
    assert (pushed.ref, pushed.version) == (REF, 1)
    intent, event = place.work.read_ledger()
    assert (intent["event"], event["event"]) == ("pushing", "push")
    assert (event["ref"], event["version"], event["commit"]) == (REF, 1, "c0" * 20)
    assert event["overrides"] == ["lr=0.0001"]
    assert place.work.locate_source(event["source_sha256"]).read_text() == make_script()


@pytest.mark.parametrize(
    ("message", "cure"),
    [
        ("Maximum batch GPU session count of 2 reached.", "wait for one to end"),
        ("Maximum weekly GPU quota of 30.00 hours reached.", "weekly reset"),
        ("The kernel source must be less than 1 megabytes in size.", "fewer modules"),
        ("Something new", "doctor"),
    ],
)
@pytest.mark.parametrize("how", ["error in a 200", "HTTP 400", "HTTP 429"])
def test_refusal_names_the_cure_and_is_not_repeated(
    place: Place, message: str, cure: str, how: str
) -> None:
    if how == "error in a 200":
        place.server.fail("SaveKernel", answer={"error": message}, times=9)
    else:
        place.server.fail("SaveKernel", code=int(how[-3:]), message=message, times=9)
    with pytest.raises(KaggleError) as caught:
        place.push()
    assert message in str(caught.value)
    assert caught.value.exit_code == 1
    if how != "HTTP 429" or "reached" in message:
        assert place.server.count("SaveKernel") == 1
        assert cure in caught.value.cure
    assert fold_events(place.work.read_ledger()) == []


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("competition_sources", ["no-such-competition"]),
        ("dataset_sources", ["ada/no-such-set"]),
        ("kernel_sources", ["ada/no-such-kernel"]),
        ("model_sources", ["ada/none/pytorch/base/1"]),
    ],
)
def test_invalid_source_is_an_error_though_kaggle_took_the_push(
    place: Place, key: str, names: list[str]
) -> None:
    place.write_metadata(**{key: names})
    with pytest.raises(PipelineError) as caught:
        place.push()
    assert names[0] in str(caught.value)
    assert "stop version 1" in caught.value.cure
    run = fold_events(place.work.read_ledger())[0]
    assert (run.version, run.status) == (1, "FAULTY")


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"ref": "/code/ada/other-slug", "versionNumber": 1}, "slug drift"),
        ({"ref": "/code/bob/tiny-test-kernel", "versionNumber": 1}, "slug drift"),
        (
            {"ref": "/code/ada/tiny-test-kernel", "versionNumber": 3, "invalidTags": ["x"]},
            "tags",
        ),
    ],
)
def test_answer_that_names_another_run_is_an_error(
    place: Place, answer: dict[str, object], word: str
) -> None:
    place.server.fail("SaveKernel", answer={"url": "https://www.kaggle.com/x", **answer})
    with pytest.raises(PipelineError, match=word):
        place.push()


def test_ref_in_another_form_is_the_same_kernel(place: Place) -> None:
    answer = {"ref": "Ada/tiny-test-kernel", "url": "u", "versionNumber": 4}
    place.server.fail("SaveKernel", answer=answer)
    assert place.push().version == 4
    assert place.work.choose_version(None) == (REF, 4)


def test_dirty_tree_is_refused_unless_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    dirty = GitState("c" * 40, ("lib/kernel/metrics/fid.py",))
    with pytest.raises(InputError, match="--allow-dirty"):
        check_clean(dirty, allow_dirty=False)
    check_clean(dirty, allow_dirty=True)
    assert "lib/kernel/metrics/fid.py" in capsys.readouterr().out
    check_clean(GitState("unknown", ()), allow_dirty=False)


def test_git_state_sees_commit_changes_and_strangers(tmp_path: Path) -> None:
    import subprocess

    assert read_git_state(tmp_path) == GitState("unknown", ())
    (tmp_path / "lib" / "kernel").mkdir(parents=True)
    source = tmp_path / "lib" / "kernel" / "a.py"
    source.write_text("1")
    (tmp_path / "notes.txt").write_text("beside the build")
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "lib"], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    clean = read_git_state(tmp_path)
    assert len(clean.commit) == 40
    assert clean.changed == ()
    source.write_text("2")
    (tmp_path / "lib" / "kernel" / "b.py").write_text("3")
    assert read_git_state(tmp_path).changed == ("lib/kernel/a.py", "lib/kernel/b.py")


def test_accelerator_holds_for_one_push(place: Place) -> None:
    metadata = choose_machine(place.metadata, "NvidiaL4")
    push_cargo(place.work, place.session, metadata, place.make_cargo())
    assert place.server.versions[REF][0].request["machineShape"] == "NvidiaL4"
    tpu = choose_machine(place.metadata, "TpuV38")
    assert (tpu.enable_gpu, tpu.enable_tpu) == (False, True)
    assert choose_machine(place.metadata, None) == place.metadata


def make_variants(place: Place, count: int) -> list[Variant]:
    def make(number: int) -> Variant:
        text = make_script(more=f"# {number}\n")
        return Variant("pixel", (f"lr={number}e-4",), lambda: place.make_cargo(text, lr=number))

    return [make(number) for number in range(1, count + 1)]


def test_sweep_runs_two_at_a_time_under_slugs_of_their_own(place: Place) -> None:
    most = 0

    def play(version: Version) -> None:
        nonlocal most
        version.statuses = ["RUNNING", "RUNNING", "COMPLETE"]
        running = [v for versions in place.server.versions.values() for v in versions]
        most = max(most, sum(not v.is_over for v in running))

    place.server.play = play
    failures = sweep(place.work, place.session, place.metadata, make_variants(place, 4))
    assert len(failures) == 4, "no run left a manifest"
    assert all("run_manifest" in failure for failure in failures)
    assert sorted(place.server.versions) == [
        f"{REF}-pixel-lr-{number}e-4" for number in range(1, 5)
    ]
    assert most == 2
    assert place.server.count("SaveKernel") == 4, "a third push at once would have been refused"
    assert {run.status for run in fold_events(place.work.read_ledger())} == {"COMPLETE"}


def test_sweep_waits_while_kaggle_has_no_free_session(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [place.server.push(f"ada/other-{number}", "x") for number in range(2)]
    for other in others:
        other.statuses = ["RUNNING"]
    message = "Maximum batch GPU session count of 2 reached."
    place.server.fail("SaveKernel", code=400, message=message, times=3)

    def play(version: Version) -> None:
        play_complete(version)

    others[0].statuses = ["COMPLETE"]
    place.server.play = play
    sweep(place.work, place.session, place.metadata, make_variants(place, 1))
    assert place.server.count("SaveKernel") == 4
    assert capsys.readouterr().out.count("waits: ") == 1, "it is not said at every poll"


def test_sweep_again_pushes_nothing_twice(place: Place) -> None:
    sweep(place.work, place.session, place.metadata, make_variants(place, 2))
    sweep(place.work, place.session, place.metadata, make_variants(place, 3))
    assert place.server.count("SaveKernel") == 3


@pytest.mark.parametrize("overrides", [("lr=1e-4",), ("lr=1e-4", "width=128", "depth=8" * 9)])
def test_variant_has_a_valid_name_of_its_own(place: Place, overrides: tuple[str, ...]) -> None:
    named = name_variant(place.metadata, Variant("first-seed", overrides, place.make_cargo))
    assert check_metadata(named, place.work.root, for_push=False) == []
    assert named.slug.startswith("tiny-test-kernel-")
    assert len(named.title) <= 50
    other = name_variant(place.metadata, Variant("first-seed", (*overrides, "x"), place.make_cargo))
    assert other.slug != named.slug
    assert replace(named, slug="", title="", id_no=None) == replace(
        place.metadata, slug="", title="", id_no=None
    )
