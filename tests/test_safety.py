"""No file from outside is ever executed: no call that could, and real malicious files that try."""

import ast
import hashlib
import io
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lib.base.errors import InputError, PipelineError
from lib.base.tensor_files import read_state
from lib.commands.offline.submission_check import check_submission
from lib.commands.on_kaggle.runs import list_runs
from lib.kaggle.ledger import LEDGER
from lib.kaggle.workspace import Workspace
from lib.kernel.competition.images.cifar import read_cifar
from lib.kernel.competition.pixel_file import is_as_written
from lib.kernel.device.device import Device
from lib.kernel.metrics import inception
from lib.kernel.metrics.feature_cache import ChunkStore
from lib.kernel.recipes.table import make_config
from lib.kernel.sampling.pool import draw_pool
from lib.kernel.training.checkpoint import load_checkpoint
from lib.kernel.training.resume import import_state
from tests.small import as_model, build_network

ROOT = Path(__file__).parents[1]
_ALL = (*ROOT.glob("lib/**/*.py"), *ROOT.glob("kernel_template/**/*.py*"), ROOT / "build.py")
FILES = sorted(path for path in _ALL if path.suffix in (".py", ".in"))
PICKLES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle"}
# The one reader of pickles, which lets them name nothing that runs; see its docstring.
RESTRICTED = "lib/kernel/competition/images/cifar.py"
# The program's own text, which the user runs anyway.
RUNS_ITS_OWN = {"kernel_template/bundle_runtime.py.in", "kernel_template/bundle_start_module.py"}
CPU = Device(torch.device("cpu"), None, "cpu")


def list_calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """A file -> (dotted name of what is called, the call) for each call in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def find_faults(name: str, call: ast.Call) -> str:
    """(what is called, the call) -> why it may execute a file, or ""."""
    last = name.rpartition(".")[2]
    given = {each.arg: ast.unparse(each.value) for each in call.keywords}
    if name in ("eval", "exec", "__import__", "builtins.eval", "builtins.exec"):
        return f"{name} of data"
    if name.startswith("torch.") and last == "load" and given.get("weights_only") != "True":
        return "torch.load without weights_only=True"
    if given.get("allow_pickle", "False") != "False":
        return "numpy with pickles"
    if name.partition(".")[0] in PICKLES and last in ("load", "loads", "Unpickler", "open"):
        return "a pickle is read"
    if name in ("yaml.load", "yaml.unsafe_load", "pd.read_pickle", "pandas.read_pickle"):
        return f"{name} of data"
    if last in ("system", "popen") or given.get("shell", "False") != "False":
        return "a shell"
    return ""


def test_the_files_are_those_that_ship_and_that_build() -> None:
    assert len(FILES) > 250


@pytest.mark.parametrize("path", FILES, ids=[path.relative_to(ROOT).as_posix() for path in FILES])
def test_no_call_could_execute_a_file(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() in RUNS_ITS_OWN:
        return
    found = [fault for name, call in list_calls(path) if (fault := find_faults(name, call))]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "np.load(path, allow_pickle=True)",
        "pickle.loads(data)",
        "pickle.Unpickler(file).load()",
        "marshal.load(file)",
        "yaml.load(text)",
        "eval(text)",
        "exec(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_the_search_finds_what_it_is_for(line: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(line)
    assert [name for name, call in list_calls(tmp_path / "a.py") if find_faults(name, call)]


def test_only_the_restricted_reader_derives_from_a_pickles_reader() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith("Unpickler") for base in node.bases)
    }
    assert found == {RESTRICTED}


class Evil:
    """What a pickle of this does as it is read: it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self.mark}'",)


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    """The file that exists only if something malicious ran."""
    yield tmp_path / "ran"
    assert not (tmp_path / "ran").exists(), "a file was executed"


def make_evil(mark: Path, form: str) -> bytes:
    """(the mark, a form of torch's or numpy's files) -> a file that makes the mark if it runs."""
    buffer = io.BytesIO()
    if form == "zip":
        torch.save({"weight": Evil(mark)}, buffer)
    elif form == "legacy":
        torch.save({"weight": Evil(mark)}, buffer, _use_new_zipfile_serialization=False)
    elif form == "npy":
        np.save(buffer, np.array([Evil(mark)] * 3, dtype=object), allow_pickle=True)
    else:
        buffer.write(pickle.dumps(Evil(mark), int(form)))
    return buffer.getvalue()


def expect_two_lines(error: PipelineError) -> None:
    assert len(str(error).splitlines()) == 2
    assert "weights_only=False" not in str(error), "torch's advice to execute the file"


def test_such_a_file_does_run_where_a_reader_lets_it(tmp_path: Path) -> None:
    pickle.loads(make_evil(tmp_path / "proof", "2"))
    assert (tmp_path / "proof").exists()


