"""A project's own settings: where it is found, what its table holds, and each mistake in it."""

from pathlib import Path

import pytest

from lib.base.errors import InputError
from lib.commands.on_kaggle.open_workspace import open_workspace
from lib.commands.on_kaggle.push import PUSH
from lib.commands.on_kaggle.submit import SUBMIT
from lib.commands.options import make_parser
from lib.kaggle.projects.project import Project, find_root, read_check, read_project, read_slug
from lib.kernel.competition.table import DEFAULT_COMPETITION


def write_table(root: Path, *lines: str) -> Path:
    (root / "pyproject.toml").write_text("\n".join(["[tool.kernelpress]", *lines]), "utf-8")
    return root


def test_the_nearest_folder_above_the_entry_is_the_project(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner" / "src"
    inner.mkdir(parents=True)
    entry = inner / "main.py"
    entry.write_text("")
    for folder in (tmp_path / "outer", tmp_path / "outer" / "inner"):
        (folder / "kernel-metadata.json").write_text("{}")
        assert find_root(entry) == folder
    with pytest.raises(InputError, match=r"input is no file|no such file"):
        find_root(tmp_path / "missing.py")
    with pytest.raises(InputError, match="cannot be looked up"):
        find_root(Path("a\0b"))
    with pytest.raises(InputError, match=r"input is no file|no such file"):
        find_root(inner)


def test_steps_up_in_the_entry_are_taken_before_the_project_is_sought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine", "other", "loose"):
        (tmp_path / name / "src").mkdir(parents=True)
        (tmp_path / name / "src" / "x.py").write_text("")
    for name in ("mine", "other"):
        (tmp_path / name / "kernel-metadata.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "mine")
    assert find_root(Path("../other/src/x.py")) == tmp_path / "other"
    assert find_root(Path("src/../../mine/src/x.py")) == tmp_path / "mine"
    with pytest.raises(InputError, match="no folder above") as refused:
        find_root(Path("../loose/src/x.py"))
    assert refused.value.cure
    (tmp_path / "mine" / "linked.py").symlink_to("../loose/src/x.py")
    assert find_root(Path("linked.py")) == tmp_path / "mine"


def test_any_competition_that_is_given_stands_above_the_table(tmp_path: Path) -> None:
    """Ours was taken for none, also by `submit`, which has no default."""
    (tmp_path / "kernel-metadata.json").write_text("{}")
    (tmp_path / "x.py").write_text("")
    write_table(tmp_path, 'competition = "titanic"')
    words = ["1", "--entry", str(tmp_path / "x.py"), "-m", "text"]
    for given in ("other", DEFAULT_COMPETITION):
        options = make_parser(SUBMIT).parse_args([*words, "--competition", given])
        work = open_workspace(options)
        assert (work.competition, work.is_overridden) == (given, True)
    work = open_workspace(make_parser(SUBMIT).parse_args(words))
    assert (work.competition, work.is_overridden) == ("titanic", False)


def test_help_of_push_says_what_an_option_is_to_a_program_of_one_s_own() -> None:
    help_text = " ".join(make_parser(PUSH).format_help().split())
    assert "with --entry: the slug of the one to submit to" in help_text
    assert "with --entry: Kaggle ends the run 15 min after them" in help_text


def test_no_folder_above_is_a_project(tmp_path: Path) -> None:
    entry = tmp_path / "main.py"
    entry.write_text("")
    with pytest.raises(InputError, match="no folder above") as refused:
        find_root(entry)
    assert "new NAME --kind script" in refused.value.cure


def test_a_project_without_a_table_has_the_usual_settings(tmp_path: Path) -> None:
    assert read_project(tmp_path) == Project(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert read_project(tmp_path) == Project(tmp_path)


def test_all_settings_are_read(tmp_path: Path) -> None:
    lines = ['competition = "titanic"', 'check = "rules.check:verify"', 'columns = ["loss", "auc"]']
    lines += ['submission = "out/answer.csv"', 'best = "high"', "settle_seconds = 2"]
    assert read_project(write_table(tmp_path, *lines)) == Project(
        *(tmp_path, "titanic", "rules.check:verify", ("loss", "auc"), "out/answer.csv", "high", 2.0)
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("competition = 3", "competition in [tool.kernelpress]"),
        ('competition = "two words"', "slug"),
        ('competition = ""', "slug"),
        ('check = "verify"', "module:function"),
        ('check = "a:b:c"', "module:function"),
        ('check = "../a:b"', "module:function"),
        ("check = []", "module:function"),
        ('columns = "fid"', "list of different keys"),
        ("columns = [1]", "list of different keys"),
        ('columns = ["a", "a"]', "list of different keys"),
        ('columns = [["a"], ["b"]]', "list of different keys"),
        ('submission = "../x.csv"', "name of an output"),
        ('submission = "/x.csv"', "name of an output"),
        ("submission = false", "name of an output"),
        ("settle_seconds = -1", "from 0 to 3600"),
        ("settle_seconds = true", "from 0 to 3600"),
        ("settle_seconds = nan", "from 0 to 3600"),
        ("best = 1", '"low" or "high"'),
        ("best = []", '"low" or "high"'),
        ('colums = ["a"]', "did you mean 'columns'?"),
        ("check", "a TOML file"),
    ],
)
def test_a_mistake_in_the_table_has_its_cure(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_project(write_table(tmp_path, line))
    assert words in str(refused.value)
    assert refused.value.cure
    assert len(str(refused.value).splitlines()) <= 2


@pytest.mark.parametrize(
    "text", ["tool = 3", "[tool]\nkernelpress = 3", "\ufeff[tool", f"x = {'[' * 9999}"]
)
def test_a_table_that_is_none_has_its_cure(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    if text == "tool = 3":  # other tools complain of it
        assert read_project(tmp_path) == Project(tmp_path)
        return
    with pytest.raises(InputError, match="mend pyproject"):
        read_project(tmp_path)


def test_options_are_read_as_the_table_is() -> None:
    assert read_slug("--competition", "c/titanic") == "titanic"
    assert read_check("--check", "a.b:c") == "a.b:c"
    for read in (read_slug, read_check):
        with pytest.raises(InputError, match="mend the option"):
            read("--name", "no good")
