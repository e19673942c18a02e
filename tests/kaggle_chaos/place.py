"""An empty folder -> a storm: a copy of the repository whose commands reach a Kaggle of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kaggle_chaos.command_host import CommandHost
from tests.kaggle_chaos.storm import Storm
from tests.kaggle_chaos.tasks import play, write_project
from tests.kaggle_prompt import Prompt


@contextmanager
def open_storm(folder: Path, tell: Callable[[str], None]) -> Iterator[Storm]:
    """Copy the repository, start its Kaggle and the host of its commands."""
    prompt = Prompt(folder)
    try:
        prompt.server.play = play
        prompt.server.daily_limit = 10**6
        prompt.server.data_set_stages = ["READY"]
        write_project(prompt)
        with CommandHost(prompt.root, prompt.environment) as host:
            host.start("init", "--owner", "ada")
            code, shown = host.wait()
            assert code == 0, shown
            yield Storm(prompt, host, tell)
        assert not prompt.server.connects, "something tried to leave the machine"
    finally:
        prompt.server.close()
