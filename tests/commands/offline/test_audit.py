"""The decode audit: one open choice at a time, its pictures and its price in FID."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import build
from lib.commands.offline.audit import Variant, decode_variants, judge, list_policies
from lib.kernel.configuration.config import OFFICIAL, Config
from lib.kernel.device.device import choose_device
from lib.kernel.metrics.features import load_extractor
from lib.synthetic.look_alike import look_alike
from lib.synthetic.shards import write_shards


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_shards(look_alike(40, seed=2), folder, seed=2)
    return folder


def test_every_open_choice_is_departed_from_once() -> None:
    policies = list_policies()
    host = policies.pop(OFFICIAL)
    single = [name for name in policies if "=" in name]
    for name in single:
        field, option = name.split("=")
        assert getattr(policies[name], field) == option != getattr(host, field)
    fields = {name.split("=")[0] for name in single}
    assert fields == {"grey16", "alpha", "alpha_frame", "order", "blank", "truncated"}
    assert set(policies) - set(single) == {"first-seed", "second-seed"}


def test_equal_policies_cost_nothing_and_others_something(shards: Path) -> None:
    host, *others = decode_variants(shards, 40)
    shapes = {variant.pixels.tobytes() for variant in (host, *others)}
    assert len(shapes) > 4  # the choices matter on such records
    pixels = host.pixels.copy()
    pixels[:3] = 255 - pixels[:3]
    config = Config(weights_file="random", weights_sha256="")
    extractor = load_extractor(config, None, choose_device())
    few = slice(0, 6)
    cut = [
        Variant(OFFICIAL, host.rows[few], host.pixels[few]),
        Variant("same", host.rows[few], host.pixels[few].copy()),
        Variant("three inverted", host.rows[few], pixels[few]),
    ]
    verdicts = judge(cut, extractor)
    assert [verdict.changed for verdict in verdicts] == [0, 0, 3]
    assert verdicts[0].fid == 0
    assert abs(verdicts[1].fid) < 1e-6 * verdicts[2].fid


def test_command_shows_sheets_and_a_table(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["audit", "--input", str(shards), "--output", str(tmp_path), "--weights", "random"]
    assert build.main([*words, "--records", "6"]) == 0
    told = capsys.readouterr().out
    facts = json.loads((tmp_path / "audit.json").read_text())
    assert facts["random_weights"] is True
    names = [row["name"] for row in facts["policies"]]
    assert names == list(list_policies())
    for name in names:
        assert name in told
    sheet = np.asarray(Image.open(tmp_path / "audit_first-seed.png"))
    assert sheet.shape[0] == 2 * 66 + 2  # host's row above, the policy's below
