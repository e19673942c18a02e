"""A few hundred hostile inputs for each target, and the fuzzer itself: it finds what is planted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import api_answers, kernel_logs, records, shard_files
from tests.fuzz.bytes_mutations import VALUES
from tests.fuzz.loop import Findings, run_plainly
from tests.fuzz.targets import SHARES, Target, load_target, share_out
from tests.local_runs import ROOT

CASES = {"records": 500, "shard_files": 400, "kernel_logs": 600, "api_answers": 300}
JSON = st.recursive(
    st.sampled_from([value for value in VALUES if not isinstance(value, float)]) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(api_answers.KEYS), inner),
    max_leaves=12,
)


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_found(name: str, seed: int, tmp_path: Path) -> None:
    findings = Findings(name, load_target(name), tmp_path)
    run_plainly(findings, CASES[name] // 2, seed)
    assert findings.cases >= CASES[name] // 2
    assert findings.kinds == {}, [path.read_text() for path in tmp_path.glob("*.txt")]


@settings(max_examples=60, deadline=None)
@given(step=st.sampled_from(sorted(api_answers.STEPS)), bodies=st.lists(JSON, min_size=1))
def test_any_json_is_an_answer_to_every_step(step: str, bodies: list[object]) -> None:
    replies = [[200, {}, body] for body in bodies]
    api_answers.check(json.dumps({"step": step, "replies": replies}).encode())


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_any_json_is_a_log(value: object) -> None:
    kernel_logs.check(json.dumps(value).encode())


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(records.KEYS), JSON))
def test_any_json_is_a_record(value: dict[str, object]) -> None:
    records.check(json.dumps(value).encode())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(range(128)), st.binary(max_size=300))
def test_any_bytes_are_a_file(form: int, body: bytes) -> None:
    shard_files.check(bytes([form]) + body)


def test_a_planted_fault_is_found_made_small_and_kept(tmp_path: Path) -> None:
    def check(data: bytes) -> None:
        assert b"xy" not in data, "a planted fault"
        if b"zz" in data:
            raise KeyError("another one")

    target = Target(lambda: [b"aaaaaaxyaaaaaa", b"b" * 40 + b"zz"], lambda data, _: data, check, ())
    findings = Findings("planted", target, tmp_path)
    run_plainly(findings, 50, 3)
    assert findings.kinds == {"AssertionError: a planted fault": 2, "KeyError in outside of lib": 2}
    assert [path.read_bytes() for path in sorted(tmp_path.glob("*.bin"))] == [b"xy", b"zz"]
    assert "a planted fault" in (tmp_path / "planted-1.txt").read_text()


def test_equal_seeds_make_equal_cases(tmp_path: Path) -> None:
    def list_cases(seed: int) -> list[bytes]:
        seen: list[bytes] = []
        target = load_target("records")._replace(check=seen.append)
        run_plainly(Findings("records", target, tmp_path), 200, seed)
        return seen

    assert list_cases(4) == list_cases(4)
    assert list_cases(4) != list_cases(5)


def test_cases_are_shared_out_over_all_targets() -> None:
    shares = share_out(1_000_000, list(SHARES))
    assert sum(shares.values()) >= 1_000_000
    assert min(shares.values()) >= 50_000


def test_the_command_runs_a_target_in_a_process_of_its_own(tmp_path: Path) -> None:
    words = ["--target", "kernel_logs", "--cases", "20", "--seed", "9", "--folder", str(tmp_path)]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "kernel_logs: 20 cases" in ended.stdout
    assert "seed 9" in ended.stdout
