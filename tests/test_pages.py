"""The pages that people follow: their commands exist, and the README's are typed here."""

import ast
import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lib.kaggle.machine_shapes import choose_timeout
from lib.kernel.configuration.config import Config
from lib.synthetic.look_alike import look_alike
from tests.kaggle_prompt import SOURCE, Prompt, open_prompt
from tests.typed_pages import check_build_words, list_commands, list_targets

PAGES = ["README.md", *(f"docs/{name}.md" for name in ("REFERENCE", "TUTORIAL", "TROUBLESHOOTING"))]
TYPED = [(page, words) for page in PAGES for words in list_commands(SOURCE / page)]
# A run is as the page has it, but for sizes: the page's takes minutes.
SMALLER = ["--set", "steps=2", "--set", "samples=12", "--set", "floor_draws=2", "--set", "width=16"]
SMALLER += ["--set", "depth=1", "--set", "pool=16", "--set", "batch=4", "--set", "sweep=false"]
SMALLER += ["--set", "real_limit=40"]
PICTURES = ["--recipe", "r3gan", "--weights", "random", "--set", "steps=2", "--set", "samples=12"]
PICTURES += [
    "--set",
    "floor_draws=2",
    "--set",
    "width=8",
    "--set",
    "batch=4",
    "--set",
    "fid_loss=0",
]


@pytest.mark.parametrize(("page", "words"), TYPED)
def test_a_command_on_a_page_exists(page: str, words: list[str]) -> None:
    name, *rest = words
    if name == "make":
        assert rest[0] in list_targets()
    elif [name, *rest[:1]] == ["python", "build.py"]:
        check_build_words(rest[1:])
    elif [name, *rest[:1]] == ["python", "-m"]:
        assert (SOURCE / (rest[1].replace(".", "/") + ".py")).is_file()
    elif name == "python":
        assert rest[0] == "one_file.py"
    else:
        assert name in ("source", "kaggle", "git", "unzip")


def test_the_readme_ends_a_run_that_hangs_when_build_says_so() -> None:
    push = f"kaggle kernels push -t {choose_timeout(Config().minutes)} "
    assert push in (SOURCE / "README.md").read_text()


@pytest.fixture(scope="module")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prompt]:
    yield from open_prompt(tmp_path_factory.mktemp("readme"))


@pytest.mark.slow
@pytest.mark.timeout(2700)  # about thirty commands
def test_the_readme_is_typed_from_the_top(prompt: Prompt) -> None:
    """Every command but make's; kernels are pushed to the Kaggle on this machine."""
    (prompt.root / ".gitignore").write_text((SOURCE / ".gitignore").read_text())
    _bring_what_a_reader_has(prompt.root)
    said = ""
    for words in list_commands(SOURCE / "README.md"):
        words = ["ada" if word == "YOUR-KAGGLE-NAME" else word for word in words]
        words = [word.replace("YOUR-KAGGLE-NAME/", "ada/") for word in words]
        words = ["200" if word == "2000" else word for word in words]  # records
        if words[0] in ("make", "source"):
            continue
        if words[0] == "kaggle":
            said += prompt.kaggle(*words[1:])
            continue
        if words[2:3] == ["run"]:
            words += PICTURES if "--competition" in words else SMALLER
        # doctor ends with 1, for no kernel is built where the page first has it.
        said += prompt.type(sys.executable, *words[1:], code=int(words[2:3] == ["doctor"]))
        if words[2:3] == ["init"]:
            prompt.commit()
    for told in ("version 1 successfully pushed", "Successfully submitted", "public score"):
        assert told in said
    for left in ("build/board.html", "build/first/report.html", "build/pictures/images.zip"):
        assert (prompt.root / left).is_file()


def _bring_what_a_reader_has(root: Path) -> None:
    """A folder of pictures and a program with a package beside it."""
    from PIL import Image

    place = root / "path" / "to"
    (place / "pictures").mkdir(parents=True)
    for number, picture in enumerate(look_alike(12, seed=3)):
        Image.fromarray(picture).save(place / "pictures" / f"{number}.png")
    (place / "main.py").write_text("from parts import word\nprint(word.WORD)\n")
    (place / "parts").mkdir()
    (place / "parts" / "word.py").write_text('WORD = "pressed"\n')


def list_texts(*folders: str) -> str:
    """All texts in the code of these folders, f-strings and joined lines as one."""
    texts = []
    for folder in folders:
        for path in sorted((SOURCE / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [p.value if isinstance(p, ast.Constant) else "…" for p in node.values]
                    texts.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    return "\n".join(texts)


# What libc says comes through us unchanged, and requests' words through the kaggle client.
OUR_TEXTS = f"{list_texts('lib', 'kernel_template')}{(SOURCE / 'build.py').read_text()}"
OUR_TEXTS += os.strerror(errno.ENOSPC)
TROUBLES = (SOURCE / "docs" / "TROUBLESHOOTING.md").read_text(encoding="utf-8")
OF_THE_CLIENT = TROUBLES.index("## The plain kaggle client")
MESSAGES = [(m.start() > OF_THE_CLIENT, m[1]) for m in re.finditer("^### `(.*)`$", TROUBLES, re.M)]


@pytest.mark.parametrize(("is_of_client", "message"), MESSAGES)
def test_a_message_in_troubleshooting_is_one_of_the_code(is_of_client: bool, message: str) -> None:
    if is_of_client:
        answer = requests.Response()
        code, _, reason = message.partition(" Client Error: ")
        answer.status_code, answer.reason = int(code), reason
        with pytest.raises(requests.HTTPError, match=message):
            answer.raise_for_status()
        return
    for part in re.split("…|'[a-z-]*'", message):
        assert part.strip(" :") in OUR_TEXTS, part


def test_troubleshooting_names_no_message_twice() -> None:
    assert len({message for _, message in MESSAGES}) == len(MESSAGES) > 30
