"""`sweep --delete ID`: only kernels that the sweep alone pushed, and after a question."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.commands.on_kaggle import delete_kernels as command
from lib.commands.on_kaggle.delete_kernels import delete_kernels
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.ledger import list_pending
from lib.kaggle.runs_table import fold_events
from lib.kaggle.settle import settle_pushes
from lib.kaggle.sweeps.delete_sweep import delete_swept, find_swept, list_sweeps
from lib.kaggle.sweeps.push_variants import Variant, sweep
from tests.kaggle_place import REF, Place, make_script, open_place, play_complete

OURS = [f"{REF}-pixel-lr-{number}e-4" for number in (1, 2)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        yield place


def run_sweep(place: Place, sweep_id: str, count: int = 2, more: str = "") -> None:
    variants = []
    for number in range(1, count + 1):
        text = make_script(more=f"# {number} {more}\n")
        make = partial(place.make_cargo, text, lr=number * 1e-4)
        variants.append(Variant("pixel", (f"lr={number}e-4",), make))
    sweep(place.work, place.session, place.metadata, variants, sweep_id)


def delete(place: Place, sweep_id: str) -> dict[str, str]:
    kernels = find_swept(place.work, place.session, place.metadata, sweep_id)
    return delete_swept(place.work, place.session, sweep_id, kernels)


def test_only_the_kernels_of_that_sweep_are_deleted_and_runs_stay(place: Place) -> None:
    place.push()  # the main kernel
    run_sweep(place, "aaaa0001")
    other = place.server.push("ada/of-another-project", "x")
    assert list_sweeps(place.work.read_ledger()) == {"aaaa0001": OURS}
    folders = [place.work.locate_run(ref, 1) for ref in OURS]
    assert all((folder / "a.txt").is_file() for folder in folders)
    assert delete(place, "aaaa0001") == dict.fromkeys(OURS, "deleted")
    assert sorted(place.server.versions) == sorted([REF, other.ref])
    assert all((folder / "a.txt").is_file() for folder in folders)
    statuses = {run.ref: run.status for run in fold_events(place.work.read_ledger())}
    assert statuses == {REF: "PUSHED", **dict.fromkeys(OURS, "DELETED")}
    assert delete(place, "aaaa0001") == {}


def test_a_deleted_sweep_can_be_run_again(place: Place) -> None:
    """The versions in the ledger are those of kernels that are gone."""
    run_sweep(place, "aaaa0001")
    delete(place, "aaaa0001")
    run_sweep(place, "aaaa0001")
    assert sorted(place.server.versions) == OURS
    assert place.server.count("SaveKernel") == 4
    assert delete(place, "aaaa0001") == dict.fromkeys(OURS, "deleted")


@pytest.mark.parametrize("how", ["sweep --delete", "by hand"])
@pytest.mark.parametrize("killed", [False, True])
def test_a_lost_push_after_a_deletion_is_not_made_twice(
    place: Place, how: str, killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version is 1 once more, and it was looked for only among the versions after that."""
    run_sweep(place, "aaaa0001", count=1)
    if how == "by hand":
        place.server.versions.clear()
    else:
        delete(place, "aaaa0001")
    place.server.fail("SaveKernel", reset="after")
    if killed:
        with monkeypatch.context() as patch:
            patch.setattr("lib.kaggle.client.late_effects.look_for", press)
            with pytest.raises(KeyboardInterrupt):
                run_sweep(place, "bbbb0002", count=1, more="changed")
        (intent,) = list_pending(place.work.read_ledger())
        assert intent["version"] == 1
        settle_pushes(place.work)
    run_sweep(place, "bbbb0002", count=1, more="changed")
    assert len(place.server.versions[OURS[0]]) == 1
    assert place.server.count("SaveKernel") == 2
    assert place.work.find_last_version(OURS[0]) == 1


def press(*given: object) -> None:
    """Be Ctrl-C."""
    raise KeyboardInterrupt


def test_a_kernel_that_is_gone_already_is_fine(place: Place) -> None:
    run_sweep(place, "aaaa0001")
    del place.server.versions[OURS[0]]
    kernels = find_swept(place.work, place.session, place.metadata, "aaaa0001")
    assert kernels[0].describe() == f"{OURS[0]}: gone already"
    assert delete(place, "aaaa0001") == {OURS[0]: "gone", OURS[1]: "deleted"}


def test_the_main_kernel_is_never_deleted(place: Place) -> None:
    place.work.record("push", REF, 1, sweep="aaaa0001")
    place.server.push(REF, "x")
    assert delete(place, "aaaa0001") == {REF: "it is the main kernel"}
    assert REF in place.server.versions


@pytest.mark.parametrize("foreign", ["another sweep", "a push", "elsewhere"])
def test_a_kernel_that_holds_other_versions_stays(place: Place, foreign: str) -> None:
    run_sweep(place, "aaaa0001")
    if foreign == "another sweep":
        run_sweep(place, "bbbb0002", count=1, more="changed")
    elif foreign == "a push":
        place.work.record("push", OURS[0], 2)
        place.server.push(OURS[0], "x")
    else:
        place.server.push(OURS[0], "x")
    told = {
        "another sweep": "version 2 is of sweep bbbb0002",
        "a push": "version 2 is of a push of its own",
        "elsewhere": "version 2 was not pushed from here",
    }
    assert delete(place, "aaaa0001") == {OURS[0]: told[foreign], OURS[1]: "deleted"}
    assert list(place.server.versions) == [OURS[0]]
    if foreign == "another sweep":  # the first one has given it up
        assert delete(place, "bbbb0002") == {OURS[0]: "deleted"}


