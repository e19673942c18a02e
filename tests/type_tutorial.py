"""docs/TUTORIAL.md -> the same, with what its commands print today below each of them.

    python -m tests.type_tutorial --data SHARDS --weights FILE --reference FEATURES.npy FOLDER

Kernels run on this machine, so it takes as long as they do. FOLDER is empty or new; it keeps all
that was made, reports too.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

from tests.kaggle_prompt import SOURCE, Prompt
from tests.loopback import open_kaggle
from tests.typed_pages import Block, read_blocks

PAGE = SOURCE / "docs" / "TUTORIAL.md"
NAME, USER = "YOUR-KAGGLE-NAME", "ada"
_ELSEWHERE = ("make", "source")  # what the writer has done already
_SHOWN = 18  # lines of a long output at its start, and as many at its end


def is_typed(words: list[str]) -> bool:
    """Whether a command of the page can be typed here, where nothing is downloaded."""
    return words[0] not in _ELSEWHERE and words[1:3] != ["build.py", "weights"]


def shorten(said: str) -> str:
    """What a block's commands printed -> its first and last lines."""
    lines = said.rstrip().splitlines()
    if len(lines) <= 2 * _SHOWN + 1:
        return "\n".join(lines)
    left_out = f"... ({len(lines) - 2 * _SHOWN} lines more)"
    return "\n".join([*lines[:_SHOWN], left_out, *lines[-_SHOWN:]])


def type_block(prompt: Prompt, block: Block, more: dict[str, list[str]]) -> str:
    """Type a block's commands, some with more words behind them; return what they print."""
    said = ""
    for words in block.commands:
        words = [word.replace(NAME, USER) for word in words]
        if not is_typed(words):
            continue
        words += more.get(" ".join(words[1:3]), [])
        places = {"python": sys.executable, "kaggle": str(Path(sys.executable).with_name("kaggle"))}
        # doctor ends with 1 where something is missing, and the page shows that, too.
        with prompt.start(places.get(words[0], words[0]), *words[1:]) as process:
            out, errors = process.communicate()
        assert process.returncode == 0 or words[2] == "doctor", out + errors
        said += out + errors
        if words[2:3] == ["init"]:
            prompt.commit()
    # Kernels run below this folder, in places that are called otherwise on Kaggle.
    said = re.sub(rf"{re.escape(str(prompt.server.folder))}/[^/]+/v\d+/(\w+)", r"/kaggle/\1", said)
    return said.replace(str(prompt.root), "/path/to/kernelpress")


def fill(page: str, outputs: dict[int, str]) -> str:
    """(a page, start of a `text` block -> its text) -> the page with these texts."""
    for block in reversed(read_blocks(page)):
        if block.start in outputs:
            text = f"```text\n{shorten(outputs[block.start])}\n```\n"
            page = page[: block.start] + text + page[block.end :]
    return page


def pair_blocks(page: str) -> list[tuple[Block, Block | None]]:
    """A page -> its blocks of commands, each with the `text` block right below it, if any."""
    blocks = read_blocks(page)
    pairs: list[tuple[Block, Block | None]] = []
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        if block.language == "sh":
            is_below = (
                after and after.language == "text" and not page[block.end : after.start].strip()
            )
            pairs.append((block, after if is_below else None))
    return pairs


def main() -> None:
    """Type the tutorial and write its outputs into it."""
    parser = argparse.ArgumentParser(prog="python -m tests.type_tutorial")
    parser.add_argument("folder", type=Path)
    for name in ("data", "weights", "reference"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    kaggle = open_kaggle(folder, options.data.absolute(), options.weights, options.reference)
    prompt = Prompt(folder, kaggle)
    for role in ("AUTHOR", "COMMITTER"):
        identity = {f"GIT_{role}_NAME": USER, f"GIT_{role}_EMAIL": f"{USER}@example.org"}
        prompt.environment |= identity
    shutil.copy(SOURCE / ".gitignore", prompt.root)
    weights = folder / "weights" / options.weights.name
    weights.parent.mkdir()
    shutil.copy(options.weights, weights)
    stand_in = ["--weights", str(weights)]
    for less in ("curate=false", "sweep=false", "real_limit=1000"):  # work for two cores
        stand_in += ["--set", less]
    page, outputs = PAGE.read_text(encoding="utf-8"), {}
    try:
        for block, below in pair_blocks(page):
            said = type_block(prompt, block, {"build.py push": stand_in})
            if "build.py init" in block.text:
                attach(prompt.root / "kernel-metadata.json")
            if below:
                outputs[below.start] = said.replace(str(weights), "stand-in.pt")
            print(said, flush=True)
    finally:
        kaggle.close()
    PAGE.write_text(fill(page, outputs), encoding="utf-8")


def attach(metadata: Path) -> None:
    """Name the data set with the weights in kernel-metadata.json, as chapter 9 says."""
    text = metadata.read_text(encoding="utf-8")
    named = re.sub(r'"dataset_sources": \[\]', '"dataset_sources": ["ada/inception"]', text)
    assert named != text
    metadata.write_text(named, encoding="utf-8")


if __name__ == "__main__":
    main()
