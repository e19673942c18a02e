"""What is known of one run, each fact None where it is unknown; what `--json` prints of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.kaggle.ledger import replace_nan
from lib.kernel.report.verdict import Multiple, Verdict, find_multiple

if TYPE_CHECKING:
    from lib.commands.all_runs.comparison import Comparison
    from lib.kaggle.runs_table import Run

KAGGLE, LOCAL = "kaggle", "local"
UNFINISHED = "UNFINISHED"  # the status of a local run that left a report and no metrics

# The keys of `runs --json` and `board --json`, in their order; docs/BOARD.md has them as a table.
KEYS: Mapping[str, str] = {
    "name": "slug/v3 for version 3 of a kernel on Kaggle, else the run's folder",
    "kind": "kaggle: pushed to Kaggle; local: a folder below runs/ or build/",
    "status": "COMPLETE, ERROR and so on by Kaggle; COMPLETE or UNFINISHED of a local run",
    "when": "of the push, or of a local run's last file: ISO 8601, UTC",
    "competition": "whose data were read",
    "recipe": "what was trained",
    "trained": "the candidate that recipe auto settled on",
    "public": "public score of the leaderboard; lower is better",
    "private": "private score of the leaderboard",
    "place": "the team's rank on the leaderboard when this one had its score; 1 is the first",
    "teams": "how many teams were on the leaderboard then",
    "submission": "scored; error: Kaggle could not; unsettled: cut off, not looked up yet",
    "fid": "FID of the submitted pictures, in the features of the run's own network",
    "floor": "FID that an ideal generator would get with as many pictures",
    "fid_held_out": "FID against the real pictures that did not choose those submitted",
    "floor_half": "the floor of fid_held_out",
    "fid_per_floor": "FID as a multiple of its floor, of the held-out one if known; 1 is ideal",
    "random_weights": "true: the features came from random weights, so FID means nothing",
    "minutes": "wall clock: of the session on Kaggle, or of a local run's stages",
    "samples": "pictures submitted",
    "seed": "the seed of the run",
    "data_sha256": "hash of the data that were read",
    "weights_sha256": "hash of the weights behind the features",
    "machine_shape": "the accelerator that was asked of Kaggle",
    "commit": "the commit that was pushed",
    "bundle_sha256": "hash of the kernel that ran",
    "overrides": "key=value, as given with --set",
    "config": "the configuration, key by key",
    "differs": "what differs from another run: 'key: here against there'",
    "differs_from": "that run: the one before of the same competition and recipe, or the defaults",
    "verdict": "what the run's report says of submitting it: answer, words, reasons",
    "comparison": "with the best comparable run before: state, words, best, percent, earlier",
    "folder": "where its files are, below the repository's root",
}


@dataclass(frozen=True)
class RunRow:
    """What is known of one run; fields are named as in KEYS."""

    name: str
    kind: str
    status: str
    when: str | None = None
    competition: str | None = None
    recipe: str | None = None
    trained: str | None = None
    public: float | None = None
    private: float | None = None
    place: int | None = None
    teams: int | None = None
    submission: str | None = None
    fid: float | None = None
    floor: float | None = None
    fid_held_out: float | None = None
    floor_half: float | None = None
    random_weights: bool | None = None
    minutes: float | None = None
    samples: int | None = None
    seed: int | None = None
    data_sha256: str | None = None
    weights_sha256: str | None = None
    machine_shape: str | None = None
    commit: str | None = None
    bundle_sha256: str | None = None
    overrides: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = None
    differs: tuple[str, ...] | None = None
    differs_from: str | None = None
    verdict: Verdict | None = None
    comparison: "Comparison | None" = None
    folder: Path | None = None  # relative to the root
    run: "Run | None" = None  # its entry in the ledger

    @property
    def multiple(self) -> Multiple | None:
        """FID and the floor that it is measured by, as the run's report takes them."""
        return find_multiple(vars(self))

    @property
    def fid_per_floor(self) -> float | None:
        """FID as a multiple of its floor."""
        return self.multiple.times if self.multiple else None

    @property
    def rank(self) -> tuple[float, float, str]:
        """The key to sort by: public score, then FID that means something, then the latest."""
        means = self.fid is not None and not self.random_weights
        newest_first = "".join(chr(0x10FFFF - ord(sign)) for sign in self.when or "")
        return (
            float("inf") if self.public is None else self.public,
            self.fid if means and self.fid is not None else float("inf"),
            newest_first,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values, with KEYS as its keys."""
        values: dict[str, Any] = {key: getattr(self, key) for key in KEYS}
        values["overrides"] = list(self.overrides)
        values["differs"] = None if self.differs is None else list(self.differs)
        values["folder"] = self.folder and show_path(self.folder)
        if self.verdict:
            values["verdict"] = self.verdict.as_dict()
        values["comparison"] = self.comparison and vars(self.comparison)
        return dict(replace_nan(values))


def show_path(path: Path) -> str:
    """A path -> its text in one line that any terminal can print."""
    return show_line(path.as_posix())


def show_line(text: str) -> str:
    """A text -> one line: signs that do not print become question marks."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
