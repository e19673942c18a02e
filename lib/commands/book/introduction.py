"""What the notebook of a kernel says above its CONFIG, and how it shows the report at its end."""

from pathlib import Path

from lib.bundler.notebooks.notebook import Story
from lib.commands.book.head import describe_kernel, describe_licence
from lib.kernel.competition.table import find_rules
from lib.kernel.configuration.config import Config

_OWN = {  # what differs from a script's head
    "CHANGE FIRST": "{} It is the next cell, and the run takes it as it is when that cell runs.",
    "FORK": "Copy & Edit on Kaggle, attach the data, choose the accelerator GPU T4 x2, change "
    "CONFIG, *Save Version* with *Save & Run All*. A folder holds one run, and the same CONFIG "
    "goes on there where it stopped. For another CONFIG in the same session, name another folder "
    "in a new cell: `%env KERNEL_OUTPUT=/kaggle/working/second`",
    "EDIT": "Each cell below CONFIG writes one file; change it, run it, then run the cell of "
    "*Run it* again, with a fresh KERNEL_OUTPUT as above: a finished run is left alone. Written by "
    "build.py from sources: where you have them, change those.",
}
_SHOW_REPORT = """\
from IPython.display import HTML

from lib.kernel.configuration.folders import find_folders
from lib.kernel.report.inline import frame_report

HTML(frame_report(find_folders().output))
"""


def tell_story(config: Config, licence: Path) -> Story:
    """(Config, path of LICENSE) -> the first cell and the last."""
    title = f"# {find_rules(config.competition).title} by recipe {config.recipe}"
    shown = "Images and curves appear below *Run it* while it works; the report is the last cell."
    paragraphs = [
        f"**{word.capitalize()}.** {_OWN.get(word, '{}').format(text)}"
        for word, text in (*describe_kernel(config), ("LICENCE", describe_licence(licence)))
    ]
    introduction = "\n\n".join(
        [title, f"A self-contained notebook for Kaggle, made by Kernelpress. {shown}", *paragraphs]
    )
    return Story(introduction, _SHOW_REPORT, "What it made", is_here=True)
