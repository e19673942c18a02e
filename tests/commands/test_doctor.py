"""What `doctor` finds, one ill at a time, and the ways to sign in."""

import json
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.base.files import read_json, write_json
from lib.bundler.bundle import build_bundle, write_bundle
from lib.bundler.entry import Entry
from lib.commands.on_kaggle.doctor import DOCTOR
from lib.commands.on_kaggle.doctor_checks import Finding, examine, format_findings
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.session import open_session
from lib.kaggle.client.submissions import count_left
from lib.kaggle.fetch import fetch_version
from tests.kaggle_desk import SIGNATURE
from tests.kaggle_place import QUICK, REF, Place, open_place, play_complete
from tests.kaggle_state import COMPETITION, KEY, REFRESH_TOKEN, TOKEN


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with open_place(tmp_path, monkeypatch) as place:
        place.server.play = play_complete
        place.make_cargo()
        yield place


def find_ills(place: Place) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(place.work) if finding.cure}


def test_healthy_place_has_a_line_for_each_thing_and_no_cure(place: Place) -> None:
    findings = examine(place.work)
    assert [finding.name for finding in findings] == [
        "credentials",
        "client",
        "metadata",
        "bundle",
        "weights",
        "machine",
        "ledger",
        "kaggle",
        "gpu hours",
        "submissions",
        "push",
    ]
    assert find_ills(place) == {}
    lines = format_findings(findings).splitlines()
    assert all(line.startswith("ok  ") for line in lines)
    assert "key from kaggle.json" in lines[0]
    assert "25.0 of 30.0 h left, renewed 2030-01-05" in lines[8]
    assert "5 left today" in lines[9]
    assert f"would make {REF} version 1" in lines[10]
    assert place.server.count("SaveKernel") == 0
    assert KEY not in format_findings(findings)
    assert DOCTOR.name == "doctor"


@pytest.mark.parametrize(
    ("changes", "name", "word"),
    [
        ({"machine_shape": "NvidiaTeslaP100"}, "machine", "P100"),
        ({"enable_gpu": False}, "machine", "CPU only"),
        ({"enable_internet": False}, "weights", "internet is off"),
        ({"id": "your-kaggle-name/tiny-test-kernel"}, "metadata", "placeholder|owner"),
        ({"title": "Another Title"}, "metadata", "two kernels"),
        ({"enable_gpu": "yes"}, "metadata", "enable_gpu"),
        ({"keywords": [KEY]}, "bundle", "must not leave"),
    ],
    ids=str,
)
def test_ill_metadata_is_found(
    place: Place, changes: dict[str, object], name: str, word: str
) -> None:
    place.write_metadata(**changes)
    ills = find_ills(place)
    assert any(part in ills[name].detail for part in word.split("|"))
    assert KEY not in format_findings(examine(place.work))


def test_weights_of_another_name_must_be_attached(place: Place) -> None:
    """The kernel would die on Kaggle: it knows an address of torchvision's own file alone."""
    path = place.work.root / "build" / "manifest.json"
    path.parent.mkdir(exist_ok=True)
    write_json(path, {"config": {"weights_file": "mine.pth"}})
    (found,) = [each for each in examine(place.work) if each.name == "weights"]
    assert "mine.pth cannot be downloaded" in found.detail
    assert "dataset_sources" in found.cure


def test_attached_weights_do_without_internet(place: Place) -> None:
    place.write_metadata(enable_internet=False, dataset_sources=["ada/inception"])
    assert find_ills(place) == {}


def test_ill_bundle_is_found(place: Place) -> None:
    kernel = place.work.root / "build" / "kernel.py"
    kernel.write_text("#" * 900_001)
    assert "900,001" in find_ills(place)["bundle"].detail
    kernel.write_text(f"key = '{KEY}'")
    assert "must not leave" in find_ills(place)["bundle"].detail
    kernel.unlink()
    assert find_ills(place)["bundle"].cure == "python build.py"


def test_last_bundle_is_named_by_its_own_hash(place: Place) -> None:
    """Not by that of the file, which no other line of ours shows."""
    assert examine(place.work)[-1].detail.endswith("last bundle built here none")
    folder = place.work.root / "build"
    bundle = build_bundle(Entry("print(1)\n", "kernel.py", place.work.root))
    write_bundle(bundle.text, bundle.manifest, folder / "kernel.py", folder / "manifest.json")
    assert examine(place.work)[-1].detail.endswith(f"built here {bundle.sha256[:12]}")


def test_credentials_that_others_can_read_are_found(place: Place, tmp_path: Path) -> None:
    (tmp_path / "home" / ".kaggle" / "kaggle.json").chmod(0o644)
    assert find_ills(place)["credentials"].cure == "chmod 600 ~/.kaggle/kaggle.json"


