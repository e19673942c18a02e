"""Weights: where they are found, which are refused. The network: its own and TF's layout."""

import copy
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.base.errors import InputError, PipelineError
from lib.kernel.configuration.config import OFFICIAL
from lib.kernel.metrics.inception import fold_batch_norms, load_inception, read_state
from lib.kernel.metrics.inception_tf import use_tf_layout
from lib.kernel.metrics.inception_weights import find_weights
from lib.kernel.metrics.preprocess import list_preprocessings
from lib.kernel.metrics.torchvision_import import import_torchvision

pytestmark = pytest.mark.ships


CPU = torch.device("cpu")
NAME = "weights.pth"
ROOT = Path(__file__).parents[3]


def write(path, content=b"right"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The four places of a weights file whose content must be b"right", all still empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return {
        "given": tmp_path / "mine" / "other-name.pth",
        "attached": tmp_path / "input" / "a-data-set" / "deep" / NAME,
        "cache": tmp_path / "torch" / "hub" / "checkpoints" / NAME,
        "server": tmp_path / "server" / NAME,
    }


def look(places, digits=8, given=True, **more):
    sha256 = hashlib.sha256(b"right").hexdigest()[:digits]
    root = places["attached"].parents[2]
    url = places["server"].as_uri()
    return find_weights(NAME, sha256, places["given"] if given else None, root, url=url, **more)


def test_places_are_tried_in_order(places):
    for place in ("server", "cache", "attached", "given"):
        path = write(places[place])
        if place != "given":
            assert look(places, given=False) == (places["cache"] if place == "server" else path)
    assert look(places) == places["given"]


def test_download_lands_in_torchs_cache(places):
    write(places["server"])
    assert look(places, given=False) == places["cache"]
    assert places["cache"].read_bytes() == b"right"
    places["server"].unlink()
    assert look(places, given=False) == places["cache"]


def test_wrong_hash_is_named_and_passed_over(places, capsys):
    for place in ("given", "attached", "cache"):
        write(places[place], b"wrong")
    write(places["server"])
    assert look(places, digits=64) == places["cache"]
    assert places["cache"].read_bytes() == b"right"
    said = capsys.readouterr().out
    for place in ("given", "attached", "cache"):
        assert f"passed over {places[place]}" in said


def test_first_right_one_of_several_attached_is_taken_and_told(places, capsys):
    """The order is that of the paths; wrong ones before it are named, those after it not read."""
    root = places["attached"].parents[2]
    write(root / "a" / NAME, b"wrong")
    right = write(root / "b" / NAME)
    write(root / "c" / "deep" / NAME)
    write(root / "d" / NAME, b"wrong, too")
    write(places["cache"])
    assert look(places) == right
    sha256 = hashlib.sha256(b"right").hexdigest()[:8]
    wrong, told = capsys.readouterr().out.splitlines()
    assert wrong.startswith(f"weights: passed over {root / 'a' / NAME} has sha256 ")
    found = f"weights: {NAME} from data sets under {root} (sha256 {sha256} as expected)"
    assert told == f"{found}, by path the first right of 4: {right}"


def test_only_one_attached_is_told_without_its_path(places, capsys):
    write(places["attached"])
    look(places)
    assert capsys.readouterr().out.endswith("as expected)\n")


def test_missing_file_names_all_four_places_and_every_cure(places):
    write(places["given"], b"wrong")
    write(places["server"], b"also wrong")
    with pytest.raises(InputError) as error:
        look(places)
    said = str(error.value)
    for place in ("given", "cache", "server"):
        assert str(places[place]) in said
    assert str(places["attached"].parents[2]) in said
    assert "invalid hash value" in said
    for cure in ("data set", "internet", "--weights FILE", "--weights random"):
        assert cure in said


def test_no_download_where_none_is_allowed(places):
    write(places["server"])
    with pytest.raises(InputError, match="not allowed"):
        look(places, allow_download=False)
    assert not places["cache"].exists()


@pytest.fixture(scope="module")
def network():
    return load_inception(None, 3, CPU)


@pytest.fixture(scope="module")
def pictures():
    """(3, 3, 299, 299) float32 0..1: an empty picture, sparse noise, soft noise."""
    rng = np.random.default_rng(0)
    sparse = 255 * (rng.random((1, 32, 32)) < 0.1).repeat(3, axis=0)
    images = np.stack([np.zeros((3, 32, 32)), sparse, rng.integers(0, 256, (3, 32, 32))])
    way = list_preprocessings()[OFFICIAL]
    return way.scale(torch.stack([way.resize(image) for image in images.astype(np.uint8)]))


def save(network, path, **changes):
    """A network's state as a file in float16; a change of None removes the key."""
    state = {
        key: value.half() if value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }
    state = {key: value for key, value in {**state, **changes}.items() if value is not None}
    torch.save(state, path)
    return path


def test_random_weights_give_distinct_features_of_size_one(network, pictures):
    features = network(pictures)
    assert features.shape == (3, 2048)
    assert torch.isfinite(features).all()
    assert 0.1 < features.mean() < 10
    assert (torch.pdist(features) > 1).all()


def test_random_weights_depend_on_the_seed_alone(network):
    again = load_inception(None, 3, CPU).state_dict()
    for key, value in again.items():
        assert torch.equal(value, network.state_dict()[key]), key
    other = load_inception(None, 4, CPU).state_dict()
    assert not torch.equal(
        again["Mixed_7c.branch1x1.conv.weight"], other["Mixed_7c.branch1x1.conv.weight"]
    )


def test_folding_changes_no_feature(network, pictures):
    plain = network(pictures)
    folded = fold_batch_norms(copy.deepcopy(network))
    assert not [module for module in folded.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    error = (folded(pictures) - plain).double()
    assert error.square().mean().sqrt() < 3e-5 * plain.std()


def test_half_precision_file_without_the_heads_is_accepted(network, tmp_path):
    path = save(network, tmp_path / "half.pt", **{"AuxLogits.conv0.bn.bias": torch.zeros(128)})
    loaded = load_inception(path, 0, CPU)
    assert loaded.transform_input
    assert not loaded.training
    for key, value in loaded.state_dict().items():
        assert value.dtype != torch.float16
        assert torch.allclose(value, network.state_dict()[key], rtol=1e-3, atol=1e-4), key


KEY = "Mixed_5b.branch1x1.conv.weight"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({KEY: None}, f"missing.*{KEY}"),
        ({"surplus.weight": torch.zeros(1)}, "unexpected.*surplus.weight"),
        ({KEY: torch.zeros(64, 191, 1, 1)}, rf"wrong shape.*{KEY} \(64, 191, 1, 1\) instead of"),
        ({"fc.weight": torch.zeros(1008, 2048)}, "other layout.*1008 rows"),
    ],
)
def test_weights_of_another_network_are_refused(network, tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        load_inception(save(network, tmp_path / "other.pt", **changes), 0, CPU)


class Trap:
    """An object whose unpickling would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_file_that_is_no_state_dict_is_refused_and_not_executed(tmp_path):
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"model": {"a": torch.zeros(1)}}, tmp_path / "wrapped.pth")
    torch.save({"a": Trap(tmp_path / "sprung")}, tmp_path / "trap.pth")
    for name, words in (("text", "holds none"), ("wrapped", "no state dict"), ("trap", "read")):
        with pytest.raises(InputError, match=words):
            read_state(tmp_path / f"{name}.pth")
    assert not (tmp_path / "sprung").exists()


def test_tf_layout_is_torch_fidelitys_network(network, tmp_path):
    """torch-fidelity's own port, resize included, on weights of ours in its layout."""
    import_torchvision("torchvision")
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    head = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    path = tmp_path / "tf.pth"
    torch.save({**network.state_dict(), **head}, path)
    images = np.random.default_rng(1).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    oracle = FeatureExtractorInceptionV3("oracle", ["2048"], feature_extractor_weights_path=path)
    expected = oracle(torch.from_numpy(images))[0]
    way = list_preprocessings()["tf-fid"]
    assert way.tf_layout
    own = load_inception(path, 0, CPU, use_tf_layout=use_tf_layout)
    features = own(way.scale(torch.stack([way.resize(image) for image in images])))
    assert (features - expected).abs().max() < 1e-4 * expected.std()
    with pytest.raises(InputError, match="other layout"):
        load_inception(path, 0, CPU)


def test_torchvision_imports_in_a_fresh_interpreter_without_a_warning():
    """Past failure: "operator torchvision::nms does not exist" beside a CPU build of torch."""
    program = (
        "from lib.kernel.metrics.torchvision_import import import_torchvision as load;"
        "models = load('torchvision.models'); assert load('torchvision.models') is models;"
        "print(models.Inception3.__name__)"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Inception3\n", "")


def test_torchvision_that_cannot_be_imported_is_explained():
    with pytest.raises(PipelineError, match="install the torchvision release"):
        import_torchvision("torchvision.no_such_part")
