"""A refusal in Kaggle's words: its cure can work, and names address, number and command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.commands.offline.submission_check import check_submission
from lib.commands.on_kaggle.entry_cures import add_entry_to
from lib.commands.on_kaggle.init import INIT
from lib.commands.options import make_parser
from lib.kaggle.client.cures import find_cure
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.submit_run import submit_and_record
from tests.kaggle_place import REF, Place, make_outputs, make_script, open_place
from tests.kaggle_state import COMPETITION, Version

PAGE = f"https://www.kaggle.com/competitions/{COMPETITION}"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    def play(version: Version) -> None:
        version.statuses = ["COMPLETE"]
        bundle = version.request["text"].partition('"bundle_sha256": \'')[2][:64]
        version.outputs = make_outputs(bundle)

    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play
        yield place


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Maximum batch GPU session count of 2 reached.", "2 sessions of yours run already"),
        ("Maximum batch CPU session count of 5 reached.", "5 sessions of yours run already"),
        ("Maximum batch TPU session count of 1 reached.", "a session of yours runs already"),
        ("Maximum weekly GPU quota of 30.00 hours reached.", "--accelerator none"),
        ("Maximum weekly TPU quota of 20.00 hours reached.", "the TPU hours left"),
        ("Permission 'competitions.participate' was denied", f"join the competition at {PAGE}"),
        ("You have not joined this competition", f"join the competition at {PAGE}"),
        ("You must join the competition before submitting a notebook", "join the competition"),
        ("User is not a participant of the competition", f"join the competition at {PAGE}"),
        ("You cannot submit until you accept the competition rules", f"rules at {PAGE}/rules"),
        ("You must accept this competition's rules before you'll be able", f"{PAGE}/rules"),
        ("The competition deadline has passed", "the competition is over"),
        ("Submissions are closed for this competition", "the competition is over"),
        ("This competition is no longer accepting submissions.", "the competition is over"),
        ("This competition only accepts Submissions from Notebooks", "submit VERSION -m TEXT --k"),
        ("Submission not allowed: This competition only accepts Submissions from Kernels.", "--k"),
        ("Submissions must be made from a notebook", "submit VERSION -m TEXT --kernel"),
        ("This competition does not accept notebook submissions", "without --kernel"),
        ("Notebook not found", "compares the owner in kernel-metadata.json with your account"),
        ("Please verify your identity", "https://www.kaggle.com/settings"),
    ],
)
def test_cure_fits_the_refusal(message: str, words: str) -> None:
    assert words in find_cure(message, 400, COMPETITION)


def test_cure_of_a_title_that_is_taken_is_a_command_that_parses() -> None:
    words = find_cure("", 409).partition("(python build.py init ")[2].partition(")")[0]
    options = make_parser(INIT).parse_args(words.split())
    assert (options.owner, options.slug) == ("NAME", "SLUG")


@pytest.mark.parametrize(
    ("cure", "told"),
    [
        ("python build.py watch a/3", "python build.py watch --entry 'm y.py' a/3"),
        ("(python build.py runs), or wait", "(python build.py runs --entry 'm y.py'), or wait"),
        ("python build.py watch 3 --entry 'm y.py'", "python build.py watch 3 --entry 'm y.py'"),
        (
            "python build.py fetch\nor python build.py runs --entry x.py",
            "python build.py fetch --entry 'm y.py'\nor python build.py runs --entry x.py",
        ),
        ("python build.py new NAME", "python build.py new NAME"),
        ("python build.py pushes", "python build.py pushes"),
        ("", ""),
    ],
)
def test_commands_of_a_cure_name_the_entry_once(cure: str, told: str) -> None:
    assert add_entry_to(cure, "m y.py") == told
    assert add_entry_to(told, "m y.py") == told
    assert add_entry_to(cure, None) == cure


def test_used_up_quota_does_not_leave_the_shape_of_a_gpu() -> None:
    """enable_gpu false alone changes nothing, for the machine_shape counts."""
    assert "enable_gpu" not in find_cure("Maximum weekly GPU quota of 30.00 hours reached.")


@pytest.mark.parametrize(
    ("name", "message", "words"),
    [
        (
            "CreateSubmission",
            "This competition only accepts Submissions from Notebooks",
            "--kernel",
        ),
        ("ListSubmissions", "You have not joined this competition", f"competition at {PAGE} "),
        ("StartSubmissionUpload", "The deadline of this competition has passed", f"at {PAGE}"),
    ],
)
def test_refused_submission_names_the_competition(
    place: Place, name: str, message: str, words: str
) -> None:
    place.push(make_script())
    place.server.fail(name, code=400, message=message, times=9)
    with pytest.raises(KaggleError) as caught:
        submit_and_record(place.work, place.session, REF, 1, "text", False, check_submission)
    assert words in caught.value.cure
    assert place.server.submissions == []


def test_no_address_is_made_up_where_the_competition_is_not_known() -> None:
    cure = find_cure("You must accept this competition's rules", 400)
    assert "https://www.kaggle.com/competitions/SLUG/rules" in cure


def test_refused_push_within_a_good_answer_names_the_competition(place: Place) -> None:
    place.server.fail("SaveKernel", answer={"error": "You must accept this competition's rules"})
    with pytest.raises(KaggleError) as caught:
        place.push(make_script())
    assert f"accept the rules at {PAGE}/rules" in caught.value.cure


def test_refusal_within_a_good_answer_names_the_competition_too(place: Place) -> None:
    place.push(make_script())
    place.server.fail("CreateSubmission", answer={"message": "You have not joined"}, times=9)
    with pytest.raises(KaggleError) as caught:
        submit_and_record(place.work, place.session, REF, 1, "text", False, check_submission)
    assert PAGE in caught.value.cure
