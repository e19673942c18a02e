"""The data set on disk: its files, its resumption, its workers, and what it must not import."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.base.errors import InputError, PipelineError
from lib.base.process_pool import choose_workers, map_in_order
from lib.kernel.competition.gan_challenge.dataset import decode_dataset
from lib.kernel.configuration.config import OFFICIAL
from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_demo_shards, write_shards

pytestmark = pytest.mark.ships


ROOT = Path(__file__).parents[4]
FILES = {"clean_images_v1_uint8.npy", "ids.txt", "rejects.csv", "contact_sheet.png", "decode.json"}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("input")
    write_demo_shards(folder, records=600, seed=3)
    return folder


@pytest.fixture(scope="module")
def target(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("output")
    decode_dataset(source, folder)
    return folder


def test_the_files_agree_with_each_other(source, target):
    decoded = decode_dataset(source, target)
    assert {path.name for path in target.iterdir()} == FILES
    images = np.load(target / "clean_images_v1_uint8.npy")
    assert images.shape == (decoded.kept, 3, 32, 32)
    assert images.dtype == np.uint8
    assert np.array_equal(images, decoded.load_images())
    ids = (target / "ids.txt").read_text().splitlines()
    assert len(ids) == decoded.kept
    assert ids == sorted(ids)  # file order
    with (target / "rejects.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["file", "line", "id", "reason"]
    assert len(rows) - 1 == sum(decoded.rejected.values()) == 600 - decoded.kept
    assert decoded.grey
    sheet = Image.open(target / "contact_sheet.png")
    assert sheet.size == (16 * 66 + 2, 8 * 66 + 2)
    corner = np.asarray(sheet.convert("L"))[2:66:2, 2:66:2]
    assert np.array_equal(corner, images[0, 0])
    summary = json.loads((target / "decode.json").read_bytes())
    assert summary["policy"] == OFFICIAL
    assert summary["kept"] == decoded.kept


def test_a_finished_data_set_is_verified_and_left_alone(source, target, capsys):
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    again = decode_dataset(source, target)
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == before
    assert "verified" in capsys.readouterr().out
    assert list(again.rejected.values()) == sorted(again.rejected.values(), reverse=True)


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("damage", ["absent", "changed"])
def test_whatever_is_damaged_is_made_anew(source, target, tmp_path, name, damage):
    for path in target.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    whole = (target / name).read_bytes()
    if damage == "absent":
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(whole[:-20] + bytes(20))
    decode_dataset(source, tmp_path)
    if name != "decode.json":
        assert (tmp_path / name).read_bytes() == whole
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_other_data_or_another_policy_are_decoded_anew(source, tmp_path):
    host = decode_dataset(source, tmp_path)
    second = decode_dataset(source, tmp_path, "second-seed")
    assert second.policy == "second-seed"
    assert second.data_sha256 == host.data_sha256
    assert second.rejected != host.rejected
    copy = tmp_path / "more"
    write_demo_shards(copy, records=30, seed=4)
    assert decode_dataset(copy, tmp_path).kept <= 30


def test_colour_is_told_from_grey(tmp_path):
    write_shards(look_alike(20, 0), tmp_path / "in", 0, chaos=0)
    assert decode_dataset(tmp_path / "in", tmp_path / "out").grey
    line = (tmp_path / "in/shard_00/data.jsonl").read_bytes().splitlines()[0]
    record = json.loads(line)
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[5, 5, 2] = 1
    Image.fromarray(picture).save(tmp_path / "blue.png")
    record = {"id": "blue", "img64": _base64(tmp_path / "blue.png")}
    with (tmp_path / "in/shard_00/data.jsonl").open("a") as file:
        file.write(json.dumps(record))
    decoded = decode_dataset(tmp_path / "in", tmp_path / "out")
    assert not decoded.grey
    assert decoded.kept == 21
    assert decoded.load_images()[20, :, 5, 5].tolist() == [0, 0, 1]


def _base64(path: Path) -> str:
    import base64

    return base64.b64encode(path.read_bytes()).decode()


def test_no_kept_record_is_an_error_that_names_the_reasons(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/data.jsonl").write_text('{}\n{}\n{"img64": "!"}\n')
    with pytest.raises(InputError, match="2 x no image, 1 x invalid base64"):
        decode_dataset(tmp_path / "in", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["rejects.csv"]
    (tmp_path / "in/data.jsonl").write_text("")
    with pytest.raises(InputError, match="no lines"):
        decode_dataset(tmp_path / "in", tmp_path / "out")


def test_a_shard_that_breaks_off_is_one_row_of_the_rejects(source, tmp_path):
    import gzip

    whole = gzip.compress((source / "shard_00/data.jsonl").read_bytes())
    (tmp_path / "in").mkdir()
    (tmp_path / "in/data.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    decoded = decode_dataset(tmp_path / "in", tmp_path / "out")
    assert 80 < decoded.kept < 120
    assert decoded.rejected["shard breaks off: the compressed data end early"] == 1


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_files(source, target, tmp_path, workers, monkeypatch):
    monkeypatch.setattr("lib.kernel.competition.gan_challenge.dataset._LITTLE", 0)
    monkeypatch.setattr(
        "lib.kernel.competition.gan_challenge.shard_lines.BLOCK_BYTES", 20_000
    )  # about thirty records
    decode_dataset(source, tmp_path, workers=workers)
    for name in FILES - {"decode.json"}:
        assert (tmp_path / name).read_bytes() == (target / name).read_bytes(), name


def test_results_come_in_order_however_long_each_takes():
    def wait_and_square(number: int) -> int:
        if number % 5 == 0:
            sum(range(200_000))
        return number * number

    assert list(map_in_order(wait_and_square, range(40), 3)) == [n * n for n in range(40)]
    assert list(map_in_order(wait_and_square, range(4), 0)) == [0, 1, 4, 9]
    assert list(map_in_order(wait_and_square, [], 2)) == []


def test_large_items_and_results_do_not_block_each_other():
    blocks = [bytes([n]) * 3_000_000 for n in range(6)]
    assert list(map_in_order(lambda block: block + block[:1], blocks, 2)) == [
        block + block[:1] for block in blocks
    ]


def test_errors_and_deaths_of_workers_are_raised_here():
    def fail(number: int) -> int:
        if number == 3:
            raise InputError("stage", "wrong", cure="mend it")
        return 1 // (number - 5)

    with pytest.raises(InputError, match="cure: mend it"):
        list(map_in_order(fail, [3], 1))
    with pytest.raises(PipelineError, match="ZeroDivisionError"):
        list(map_in_order(fail, [5], 1))
    with pytest.raises(PipelineError, match="got exit code -9"):
        list(map_in_order(lambda _: os.kill(os.getpid(), signal.SIGKILL), [1], 2))


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    code = """
import os, sys, time
from lib.base.process_pool import map_in_order
def tell(number):
    os.write(1, b"%d " % os.getpid())  # at once, where print may mix the lines of two processes
    return number