def test_a_kernel_whose_versions_kaggle_does_not_name_is_not_gone(place: Place) -> None:
    """The ledger would say that it was deleted, and the next sweep would push it twice."""
    run_sweep(place, "aaaa0001", count=1)
    place.server.fail("GetKernel", code=404, times=1)
    assert delete(place, "aaaa0001") == {OURS[0]: "deleted"}
    assert place.server.versions == {}


@pytest.mark.parametrize("is_anew", [False, True], ids=["", "made anew"])
def test_a_version_that_was_saved_between_two_of_the_sweep_stays(
    place: Place, is_anew: bool
) -> None:
    """The kernel was deleted with a version 2 of Kaggle's editor, for version 3 was the sweep's."""
    if is_anew:  # the ledger's versions 1 and 2 are of a kernel that was deleted by hand
        run_sweep(place, "aaaa0001", count=1)
        run_sweep(place, "aaaa0001", count=1, more="again")
        place.server.versions.clear()
    run_sweep(place, "aaaa0001", count=1, more="changed")
    place.server.push(OURS[0], "x")
    run_sweep(place, "aaaa0001", count=1, more="once more")
    assert delete(place, "aaaa0001") == {OURS[0]: "version 2 was not pushed from here"}
    assert len(place.server.versions[OURS[0]]) == 3


@pytest.mark.parametrize("reset", ["before", "after"])
def test_an_answer_that_is_lost_leaves_nothing_undone(place: Place, reset: str) -> None:
    run_sweep(place, "aaaa0001")
    place.server.fail("DeleteKernel", reset=reset)
    ends = delete(place, "aaaa0001")
    assert set(ends) == set(OURS)
    assert place.server.versions == {}


def test_an_interrupted_delete_is_repeated(place: Place) -> None:
    run_sweep(place, "aaaa0001")
    place.server.fail("DeleteKernel", code=500, times=99, skip=1)
    with pytest.raises(KaggleError):
        delete(place, "aaaa0001")
    assert list(place.server.versions) == [OURS[1]]
    place.server.faults.clear()
    assert delete(place, "aaaa0001") == {OURS[1]: "deleted"}


def test_a_refusal_is_no_kernel_that_is_gone(place: Place) -> None:
    """Kaggle answers 403 for a kernel that does not exist, and for one that is not yours."""
    run_sweep(place, "aaaa0001")
    place.server.fail("DeleteKernel", code=403, message="Permission denied")
    with pytest.raises(KaggleError, match="Permission denied"):
        delete(place, "aaaa0001")
    assert sorted(place.server.versions) == OURS


def test_running_ones_are_named(place: Place) -> None:
    run_sweep(place, "aaaa0001")
    place.server.versions[OURS[0]][0].statuses = ["RUNNING"]
    first, second = find_swept(place.work, place.session, place.metadata, "aaaa0001")
    assert first.describe() == f"{OURS[0]} (1 version, version 1 is RUNNING)"
    assert second.describe() == f"{OURS[1]} (1 version)"


def test_an_unknown_id_names_the_known_ones(place: Place) -> None:
    run_sweep(place, "aaaa0001")
    with pytest.raises(InputError, match=r"name one of aaaa0001 \(2 kernels\)"):
        delete(place, "aaaa0009")


class Terminal:
    """A stdin at which somebody types a line."""

    def __init__(self, line: str) -> None:
        self._line = line

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._line


def test_without_a_terminal_nothing_is_deleted_but_by_yes(place: Place) -> None:
    run_sweep(place, "aaaa0001")
    with pytest.raises(InputError, match="the same with --yes"):
        delete_kernels(place.work, "aaaa0001", is_agreed=False)
    assert sorted(place.server.versions) == OURS
    answer = delete_kernels(place.work, "aaaa0001", is_agreed=True)
    assert answer.facts == {"sweep": "aaaa0001", "kernels": dict.fromkeys(OURS, "deleted")}
    assert json.loads(json.dumps(answer.facts))


@pytest.mark.parametrize("typed", ["yes\n", "no\n", "y\n", "\n", ""])
def test_on_a_terminal_yes_is_typed(
    place: Place, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sweep(place, "aaaa0001")
    monkeypatch.setattr(command.sys, "stdin", Terminal(typed))
    if typed == "yes\n":
        delete_kernels(place.work, "aaaa0001", is_agreed=False)
        assert place.server.versions == {}
    else:
        with pytest.raises(InputError, match="nothing was deleted"):
            delete_kernels(place.work, "aaaa0001", is_agreed=False)
        assert sorted(place.server.versions) == OURS


def test_a_push_that_was_cut_off_is_looked_for_first(place: Place) -> None:
    place.server.fail("SaveKernel", reset="after")
    place.server.fail("GetKernel", code=500, times=99, skip=1)
    impatient = replace(place, session=place.with_patience(attempts=1, settle_s=0.0))
    with pytest.raises(KaggleError):
        run_sweep(impatient, "aaaa0001", count=1)
    place.server.faults.clear()
    assert sorted(place.server.versions) == OURS[:1]
    with pytest.raises(InputError, match="1 kernel, with all versions, would be deleted"):
        delete_kernels(place.work, "aaaa0001", is_agreed=False)
    with pytest.raises(InputError, match=r"name one of aaaa0001 \(1 kernel\)$"):
        delete(place, "aaaa0009")
    answer = delete_kernels(place.work, "aaaa0001", is_agreed=True)
    assert answer.facts["kernels"] == {OURS[0]: "deleted"}
