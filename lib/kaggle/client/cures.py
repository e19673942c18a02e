"""A refusal in Kaggle's words -> what the user can do about it."""

import re

from lib.base.kaggle_limits import WEEK_HOURS

LATER = "Kaggle or the network has trouble: try the same command again later"
_DOCTOR = "python build.py doctor"
# Pattern in the server's message -> what to do. {page} is the competition's address, {count} and
# {kind} are groups of the pattern. The first that is found counts.
_CURES = (
    (
        r"batch (?P<kind>GPU|TPU|CPU)? ?session count(?: of (?P<count>\d+))?",
        "{count} sessions of yours run already: wait for one to end (python build.py watch) or "
        "stop one at https://www.kaggle.com/code, then push again",
    ),
    (
        r"weekly (?P<kind>GPU|TPU)? ?quota",
        f"{_DOCTOR} shows the {{kind}} hours left and when the {WEEK_HOURS} of a week return: wait "
        "for the weekly reset, or push to a CPU: --accelerator none",
    ),
    (
        r"daily submission allowance|submission limit",
        "the allowance returns at midnight UTC; nothing was submitted",
    ),
    (
        r"max(imum)? allowed execution duration|execution time limit",
        "its log shows whether it hung; push again with a smaller --minutes, or where the time "
        "was too short, with a larger one",
    ),
    (
        r"more memory than is available|out of memory",
        "push again with less in memory, such as a smaller batch",
    ),
    (r"less than 1 megabyte", "bundle fewer modules, or attach constants as a data set"),
    (
        r"deadline\b.{0,60}\b(passed|over)\b|(after|past) the (final )?deadline"
        r"|(competition|submissions?) (has|have|is|are) (already )?(now )?"
        r"(ended|over|closed|finished|completed|disabled)|no longer (accept|tak|open)\w*"
        r"|(not|n't) (currently )?accept(ing)? (late )?submissions(?! from)"
        r"|closed (for|to) .*submission",
        "the competition is over, and nothing was submitted; whether it takes late submissions "
        "stands at {page}",
    ),
    (
        r"accept(ed|ing)? (the |its |this competition'?s |the competition'?s )*"
        r"(competition )?rules|must accept|rules.acceptance",
        "accept the rules at {page}/rules, then the same command again",
    ),
    (
        r"(must|need to|have to|please|(not|n't) (yet )?)(first )?(join|enter)(ed|ing)?\b"
        r"|(not|n't) (yet )?(been )?(a |an )?(part of|member|participant|participating|registered)"
        r"|join .*(competition|before)|competitions?\.(participate|submit)|not .*participat",
        "join the competition at {page} (its button Join, or Late Submission) and accept its "
        "rules, then the same command again",
    ),
    (
        r"(not|n't) (accept|allow|take|support)\w* .*(notebook|kernel|code) submissions"
        r"|(not|n't) a (code|notebook|kernels?).competition|only accepts .*(csv|file) submissions",
        "submit the file itself: python build.py submit VERSION -m TEXT, without --kernel",
    ),
    (
        r"(only|must|need|require)\w*\b.*\b(submissions?|submit\w*)\b.*\b(notebooks?|kernels?)\b"
        r"|(submissions?|submit\w*)\b.*\b(only|must|need|require).*\b(notebooks?|kernels?)\b"
        r"|is a (code|notebook|kernels?).(only )?competition",
        "this competition takes the notebook, not its file: python build.py submit VERSION -m TEXT "
        "--kernel",
    ),
    (r"phone", "verify your phone number at https://www.kaggle.com/settings"),
    (
        r"(verif\w+|confirm\w*) .*identity|identity verification|persona\b",
        "verify your identity at https://www.kaggle.com/settings",
    ),
    (
        r"(notebook|kernel|script) (was |is |could )?(not|n't)( be)? found"
        r"|no such (notebook|kernel)",
        "this account can see no such kernel or version: python build.py runs lists the versions, "
        f"{_DOCTOR} compares the owner in kernel-metadata.json with your account",
    ),
)
_CURES_BY_CODE = {
    400: f"check kernel-metadata.json: {_DOCTOR}",
    401: "the token or key was refused: make a new one at https://www.kaggle.com/settings, "
    "then python build.py doctor",
    403: "check that id in kernel-metadata.json is the slug in the kernel's address on kaggle.com "
    "and that the credentials are its owner's: python build.py doctor",
    404: "check id in kernel-metadata.json and the version: python build.py runs",
    409: "another kernel of yours has this title or is being saved: change title and id "
    "together (python build.py init --owner NAME --slug SLUG), or wait and push again",
    429: "Kaggle asks for fewer calls: wait some minutes",
}


def find_cure(message: str, code: int = 0, competition: str = "") -> str:
    """(the server's message, HTTP code or 0, the competition or "") -> what the user can do."""
    for pattern, cure in _CURES:
        if found := re.search(pattern, message, re.IGNORECASE):
            groups = found.groupdict()
            count = groups.get("count") or "too many"
            page = f"https://www.kaggle.com/competitions/{competition or 'SLUG'}"
            told = cure.format(count=count, kind=(groups.get("kind") or "GPU").upper(), page=page)
            return re.sub(r"^1 sessions of yours run\b", "a session of yours runs", told)
    return _CURES_BY_CODE.get(code, LATER)
