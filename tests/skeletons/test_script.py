"""The script skeleton on tables of every kind; its own test runs it as a whole."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from tests.local_runs import ROOT


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """The skeleton's entry, whose folders are below tmp_path."""
    monkeypatch.syspath_prepend(ROOT / "kernel_template" / "skeletons" / "script")
    monkeypatch.setenv("KERNEL_INPUT", str(tmp_path / "in"))
    monkeypatch.setenv("KERNEL_OUTPUT", str(tmp_path / "out"))
    import kernel

    yield kernel
    for name in [name for name in sys.modules if name.split(".")[0] in ("kernel", "solution")]:
        del sys.modules[name]


def write(folder: Path, train: str, test: str) -> None:
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text(train)
    (folder / "test.csv").write_text(test)


def make_rows(count: int, more: str = "") -> str:
    """A table whose label says whether `size` is above 4, with a gap in every fifth row."""
    rows = [
        f"{row:03},{row % 10 if row % 5 else ''},{'xy'[row % 2]},{'yes' if row % 10 > 4 else 'no'}"
        for row in range(count)
    ]
    return "\n".join(["key,size,kind,label", *rows, more]).rstrip("\n") + "\n"


def predict(kernel: ModuleType, tmp_path: Path) -> pd.DataFrame:
    kernel.main()
    return pd.read_csv(tmp_path / "out" / "submission.csv", dtype=str)


def test_keys_stay_text_and_rows_without_a_label_are_left_out(
    kernel: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        tmp_path / "in" / "a" / "b", make_rows(60, "060,1,x,"), "key,size,kind\n007,1,x\n08,9,y\n"
    )
    table = predict(kernel, tmp_path)
    assert table.to_numpy().tolist() == [["007", "no"], ["08", "yes"]]
    said = capsys.readouterr().out
    assert "60 rows to learn from (1 without label left out), 2 to predict" in said
    assert "numbers ['size'], categories ['kind']" in said


def test_values_that_train_never_showed_are_taken(
    kernel: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A column of numbers with one word in test is text; an unknown category is a rare one."""
    write(tmp_path / "in", make_rows(60), "key,size,kind\n1,many,z\n2,,\n3,inf,x\n")
    assert set(predict(kernel, tmp_path)["label"]) <= {"yes", "no"}
    assert "numbers [], categories ['size', 'kind']" in capsys.readouterr().out


def test_column_without_values_and_infinite_numbers(kernel: ModuleType, tmp_path: Path) -> None:
    train = "key,none,size,label\n" + "".join(f"{row},,{row},{row // 20}\n" for row in range(40))
    write(tmp_path / "in", train, "key,none,size\n1,5,3\n2,5,37\n3,5,inf\n")
    assert list(predict(kernel, tmp_path)["label"])[:2] == ["0", "1"]


def test_accuracy_of_a_rare_class_is_not_made_up(
    kernel: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in", make_rows(60, "061,1,x,rare"), "key,size,kind\n1,3,y\n")
    assert list(predict(kernel, tmp_path)["label"]) == ["no"]
    assert (
        "accuracy: not measured, the rarest class has less than 5 rows" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ("key,a\n1,2\n", "key,a\n1,2\n", r"one column that train.csv has.*got \[\]; cure"),
        ("key,a,b\n1,2,3\n", "key\n1\n", r"one column that train.csv has.*got \['a', 'b'\]; cure"),
        ("key,a,b\n1,2,x\n2,3,x\n", "key,a\n1,2\n", "2 to 100 classes, got 1; cure"),
        (
            "key,a,b\n" + "".join(f"{row},1,{row}.5\n" for row in range(101)),
            "key,a\n1,2\n",
            "2 to 100 classes, got 101; cure: for a target that is a number",
        ),
    ],
    ids=["no target", "two targets", "one class", "a number"],
)
def test_tables_of_another_form_are_told(
    kernel: ModuleType, tmp_path: Path, train: str, test: str, said: str
) -> None:
    write(tmp_path / "in", train, test)
    with pytest.raises(ValueError, match=f"expected .*{said}"):
        kernel.main()
    assert not (tmp_path / "out").exists()


def test_no_folder_and_two_folders_with_tables_are_told(kernel: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got none; cure: set KERNEL_INPUT"):
        kernel.main()
    for name in "ab":
        write(tmp_path / "in" / name, make_rows(20), "key,size,kind\n1,1,x\n")
    with pytest.raises(ValueError, match=r"got .*/in/a and .*/in/b; cure: set KERNEL_INPUT"):
        kernel.main()