def test_file_of_a_token_is_named_by_its_path(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`chmod 600 the file that KAGGLE_API_TOKEN names` is no command."""
    path = tmp_path / "my token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(path))
    assert find_ills(place)["credentials"].cure == f"chmod 600 '{path}'"


def test_missing_credentials_are_found_and_nothing_is_asked(place: Place, tmp_path: Path) -> None:
    (tmp_path / "home" / ".kaggle" / "kaggle.json").unlink()
    calls = len(place.server.calls)
    ills = find_ills(place)
    assert "KAGGLE_API_TOKEN" in ills["credentials"].cure
    assert "no credentials" in ills["kaggle"].detail
    assert len(place.server.calls) == calls


def test_refused_credentials_are_found(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "home" / ".kaggle" / "kaggle.json"
    path.write_text(json.dumps({"username": "ada", "key": "f" * 32}))
    assert "settings" in find_ills(place)["kaggle"].cure


@pytest.mark.parametrize(
    ("installed", "cure"),
    [
        ("1.7.4.5", "pip install kaggle==2.2.5"),
        ("2.2.3", "pip install kaggle==2.2.5"),
        ("2.2.4", ""),
        ("2.2.5", ""),
        ("2.2.10", ""),
        ("2.3.0rc1", ""),
        ("3.0", ""),
    ],
)
def test_client_is_ill_only_where_it_is_too_old(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str, cure: str
) -> None:
    """`CURE client 2.2.5, not 2.2.4` once told to go back from the newest."""
    (place.work.root / "requirements.txt").write_text("kaggle==2.2.5\n")
    folder = tmp_path / "packages" / f"kaggle-{installed}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: kaggle\nVersion: {installed}\n")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    (found,) = [finding for finding in examine(place.work) if finding.name == "client"]
    assert f"kaggle {installed}" in found.detail
    assert found.cure == cure


def test_requirements_as_windows_writes_them_are_read(place: Place) -> None:
    """`pip freeze > requirements.txt` in PowerShell writes UTF-16, and doctor died of it."""
    path = place.work.root / "requirements.txt"
    for raw in ("kaggle==9.9.9\r\n".encode("utf-16"), b"\xff\xfe\xff", b"\xe9 = 1"):
        path.write_bytes(raw)
        assert [one.name for one in examine(place.work)].count("client") == 1


@pytest.mark.parametrize("kind", ["key", "token"])
def test_owner_who_is_not_the_account_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The commonest public report: Kaggle itself only says 'Notebook not found'."""
    with open_place(tmp_path, monkeypatch, kind=kind) as place:
        place.make_cargo()
        place.write_metadata(id="Ada/tiny-test-kernel")
        assert find_ills(place) == {}
        place.write_metadata(id="alice/tiny-test-kernel")
        found = find_ills(place)["kaggle"]
        assert "of ada, who is not the kernel's owner alice" in found.detail
        assert '"ada/tiny-test-kernel", or sign in as alice' in found.cure
        with pytest.raises(KaggleError, match="Notebook not found") as caught:
            place.push()
        assert caught.value.cure == found.cure
        place.write_metadata(id="your-kaggle-name/tiny-test-kernel")
        assert find_ills(place)["kaggle"].cure == "python build.py init --owner ada"


def test_token_of_which_kaggle_tells_nothing_is_no_ill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_place(tmp_path, monkeypatch, kind="token") as place:
        place.make_cargo()
        for fault in ({"code": 404}, {"answer": {}}, {"answer": {"username": "eve"}}):
            place.server.fail("IntrospectToken", **fault)
            assert find_ills(place) == {}


def test_refusal_of_a_push_for_another_reason_keeps_its_cure(place: Place) -> None:
    place.server.fail("SaveKernel", code=400, message="Maximum weekly GPU quota reached.")
    with pytest.raises(KaggleError) as caught:
        place.push()
    assert "weekly reset" in caught.value.cure


def test_cost_of_a_run_stands_beside_the_hours_left(place: Place) -> None:
    path = place.work.root / "build" / "manifest.json"
    write_json(path, {"config": {"minutes": 90}})
    lines = {finding.name: finding for finding in examine(place.work)}
    assert "25.0 of 30.0 h left" in lines["gpu hours"].detail
    assert lines["gpu hours"].detail.endswith("the build's run takes at most 1.8 h of them")
    quota = {"timeUsed": "90000s", "totalTimeAllowed": "108000s", "timeReserved": "14400s"}
    place.server.fail("GetAcceleratorQuotaStatistics", answer={"gpuQuota": quota})
    ill = find_ills(place)["gpu hours"]
    assert "5.0 of 30.0 h left, 4.0 h of them held by runs" in ill.detail
    assert "build with fewer --minutes, or wait for the weekly reset" in ill.cure


def test_hours_of_a_tpu_are_told_for_a_tpu(place: Place) -> None:
    changes = {"machine_shape": "TpuV5E8", "enable_gpu": False, "enable_tpu": True}
    place.write_metadata(**changes)
    quota = {"timeUsed": "3600s", "totalTimeAllowed": "72000s"}
    place.server.fail("GetAcceleratorQuotaStatistics", answer={"tpuQuota": quota})
    lines = {finding.name: finding.detail for finding in examine(place.work)}
    assert lines["tpu hours"].startswith("19.0 of 20.0 h left")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"machine_shape": "TpuV38", "enable_gpu": False, "enable_tpu": True}, "is retired"),
        ({"machine_shape": "GPU T4 x2"}, "is not known here"),
        ({"machine_shape": "NvidiaTeslaT4Highmem"}, "own staff only"),
        ({"enable_gpu": False}, "CPU only by enable_gpu, but machine_shape NvidiaTeslaT4 counts"),
        ({"enable_gpu": False, "machine_shape": "None"}, "CPU only"),
    ],
    ids=str,
)
def test_machine_that_the_run_would_not_get_is_found(
    place: Place, changes: dict[str, object], words: str
) -> None:
    place.write_metadata(**changes)
    found = find_ills(place)
    assert words in found["machine"].detail
    assert found.keys() == {"machine"}, "one ill, told once"


