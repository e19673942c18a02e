"""An empty folder -> a storm: a copy of the repository whose commands reach a Kaggle of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kaggle_chaos.command_host import CommandHost
from tests.kaggle_chaos.kills import WINDOW_S
from tests.kaggle_chaos.storm import Storm, play_distinct
from tests.kaggle_prompt import Prompt


@contextmanager
def open_storm(folder: Path, tell: Callable[[str], None]) -> Iterator[Storm]:
    """Copy the repository, start its Kaggle and the host of its commands."""
    prompt = Prompt(folder)
    try:
        prompt.server.play = play_distinct
        prompt.server.daily_limit = 10**6
        table = f"[tool.kernelpress]\nsettle_seconds = {WINDOW_S}\n"
        (prompt.root / "pyproject.toml").write_text(table)
        with CommandHost(prompt.root, prompt.environment) as host:
            host.start("init", "--owner", "ada")
            code, shown = host.wait()
            assert code == 0, shown
            yield Storm(prompt, host, tell)
        assert not prompt.server.connects, "something tried to leave the machine"
    finally:
        prompt.server.close()
