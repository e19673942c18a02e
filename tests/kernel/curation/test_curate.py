"""Curation against brute force: exact gains, never worse, distinct rows, in both regimes."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

import build
from lib.base.errors import InputError
from lib.commands import curate
from lib.commands.options import parse_and_run
from lib.kernel.curation.curate import Curation, choose_subset
from lib.kernel.curation.exchange import place_nodes
from lib.kernel.curation.spectrum import (
    cut_frame,
    decompose_subset,
    make_frame,
    open_exchange,
    score_pairs,
    score_rows,
    span_nodes,
)
from lib.kernel.metrics.fid import Statistics, features_to_statistics, frechet_distance

pytestmark = pytest.mark.ships


CPU = torch.device("cpu")
WIDTH = 64
SPECTRA = {
    "mild": np.arange(1, WIDTH + 1) ** -1.0,
    "steep": np.r_[np.full(6, 0.16), 0.01 / np.arange(1, WIDTH - 5)],
}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw(count: int, regime: str, seed: int) -> np.ndarray:
    """(N, 64) float64, non-Gaussian: every row has a scale of its own, in a random basis."""
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(np.random.default_rng(9).standard_normal((WIDTH, WIDTH)))[0]
    rows = random.standard_normal((count, WIDTH)) * np.sqrt(SPECTRA[regime])
    return (rows * np.exp(0.3 * random.standard_normal((count, 1)))) @ basis + 0.4


def exchange_by_hand(pool: np.ndarray, rows: np.ndarray, b: int, a: int) -> np.ndarray:
    return np.append(rows[rows != a], b)


@pytest.mark.parametrize("ratio", [1e-2, 1e-6, 1e-12])
def test_nodes_integrate_the_root_of_every_eigenvalue_of_the_range(ratio):
    nodes = place_nodes(ratio * 3.0, 3.0, 48, CPU)
    for value in np.geomspace(ratio * 3.0, 3.0, 7):
        for change in (0.5, -0.5):
            integrand = torch.log((value * (1 + change) + nodes.squares) / (value + nodes.squares))
            expected = math.sqrt(value * (1 + change)) - math.sqrt(value)
            got = float(integrand @ nodes.weights)
            assert got == pytest.approx(expected, rel=1e-7), (value, change)


def test_nodes_are_the_integral_over_the_half_line():
    nodes = place_nodes(0.1, 10.0, 24, CPU)
    got = float((1 / (2.0 + nodes.squares)) @ nodes.weights)
    expected = quad(lambda t: 1 / (2.0 + t * t), 0, math.inf)[0] / math.pi
    assert got == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("regime", SPECTRA)
@pytest.mark.parametrize("count", [20, 50, 100])
def test_changes_of_pairs_are_those_of_the_exact_distance(regime, count):
    pool, real = draw(160, regime, 1), features_to_statistics(draw(500, regime, 2))
    frame, rows = make_frame(pool, real, CPU), torch.arange(count)
    subset = decompose_subset(frame, rows)
    before = frechet_distance(pool[:count], real)
    assert subset.fid == pytest.approx(before, rel=1e-9)
    adds, drops = torch.tensor([count, count + 7, 159]), torch.tensor([0, 3, count - 1])
    got = score_pairs(frame, subset, adds, drops, span_nodes(frame, subset, 48))
    for i, b in enumerate(adds.tolist()):
        for j, a in enumerate(drops.tolist()):
            other = exchange_by_hand(pool, np.arange(count), b, a)
            change = frechet_distance(pool[other], real) - before
            assert float(got[i, j]) == pytest.approx(change, abs=1e-8 * before)


@pytest.mark.parametrize("regime", SPECTRA)
@pytest.mark.parametrize("count", [20, 100])
def test_a_sequence_of_exchanges_stays_exact(regime, count):
    pool, real = draw(160, regime, 3), features_to_statistics(draw(500, regime, 4))
    frame, rows = make_frame(pool, real, CPU), np.arange(count)
    subset = decompose_subset(frame, torch.from_numpy(rows))
    adds, drops = torch.arange(count, count + 40), torch.arange(15)
    exchange = open_exchange(frame, subset, adds, drops, span_nodes(frame, subset, 48))
    value = frechet_distance(pool[rows], real)
    for _ in range(10):
        change, b, a = exchange.find_best()
        exchange.swap(b, a)
        rows = exchange_by_hand(pool, rows, int(adds[b]), int(drops[a]))
        after = frechet_distance(pool[rows], real)
        assert change == pytest.approx(after - value, abs=1e-8 * value)
        value = after
    assert len(set(exchange.added)) == len(set(exchange.dropped)) == 10


def test_the_best_pair_is_the_best_of_all():
    pool, real = draw(60, "mild", 5), features_to_statistics(draw(500, "mild", 6))
    frame = make_frame(pool, real, CPU)
    subset = decompose_subset(frame, torch.arange(20))
    adds, drops = torch.arange(20, 60), torch.arange(20)
    exchange = open_exchange(frame, subset, adds, drops, span_nodes(frame, subset, 40))
    change, b, a = exchange.find_best()
    every = {
        (i, j): frechet_distance(pool[exchange_by_hand(pool, np.arange(20), i + 20, j)], real)
        for i in range(40)
        for j in range(20)
    }
    assert (b, a) == min(every, key=lambda pair: every[pair])
    assert change == pytest.approx(min(every.values()) - frechet_distance(pool[:20], real))


@pytest.mark.parametrize("count", [20, 100])
def test_single_rows_add_up_to_an_exchange_but_for_their_interaction(count):
    pool, real = draw(400, "mild", 7), features_to_statistics(draw(500, "mild", 8))
    frame = make_frame(pool, real, CPU)
    subset = decompose_subset(frame, torch.arange(count))
    nodes = span_nodes(frame, subset, 40)
    adds, drops = torch.arange(count, 400), torch.arange(count)
    pairs = score_pairs(frame, subset, adds, drops, nodes)
    alone = score_rows(frame, subset, adds, nodes, 1.0)[:, None]
    alone = alone + score_rows(frame, subset, drops, nodes, -1.0)
    agreement = np.corrcoef(pairs.flatten().numpy(), alone.flatten().numpy())[0, 1]
    assert agreement > 0.9


def test_a_cut_frame_is_the_frame_of_the_leading_directions():
    pool, real_rows = draw(80, "steep", 9), draw(500, "steep", 10)
    real = features_to_statistics(real_rows)
    vectors = np.linalg.eigh(real.covariance)[1][:, ::-1][:, :6]
    inside = features_to_statistics(real_rows @ vectors)
    cut = cut_frame(make_frame(pool, real, CPU), 6, torch.arange(80))
    got = decompose_subset(cut, torch.arange(40)).fid
    assert got == pytest.approx(frechet_distance(pool[:40] @ vectors, inside), rel=1e-9)


@pytest.mark.parametrize(
    ("regime", "count", "used", "unseen"),
    [("mild", 50, 0.40, 0.35), ("steep", 50, 0.75, 0.60), ("mild", 100, 0.35, 0.30)],
)
def test_curation_beats_the_random_draw(regime, count, used, unseen):
    pool = draw(400, regime, 11).astype(np.float32)
    sides = [features_to_statistics(draw(2000, regime, seed)) for seed in (12, 13)]
    random = np.random.default_rng(0)
    draws = [random.choice(400, count, replace=False) for _ in range(10)]
    curation = choose_subset(pool, sides[0], count, 0, rounds=6)
    check(curation, pool, sides[0], count)
    for side, gain in zip(sides, (used, unseen), strict=True):
        mean = np.mean([frechet_distance(pool[rows], side) for rows in draws])
        assert frechet_distance(pool[curation.chosen], side) < (1 - gain) * mean


def check(curation: Curation, pool: np.ndarray, real: Statistics, count: int) -> None:
    """What holds of every Curation."""
    chosen = curation.chosen
    assert chosen.dtype == np.int64
    assert chosen.shape == (count,)
    assert (np.diff(chosen) > 0).all()
    assert chosen[0] >= 0
    assert chosen[-1] < len(pool)
    assert curation.fid_after <= curation.fid_before
    assert curation.fid_after == frechet_distance(pool[chosen], real)
    values = [value for _, value, _ in curation.trace]
    assert values == sorted(values, reverse=True)
    assert curation.stopped


def test_the_seed_and_the_rounds_decide(capsys):
    pool, real = draw(300, "mild", 14), features_to_statistics(draw(500, "mild", 15))
    first, again = (choose_subset(pool, real, 30, 3, rounds=2) for _ in range(2))
    other = choose_subset(pool, real, 30, 4, rounds=2)
    assert (first.chosen == again.chosen).all()
    assert (first.chosen != other.chosen).any()
    longer = choose_subset(pool, real, 30, 3, rounds=4)
    assert longer.fid_after <= first.fid_after


def test_the_scale_of_the_features_does_not_matter():
    pool, real = draw(200, "steep", 16), draw(500, "steep", 17)
    chosen = [
        choose_subset(pool * scale, features_to_statistics(real * scale), 20, 0, rounds=2).chosen
        for scale in (1.0, 2.0**-12, 2.0**12)
    ]
    assert (chosen[0] == chosen[1]).all()
    assert (chosen[0] == chosen[2]).all()


def test_no_round_is_the_random_draw():
    pool, real = draw(100, "mild", 18), features_to_statistics(draw(300, "mild", 19))
    curation = choose_subset(pool, real, 30, 0, rounds=0)
    check(curation, pool, real, 30)
    assert curation.fid_after == curation.fid_before


def test_the_clock_is_a_guard_that_says_so(capsys):
    pool, real = draw(100, "mild", 20), features_to_statistics(draw(300, "mild", 21))
    curation = choose_subset(pool, real, 30, 0, rounds=50, seconds=1e-9)
    check(curation, pool, real, 30)
    assert "clock" in curation.stopped
    assert "the clock ends the search" in capsys.readouterr().out


def test_a_pool_as_large_as_the_subset_is_taken_whole():
    pool, real = draw(40, "mild", 22), features_to_statistics(draw(300, "mild", 23))
    curation = choose_subset(pool, real, 40, 0)
    check(curation, pool, real, 40)


def degenerate_pools() -> dict[str, np.ndarray]:
    """Pools that real generators give: repeated, constant, collapsed, one row too many."""
    random, pool = np.random.default_rng(24), draw(120, "mild", 24)
    constant = pool.copy()
    constant[:, 10:30] = 0.7
    return {
        "each row five times": np.repeat(pool[:24], 5, axis=0),
        "one row again and again": np.repeat(pool[:1], 120, axis=0),
        "mostly one row": np.concatenate([np.repeat(pool[:1], 100, axis=0), pool[:20]]),
        "constant features": constant,
        "three directions": random.standard_normal((120, 3)) @ random.standard_normal((3, WIDTH)),
        "one row too many": pool[:31],
        "far away": pool + 1e4,
    }


@pytest.mark.parametrize("name", degenerate_pools())
def test_degenerate_pools(name):
    pool, real = degenerate_pools()[name], features_to_statistics(draw(300, "mild", 25))
    check(choose_subset(pool, real, 30, 0, rounds=3), pool, real, 30)


@pytest.mark.parametrize("shown", [0, 1, 5])
def test_degenerate_real_images(shown):
    real = draw(300, "mild", 26)
    real[:, shown:] = 0.25
    pool, statistics = draw(90, "mild", 27), features_to_statistics(real)
    curation = choose_subset(pool, statistics, 20, 0, rounds=3)
    check(curation, pool, statistics, 20)
    assert curation.fid_after < curation.fid_before


def test_two_rows():
    pool, real = draw(30, "mild", 28), features_to_statistics(draw(300, "mild", 29))
    curation = choose_subset(pool, real, 2, 0, rounds=6)
    check(curation, pool, real, 2)


@pytest.mark.parametrize(("count", "word"), [(1, "1"), (101, "101")])
def test_a_count_beyond_the_pool_is_refused(count, word):
    pool, real = draw(100, "mild", 30), features_to_statistics(draw(300, "mild", 31))
    with pytest.raises(InputError, match=f"curate: .*got {word}"):
        choose_subset(pool, real, count, 0)


def wide(count: int, seed: int) -> np.ndarray:
    """(N, 2048) float32 of the mild regime in the first 64 columns."""
    rows = np.zeros((count, 2048), np.float32)
    rows[:, :WIDTH] = draw(count, "mild", seed)
    return rows


def run(*words: object) -> int:
    return parse_and_run(curate.CURATE, [str(word) for word in words])


def test_the_command_writes_distinct_rows_and_reports_both_sides(tmp_path, capsys):
    np.save(tmp_path / "pool.npy", wide(200, 32))
    np.save(tmp_path / "real.npy", wide(600, 33).astype(np.float64))
    words = [tmp_path / "pool.npy", "--real", tmp_path / "real.npy", "-n", 40, "--rounds"]
    output = tmp_path / "out" / "chosen.npy"
    assert run(*words, 1, "-o", output, "--holdout", 300) == 0
    chosen = np.load(output)
    assert chosen.dtype == np.int64
    assert len(set(chosen.tolist())) == 40
    out = capsys.readouterr().out
    assert "against the real rows used (300): random draw" in out
    assert "against the real rows held out (300): random draw" in out
    assert "40 images against 300 real ones" in out
    assert run(*words, 0, "-o", tmp_path / "all.npy") == 0
    out = capsys.readouterr().out
    assert "against the real rows used (600)" in out
    assert "40 images against 600 real ones" in out
    assert "held out" not in out


@pytest.mark.parametrize(
    ("pool", "words", "complaint"),
    [
        (np.zeros((5, 2047), np.float32), [], "shape"),
        (np.zeros((5, 2048), np.int64), [], "holds no features"),
        (np.full((50, 2048), np.nan, np.float32), [], "NaN"),
        (np.zeros((9, 2048), np.float32), [], "expected \\(at least 10, 2048\\)"),
        (np.zeros((50, 2048), np.float32), ["-n", "1"], "-n is too small"),
        (np.zeros((50, 2048), np.float32), ["--holdout", "99"], "--holdout"),
        (np.zeros((50, 2048), np.float32), ["--seconds", "nan"], "--seconds"),
        (b"no array", [], "cannot be read"),
        (None, [], "no such file"),
    ],
)
def test_the_command_refuses_what_is_no_pool(tmp_path, pool, words, complaint):
    path = tmp_path / "pool.npy"
    if isinstance(pool, bytes):
        path.write_bytes(pool)
    elif pool is not None:
        np.save(path, pool)
    np.save(tmp_path / "real.npy", wide(100, 34))
    output = tmp_path / "chosen.npy"
    with pytest.raises(InputError, match=complaint):
        run(path, "--real", tmp_path / "real.npy", "-n", "10", "-o", output, *words)
    assert not output.exists()


def test_build_knows_the_command(capsys):
    assert build.load_command("curate") is curate.CURATE