def test_secrets_that_a_push_detaches_are_told_where_they_are_used(place: Place) -> None:
    kernel = place.work.root / "build" / "kernel.py"
    kernel.write_text("from kaggle_secrets import UserSecretsClient\n")
    found = find_ills(place)["secrets"]
    assert "a push detaches them all" in found.detail
    assert "editor" in found.cure


def test_used_up_hours_and_submissions_are_found(place: Place) -> None:
    quota = {"timeUsed": "108000s", "totalTimeAllowed": "108000s"}
    place.server.fail("GetAcceleratorQuotaStatistics", answer={"gpuQuota": quota})
    place.server.daily_limit = 0
    ills = find_ills(place)
    assert "weekly reset" in ills["gpu hours"].cure
    assert "midnight UTC" in ills["submissions"].cure


@pytest.mark.parametrize("fault", [{"code": 404}, {"answer": {}}])
def test_hours_that_kaggle_does_not_tell_are_no_ill(place: Place, fault: dict[str, object]) -> None:
    place.server.fail("GetAcceleratorQuotaStatistics", **fault)
    assert find_ills(place) == {}


@pytest.mark.parametrize("hours", [-24, 1])
def test_oauth_login_signs_in_and_is_renewed_when_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    with open_place(tmp_path, monkeypatch) as place:
        folder = tmp_path / "home" / ".kaggle"
        (folder / "kaggle.json").unlink()
        end = datetime.now(UTC) + timedelta(hours=hours)
        login = {
            "refresh_token": REFRESH_TOKEN,
            "access_token": TOKEN if hours > 0 else "KGAT_old",
            "access_token_expiration": end.isoformat(),
            "username": "ada",
        }
        (folder / "credentials.json").write_text(json.dumps(login))
        with open_session(QUICK) as session:
            assert count_left(session, COMPETITION) == 5
            assert REFRESH_TOKEN in session.secrets
            assert TOKEN in session.secrets
        assert place.server.count("GenerateAccessToken") == (hours < 0)


def test_traceback_of_a_failed_download_shows_no_signed_address(place: Place) -> None:
    place.server.push(REF, "x")
    place.server.fail("GET file", code=403, times=99)
    with pytest.raises(KaggleError) as caught:
        fetch_version(place.session, REF, 1, place.work.locate_run(REF, 1))
    assert SIGNATURE not in "".join(traceback.format_exception(caught.value))


def test_a_smoke_test_is_called_one(place: Place) -> None:
    """A kernel of random weights is built for trials; a bare push of it would waste hours."""
    manifest = place.work.root / "build" / "manifest.json"
    built = read_json(manifest) or {}
    write_json(manifest, {**built, "config": {"weights_file": "random"}})
    found = find_ills(place)["bundle"]
    assert "RANDOM WEIGHTS" in found.detail
    assert "without --weights random" in found.cure


def test_project_of_another_program_has_no_weights_and_may_need_no_gpu(place: Place) -> None:
    """What only this repository's kernel needs is no ill of others; each cure names --entry."""
    place.write_metadata(enable_gpu=False, machine_shape="", enable_internet=False)
    work = replace(place.work, entry="pro ject/main.py", competition=COMPETITION)
    lines = {finding.name: finding for finding in examine(work)}
    assert "weights" not in lines
    assert [name for name, finding in lines.items() if finding.cure] == []
    assert lines["machine"].detail == "CPU only"
    write_json(place.work.root / "build" / "kernel.manifest.json", {"sha256": "c0ffee" * 9})
    assert examine(work)[-1].detail.endswith("last bundle built here c0ffeec0ffee")
    (place.work.root / "build" / "kernel.py").unlink()
    place.write_metadata(id="your-kaggle-name/tiny-test-kernel")
    cures = {finding.name: finding.cure for finding in examine(work) if finding.cure}
    entry = "--entry 'pro ject/main.py'"
    assert cures["bundle"] == f"python build.py push {entry}"
    assert cures["metadata"].startswith(f"python build.py init --owner NAME {entry}")
    assert cures["kaggle"] == f"python build.py init --owner ada {entry}"


@pytest.mark.parametrize("config", [5, [], "x", None, {"minutes": "x"}, {"weights_file": 5}])
def test_manifest_of_wrong_types_is_no_crash(place: Place, config: object) -> None:
    write_json(place.work.root / "build" / "manifest.json", {"config": config, "sha256": 7})
    assert len(examine(place.work)) == 11