@pytest.mark.parametrize("form", ["zip", "legacy", "0", "2", "4"])
def test_malicious_weights(form: str, mark: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(make_evil(mark, form))
    with pytest.raises(InputError) as caught:
        inception.read_state(tmp_path / "weights.pth")
    expect_two_lines(caught.value)


@pytest.mark.parametrize("form", ["zip", "legacy", "0", "2", "4"])
def test_malicious_checkpoint_and_model(form: str, mark: Path, tmp_path: Path) -> None:
    """Its sha256 is right: whoever can write the file can compute that too."""
    payload = make_evil(mark, form)
    path = tmp_path / "checkpoint_000000001.pt"
    path.write_bytes(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
    with pytest.raises(PipelineError) as caught:
        read_state(path, CPU.torch_device)
    expect_two_lines(caught.value)
    assert load_checkpoint(tmp_path, CPU.torch_device) is None


def test_malicious_state_of_an_earlier_version_is_not_taken_up(mark: Path, tmp_path: Path) -> None:
    payload = make_evil(mark, "zip")
    state = tmp_path / "input" / "version" / "state"
    (state / "r3gan").mkdir(parents=True)
    path = state / "r3gan" / "checkpoint_000000001.pt"
    path.write_bytes(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
    config = make_config("r3gan", {})
    for manifest in ([], {"config": [1]}, {"config": {"recipe": Evil.__name__}}, "eval('1')"):
        (state.parent / "run_manifest.json").write_text(json.dumps(manifest))
        recipe = as_model(path, config).recipe
        identity = {"config": json.loads(json.dumps(config.__dict__, default=str)), "state_form": 1}
        identity["data_sha256"] = "0" * 64
        assert import_state(tmp_path / "input", tmp_path / "work", recipe, identity, False) == 0.0


def test_malicious_pool_is_drawn_anew(mark: Path, tmp_path: Path) -> None:
    config = make_config("r3gan", {"width": 8})
    from lib.kernel.sampling.model_file import write_model

    path = write_model(
        tmp_path / "model.pt", build_network(config, 1).state_dict(), config, channels=1
    )
    saved = tmp_path / "pool.npy"
    saved.write_bytes(make_evil(mark, "npy"))
    pool = draw_pool(saved, as_model(path, config), 3, CPU)
    assert (pool.shape, pool.dtype) == ((3, 3, 32, 32), np.dtype("uint8"))


def test_malicious_features_are_not_taken(
    mark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    payload = make_evil(mark, "npy")
    for content in (payload, b"", b"\x93NUMPY", payload[:40]):
        path = tmp_path / "features-0000.bin"
        path.write_bytes(hashlib.sha256(content).digest() + content)
        assert ChunkStore(tmp_path, 2048).read(0, 3) is None
    assert capsys.readouterr().out.count("is damaged and not taken") == 4


def test_malicious_pixels_are_not_taken(mark: Path, tmp_path: Path) -> None:
    (tmp_path / "images.npy").write_bytes(make_evil(mark, "npy"))
    assert not is_as_written(tmp_path / "images.npy", 3, "0" * 64)


@pytest.mark.parametrize("form", ["0", "2", "4"])
def test_malicious_batch_of_cifar(form: str, mark: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_cifar(make_evil(mark, form))
    expect_two_lines(caught.value)


def test_hostile_ledger_is_read_as_data(
    mark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = f"__import__('os').system('touch {mark}')"
    fields = {"event": "push", "ref": "ada/\x1b[2Jkernel", "version": 1, "time": run}
    lines = [
        json.dumps({**fields, "recipe": "\x9b2J\u202e", "config": {"__reduce__": run}}),
        json.dumps({**fields, "version": 2, "overrides": [run, "\x1b]0;x\x07"], "config": {}}),
        '{"event": "push", "config": ' + "[" * 3000,
        f"!!python/object/apply:os.system ['touch {mark}']",
        pickle.dumps(Evil(mark), 0).decode(),
    ]
    (tmp_path / LEDGER).parent.mkdir()
    (tmp_path / LEDGER).write_text("\n".join(lines) + "\n")
    table = list_runs(Workspace(tmp_path))
    assert (table + capsys.readouterr().out).replace("\n", "").isprintable()
    assert "\\x1b[2Jkernel" in table


@pytest.mark.parametrize(
    "manifest",
    [
        "[1]",
        "[" * 3000,
        '{"config": [1]}',
        '{"config": {"competition": "__import__(\'os\')"}}',
        '{"config": {}, "artefacts": [1]}',
        '{"config": {}, "artefacts": {"submission.csv": {"a": "\\u001b[2J"}}}',
    ],
)
def test_hostile_manifest_is_refused_in_two_lines(manifest: str, tmp_path: Path) -> None:
    (tmp_path / "run_manifest.json").write_text(manifest)
    (tmp_path / "submission.csv").write_text("id\n")
    with pytest.raises(PipelineError) as caught:
        check_submission(tmp_path, None)
    assert len(str(caught.value).splitlines()) == 2
    assert str(caught.value).replace("\n", "").isprintable()