results = map_in_order(tell, range(2), 2)
list(next(results) for _ in range(2))
os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, timeout=60, check=False
    )  # returns only once every child has closed the pipe, too
    assert done.returncode == -signal.SIGKILL
    assert len(set(done.stdout.split())) == 2


def test_the_number_of_workers_has_a_reason(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: False)
    for cores, expected in ((1, (0, "one core")), (3, (3, "3 cores")), (64, (8, "64 cores"))):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        assert choose_workers(None) == expected
        assert choose_workers(5) == (5, "as asked for")
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    count, reason = choose_workers(None)
    assert (count, reason.split(",")[0]) == (0, "CUDA is in use")


def test_decoding_imports_no_torch_pandas_or_scipy(source, tmp_path):
    code = f"""
import sys
from build import main
code = main(["decode", "--input", {str(source)!r}, "--output", {str(tmp_path)!r}])
heavy = {{"torch", "torchvision", "pandas", "scipy"}} & set(sys.modules)
print(heavy or "light")
sys.exit(code)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "light"
    assert "truncated image" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_decoding_works_in_worker_processes_of_a_plain_script(source, tmp_path):
    """As in a bundle or a notebook's cell: __main__ is nothing that a child could import."""
    code = f"""
import threading, time
from pathlib import Path
import lib.kernel.competition.gan_challenge.dataset as dataset
dataset._LITTLE = 0
threading.Thread(target=time.sleep, args=(30,), daemon=True).start()  # Python 3.12 warns of these
print(dataset.decode_dataset(Path({str(source)!r}), Path({str(tmp_path)!r}), workers=2).kept)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-"],
        input=code,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "in 2 worker processes" in done.stdout
