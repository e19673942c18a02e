"""A run's metrics and settings -> a verdict: whether to submit what it made, and why.

How many times the floor counts as far is this project's habit. No competition draws such a line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lib.base.log import format_seconds
from lib.kernel.configuration.config import OFFICIAL, RANDOM_WEIGHTS, Config
from lib.kernel.configuration.rules import Rules

SUBMIT, DOUBTFUL, REFUSE = "submit", "doubtful", "do not submit"
# An FID of up to so many times its floor -> what that means.
MEANINGS = (
    (1.2, "by this measure they are as good as real pictures"),
    (2.0, "by this measure they are hardly told from real pictures"),
    (5.0, "near to real pictures, with room to improve"),
    (20.0, "still far from real pictures"),
)
FAR = MEANINGS[-1][0]
_VERY_FAR = "very far from real pictures: longer training or another recipe should do better"
LITTLE_TRAINING = 0.25  # of a run's seconds: less is time lost
LITTLE_USED = 0.5  # of the minutes that a run may take
_WORDS = {  # answer -> words where a leaderboard waits, and where none does
    SUBMIT: ("Submit it.", "Use these pictures."),
    DOUBTFUL: ("Submit it, but {}.", "Use these pictures, but {}."),
    REFUSE: ("Do not submit this: {}.", "Do not use these pictures: {}."),
}


@dataclass(frozen=True)
class Verdict:
    """The answer to "should I submit this?"."""

    answer: str  # SUBMIT, DOUBTFUL or REFUSE
    words: str  # the answer in a sentence
    reasons: tuple[str, ...]  # sentences, the gravest first

    def as_dict(self) -> dict[str, Any]:
        """Return what metrics.json holds under "verdict"."""
        return {"answer": self.answer, "words": self.words, "reasons": list(self.reasons)}

    def describe(self) -> str:
        """Say it in one line of the log."""
        return " ".join([self.words, *self.reasons])


@dataclass(frozen=True)
class Reason:
    """One reason, and the answer that it alone would give."""

    answer: str
    brief: str  # fits after "Submit it, but" and "Do not submit this:"
    sentence: str


@dataclass(frozen=True)
class Multiple:
    """An FID and the floor that it is measured by."""

    fid: float
    floor: float
    is_held_out: bool  # against the real images that did not choose the submission

    @property
    def times(self) -> float:
        """How many times the floor the FID is."""
        return self.fid / self.floor

    def describe(self) -> str:
        """Say what so many times the floor means."""
        return next((words for most, words in MEANINGS if self.times <= most), _VERY_FAR)


def find_multiple(metrics: Mapping[str, Any]) -> Multiple | None:
    """Metrics -> the submission's FID with its floor; None where one is missing.

    Images that were chosen by FID are measured by the held-out half, which did not choose them.
    """
    for fid, floor in (("fid_held_out", "floor_half"), ("fid", "floor")):
        if metrics.get(fid) is not None and (metrics.get(floor) or 0.0) > 0.0:
            return Multiple(metrics[fid], metrics[floor], fid == "fid_held_out")
    return None


def judge_run(metrics: Mapping[str, Any], config: Config, rules: Rules) -> Verdict:
    """(metrics of a finished run, its Config as given, the competition's rules) -> Verdict."""
    found = [
        *_judge_features(config, rules),
        *_judge_rows(config, rules),
        *_judge_copies(metrics),
        *_judge_distance(metrics, config),
        *_judge_training(metrics, config),
    ]
    order = (REFUSE, DOUBTFUL, SUBMIT)
    ranked = sorted(found, key=lambda reason: order.index(reason.answer))
    answer = ranked[0].answer if ranked else SUBMIT
    words = _WORDS[answer][0 if rules.slug else 1].format(ranked[0].brief if ranked else "")
    return Verdict(answer, words, tuple(reason.sentence for reason in ranked))


def judge_unfinished(is_training: bool, stage: str) -> Verdict:
    """(whether training goes on, the last stage that ended) -> the Verdict of a run so far."""
    if is_training:
        return Verdict(REFUSE, "Nothing to submit yet: training goes on.", ())
    why = f"The last stage that ended is {stage!r}; the same command goes on from there."
    return Verdict(REFUSE, "Nothing to submit yet: the run is not complete.", (why,))


def _judge_features(config: Config, rules: Rules) -> Iterator[Reason]:
    if config.weights_file == RANDOM_WEIGHTS:
        yield Reason(
            REFUSE,
            "its features come from random weights",
            "Inception's weights are random, so features and FID measure nothing. Without "
            "--weights random the run finds or downloads the real ones.",
        )
    if rules.slug and config.preprocessing != OFFICIAL:
        yield Reason(
            DOUBTFUL,
            f"its features were prepared by {config.preprocessing!r}, unlike the competition's",
            f"Pictures went into Inception by preprocessing {config.preprocessing!r}, not by the "
            "competition's own.",
        )


def _judge_rows(config: Config, rules: Rules) -> Iterator[Reason]:
    if rules.rows and config.samples != rules.rows:
        number = "fewer" if config.samples < rules.rows else "more"
        yield Reason(
            REFUSE,
            f"it has {config.samples:,} rows, not {rules.rows:,}",
            f"The competition takes {rules.rows:,} rows, and these are {number}: "
            f"{config.samples:,} (--set samples={rules.rows}).",
        )


def _judge_copies(metrics: Mapping[str, Any]) -> Iterator[Reason]:
    copying = metrics.get("details", {}).get("copying")
    if copying == "copies":
        yield Reason(
            DOUBTFUL,
            "the generator copies training images",
            "More generated pictures are exact copies of training images than unseen real ones "
            "are: see the nearest training images below.",
        )
    elif copying == "near":
        yield Reason(
            DOUBTFUL,
            "look first at the nearest training images",
            "Generated pictures are nearer to training images than unseen real ones are: they are "
            "nearly copies, or plainer than real ones.",
        )


def _judge_distance(metrics: Mapping[str, Any], config: Config) -> Iterator[Reason]:
    found = find_multiple(metrics)
    if config.weights_file == RANDOM_WEIGHTS or found is None:
        return
    whose = "FID against real images that did not choose it" if found.is_held_out else "FID"
    sentence = (
        f"Its {whose} is {found.fid:.4g}, {found.times:.2g} times the floor of {found.floor:.4g}: "
        f"{found.describe()}."
    )
    if "excess" in metrics and metrics["excess"] is None:
        sentence += " That floor is a guess, for there are too few real images."
    is_far = found.times > FAR
    brief = f"its FID is {found.times:,.0f} times the floor"
    yield Reason(DOUBTFUL if is_far else SUBMIT, brief, sentence)


def _judge_training(metrics: Mapping[str, Any], config: Config) -> Iterator[Reason]:
    """Metrics, Config as given -> what training lost, if anything."""
    training = metrics.get("training", {})
    if training.get("gave_up"):
        why = f"Training ended early: {training['ended']}."
        yield Reason(DOUBTFUL, "its training broke off", why)
    elif count := training.get("rollbacks", 0):
        steps = "once" if count == 1 else f"{count} times"
        why = f"Training diverged {steps} and went back to a checkpoint; those steps are lost."
        yield Reason(SUBMIT, "", why)
    if metrics.get("stall"):
        yield Reason(SUBMIT, "", f"{metrics['stall']}.")
    if count := metrics.get("interruptions", 0):
        often = "once" if count == 1 else f"{count} times"
        why = f"The run was interrupted {often}; it went on, but what followed a save was redone."
        yield Reason(SUBMIT, "", why)
    yield from _judge_time(metrics, config)


def _judge_time(metrics: Mapping[str, Any], config: Config) -> Iterator[Reason]:
    """Metrics, Config as given -> whether the run's minutes went into training."""
    stages = metrics.get("seconds", {})
    spent_s, train_s = sum(stages.values()), metrics.get("training", {}).get("seconds")
    if train_s is None or not spent_s:
        return
    bound = next(
        (name for name in ("steps", "epochs", "train_minutes") if getattr(config, name)), ""
    )
    if bound and spent_s < LITTLE_USED * config.minutes * 60 and not metrics.get("stall"):
        why = (
            f"Training stopped at the {bound} that were set, after {format_seconds(train_s)}. The "
            f"run took {format_seconds(spent_s)} of its {config.minutes:g} minutes: more {bound} "
            "may do better."
        )
        yield Reason(SUBMIT, "", why)
    elif not bound and train_s < LITTLE_TRAINING * spent_s:
        longest = max(
            (name for name in stages if name != "train"),
            key=lambda name: stages[name],
            default="train",
        )
        why = (
            f"Only {format_seconds(train_s)} of {format_seconds(spent_s)} were training steps; "
            f"the longest other stage, {longest}, took {format_seconds(stages[longest])}."
        )
        yield Reason(DOUBTFUL, "little of its time went into training", why)
