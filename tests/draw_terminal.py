"""Commands of the loop, typed into a terminal of 100 columns -> docs/terminal_WORD.png.

    python -m tests.draw_terminal --data SHARDS --weights FILE FOLDER [WORD ...]

tmux is the terminal, and a Kaggle on this machine answers. Kernels really run, so it takes as long
as they do. FOLDER is empty or new.
"""

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests.kaggle_prompt import SOURCE, Prompt
from tests.loopback import open_kaggle

COLUMNS, ROWS = 100, 50
SMALL = "--set samples=60 --set real_limit=120 --set curate=false --set sweep=false"
COMMANDS = {  # word of the picture -> what is typed; WEIGHTS is filled in
    "doctor": "build.py doctor",
    "push": f"build.py push --wait --recipe pixel --weights WEIGHTS --set steps=20 {SMALL}",
    "sweep": f"build.py sweep --pack --recipe pixel --weights WEIGHTS --set steps=10,20 {SMALL}",
    "runs": "build.py runs",
}
_FONT, _SIZE, _LINE, _MARGIN = "DejaVuSansMono", 13, 17, 10  # px
_PAPER, _INK = "#1d2021", "#d5c4a1"
_COLOURS = {31: "#fb4934", 32: "#b8bb26", 33: "#fabd2f", 34: "#83a598", 36: "#8ec07c"}
_SPANS = re.compile(r"\x1b\[([\d;]*)m")


class Terminal:
    """A shell inside tmux, 100 columns wide, with the environment of a Prompt."""

    def __init__(self, prompt: Prompt, name: str) -> None:
        self._name = name
        path = f"{Path(sys.executable).parent}:{prompt.environment['PATH']}"
        variables = {**prompt.environment, "PATH": path, "TERM": "screen-256color", "PS1": "$ "}
        variables |= {"LANG": "C.UTF-8", "PROMPT_COMMAND": f"tmux -L {name} wait-for -S ready"}
        shell = ["env", "-i", *(f"{key}={value}" for key, value in variables.items())]
        words = ["new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "-c", str(prompt.root)]
        self._tmux("-f", "/dev/null", *words, shlex.join([*shell, "bash", "--norc", "-i"]))
        self._tmux("wait-for", "ready")
        self._tmux("set-option", "-g", "history-limit", "5000")

    def type(self, command: str) -> str:
        """Type a command, wait for the next prompt; return all that stands in the terminal."""
        self._tmux("send-keys", "-l", "clear")
        self._tmux("send-keys", "Enter")
        self._tmux("wait-for", "ready")
        self._tmux("clear-history")
        self._tmux("send-keys", "-l", command)
        self._tmux("send-keys", "Enter")
        self._tmux("wait-for", "ready")
        screen = self._tmux("capture-pane", "-p", "-e", "-J", "-S", "-5000").rstrip()
        screen = screen[screen.index("$ ") :]  # what was typed before the prompt was there
        return "\n".join(map(str.rstrip, screen.removesuffix("$").splitlines()))

    def close(self) -> None:
        """End the shell and what runs in it."""
        self._tmux("kill-server")

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(["tmux", "-L", self._name, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass
class Pen:
    """The colour and weight that the signs of a line have from here on."""

    colour: str = _INK
    bold: bool = False

    def turn(self, codes: str) -> None:
        """Take the numbers between ESC [ and m."""
        for code in map(int, (codes or "0").split(";")):
            if code == 0:
                self.colour, self.bold = _INK, False
            elif code == 1:
                self.bold = True
            elif code in _COLOURS:
                self.colour = _COLOURS[code]
            elif code == 39:
                self.colour = _INK


def draw(screen: str) -> Image.Image:
    """A screen of tmux, lines unbroken, with its colours -> a picture of it, lines broken."""
    lines = screen.rstrip().split("\n")
    fonts = [ImageFont.truetype(f"{_FONT}{kind}.ttf", _SIZE) for kind in ("", "-Bold")]
    advance = fonts[0].getlength("M")
    height = sum(max(1, -(-len(_SPANS.sub("", line)) // COLUMNS)) for line in lines)
    size = (round(COLUMNS * advance) + 2 * _MARGIN, height * _LINE + 2 * _MARGIN)
    picture = Image.new("RGB", size, _PAPER)
    paper, pen, row = ImageDraw.Draw(picture), Pen(), 0
    for line in lines:
        column = 0
        for place, part in enumerate(_SPANS.split(line)):
            if place % 2:
                pen.turn(part)
                continue
            for sign in part:
                if column == COLUMNS:
                    row, column = row + 1, 0
                corner = (_MARGIN + column * advance, _MARGIN + row * _LINE)
                paper.text(corner, sign, pen.colour, fonts[pen.bold])
                column += 1
        row += 1
    return picture.quantize(32)


def main() -> None:
    """Type the commands and draw what stands in the terminal after each."""
    parser = argparse.ArgumentParser(prog="python -m tests.draw_terminal")
    parser.add_argument("folder", type=Path)
    parser.add_argument("words", nargs="*", choices=[*COMMANDS, []])
    for name in ("data", "weights"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights" / "inception.pt"
    weights.parent.mkdir()
    shutil.copy(options.weights, weights)
    kaggle = open_kaggle(folder, options.data.absolute(), weights)
    prompt = Prompt(folder, kaggle)
    shutil.copy(weights, prompt.root)
    prompt.build("init", "--owner", "ada")
    attach = (
        (prompt.root / "kernel-metadata.json")
        .read_text()
        .replace('"dataset_sources": []', '"dataset_sources": ["ada/inception"]')
    )
    (prompt.root / "kernel-metadata.json").write_text(attach)
    (prompt.root / ".gitignore").write_text((SOURCE / ".gitignore").read_text())
    prompt.build()
    prompt.commit()
    terminal = Terminal(prompt, f"terminal-{folder.name}")
    try:
        for word in options.words or COMMANDS:
            screen = terminal.type(f"python {COMMANDS[word]}".replace("WEIGHTS", weights.name))
            # Kernels run below this folder, in places that are called otherwise on Kaggle.
            place = rf"{re.escape(str(folder))}/kaggle/[^/]+/v\d+/(\w+)"
            screen = re.sub(place, r"/kaggle/\1", screen)
            (folder / f"{word}.txt").write_text(screen)
            path = SOURCE / "docs" / f"terminal_{word}.png"
            draw(screen).save(path, optimize=True)
            print(path)
    finally:
        terminal.close()
        kaggle.close()


if __name__ == "__main__":
    main()
