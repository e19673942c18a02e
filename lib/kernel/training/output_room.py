"""Delete a run's oldest snapshots before its output outgrows what Kaggle keeps of a version.

Old checkpoints go first, then old grids; the newest files and all else stay.
"""

from pathlib import Path

from lib.base.kaggle_limits import OUTPUT_BYTES, OUTPUT_FILES

CHECKPOINTS, GRIDS = "checkpoints_v1", "samples_v1"
_LATER_FILES = 50  # that a run writes after its snapshots: submission, state, figures, report
_LATER_BYTES = 2 * 10**9


class OutputRoom:
    """The room that snapshots have in an output folder."""

    def __init__(
        self,
        output: Path,
        files: int = OUTPUT_FILES - _LATER_FILES,
        size: int = OUTPUT_BYTES - _LATER_BYTES,
    ) -> None:
        self._output, self._files, self._size = output, files, size

    def make(self, files: int, size: int) -> list[str]:
        """Delete old snapshots until so many files and bytes more fit; return their names."""
        found = (path for path in self._output.rglob("*") if path.is_file())
        sizes = {path: path.stat().st_size for path in found}
        old = [*self._list(CHECKPOINTS, "G_epoch_*.pth"), *self._list(GRIDS, "epoch_*.png")]
        gone = []
        for path in old:
            if len(sizes) + files <= self._files and sum(sizes.values()) + size <= self._size:
                break
            path.unlink()
            del sizes[path]
            gone.append(path.name)
        return gone

    def _list(self, folder: str, pattern: str) -> list[Path]:
        """List the files of a kind, the oldest first: numbers grow longer after epoch 999."""
        found = (self._output / folder).glob(pattern)
        return sorted(found, key=lambda path: (len(path.name), path.name))
