"""Ask before a sweep's kernels are deleted on Kaggle, and delete them."""

import sys
from typing import Any

from lib.base.counted import count_things
from lib.base.errors import InputError
from lib.base.log import log
from lib.commands.options import Answer
from lib.kaggle.workspace import Workspace


def delete_kernels(work: Workspace, sweep_id: str, is_agreed: bool) -> Answer:
    """List the kernels of a sweep, ask, and delete them; `is_agreed` answers the question."""
    from lib.kaggle.client.session import open_session  # requests is slow to import
    from lib.kaggle.settle import settle_all
    from lib.kaggle.sweeps.delete_sweep import delete_swept, find_swept

    metadata = work.read_metadata()
    settle_all(work, wait=True)  # else a kernel whose push was cut off would be left
    with open_session(work.patience) as session:
        kernels = find_swept(work, session, metadata, sweep_id)
        doomed = [kernel for kernel in kernels if kernel.version and not kernel.kept]
        for kernel in kernels:
            log("sweep", kernel.describe())
        if doomed and not is_agreed:
            _demand_yes(len(doomed))
        ends = delete_swept(work, session, sweep_id, kernels)
    count = sum(end == "deleted" for end in ends.values())
    facts: dict[str, Any] = {"sweep": sweep_id, "kernels": ends}
    whole = count_things(len(kernels), "kernel")
    told = f"{count} of {whole} of sweep {sweep_id} deleted; runs/ keeps its files"
    return Answer(told if kernels else f"no kernel of sweep {sweep_id} is left", facts)


def _demand_yes(count: int) -> None:
    """Ask on a terminal; raise InputError without one, and for any answer but yes."""
    what = f"{count_things(count, 'kernel')}, with all versions, would be deleted on Kaggle"
    if not sys.stdin.isatty():
        raise InputError("sweep", what, got="no terminal to ask at", cure="the same with --yes")
    print(f"{what}. Type yes to delete them: ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    if answer.lower() != "yes":
        cure = "type yes, or give --yes; nothing was deleted"
        raise InputError("sweep", "not deleted", got=repr(answer), cure=cure)
