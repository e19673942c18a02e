"""An exception of a call to Kaggle -> one error with the server's message and a cure."""

import json
import re
from collections.abc import Sequence
from typing import Any

import requests

from lib.base.errors import PipelineError
from lib.kaggle.client.cures import LATER, find_cure
from lib.kaggle.client.deadline import DeadlineError
from lib.kaggle.client.secrets import clean_words
from lib.kaggle.client.transport import HugeAnswerError, StrayRedirectError

_PASSING = (408, 425, 429, 500, 502, 503, 504)
MALFORMED = (  # what an answer that is not of the protocol makes kagglesdk or its reader raise
    *(requests.RequestException, ValueError, LookupError, TypeError, AttributeError),
    *(ArithmeticError, RecursionError),
)


class KaggleError(PipelineError):
    """A call to Kaggle failed: it was refused, met a passing trouble, or its answer was lost."""

    def __init__(
        self,
        what: str,
        *,
        got: str,
        cure: str,
        code: int = 0,
        passing: bool = False,
        lost: bool = False,
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__("kaggle", what, got=got, cure=cure)
        self.code = code  # HTTP code; 0: no answer came
        self.passing = passing  # whether the same call may succeed later
        self.lost = lost  # whether the server may have done it nevertheless
        self.retry_after_s = retry_after_s


class UnknownStatusError(KaggleError):
    """Kaggle named a status that the installed kagglesdk does not know."""


def explain(what: str, error: Exception, secrets: Sequence[str] = ()) -> KaggleError:
    """(what was asked, an exception of MALFORMED, secrets) -> the KaggleError to raise.

    The exception's own text is never shown, because it may hold a signed address. Of the server's
    words nothing is shown that holds a secret.
    """
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _explain_answer(what, error.response, secrets)
    if (words := _find_deadline(error)) is not None:
        return _lost(what, words)
    if isinstance(error, requests.Timeout):
        return _lost(what, "no answer within the deadline")
    if isinstance(error, HugeAnswerError):
        return KaggleError(what, got=f"an answer of {error}", cure=LATER, lost=True)
    if isinstance(error, StrayRedirectError):
        cure = "sign in to the network that you are in, if it asks for that; then try again"
        return KaggleError(what, got=f"{error}, which was not followed", cure=cure)
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY" in str(error):
        cure = "check the clock; behind a company's proxy set REQUESTS_CA_BUNDLE to its certificate"
        return KaggleError(what, got="a certificate that is not trusted here", cure=cure)
    if isinstance(error, json.JSONDecodeError):  # requests' own is one, too
        empty = not error.doc.strip()
        return _lost(what, "an empty answer" if empty else "an answer that is no JSON")
    if isinstance(error, requests.RequestException):
        return _lost(what, f"the connection failed ({type(error).__name__})")
    if isinstance(error, KeyError):  # kagglesdk raises it for a word that its enum does not have
        word = clean_words(str(error.args[0]), secrets)[:60] if error.args else "?"
        return UnknownStatusError(
            f"{what}: Kaggle answered with a word this client does not know",
            got=repr(word),
            cure="update the client: pip install -U kaggle",
            passing=True,
            lost=True,
        )
    return _lost(what, f"an answer that is not of the protocol ({type(error).__name__})")


def _find_deadline(error: BaseException | None) -> str | None:
    """Return the words of the DeadlineError behind an exception of requests; None for another."""
    while error is not None and not isinstance(error, DeadlineError):
        error = error.__cause__ or error.__context__
    return None if error is None else str(error)


def read_message(response: requests.Response, secrets: Sequence[str]) -> tuple[int, str]:
    """An HTTP answer -> (code, the server's message); the kaggle client hides the message."""
    try:
        body: Any = response.json()
    except (ValueError, RecursionError, requests.RequestException):
        body = None
    code, message = response.status_code, ""
    if isinstance(body, dict):
        nested = body.get("error")
        inner: dict[str, Any] = nested if isinstance(nested, dict) else body
        message = str(inner.get("message") or nested or "")
        if code < 400 and isinstance(inner.get("code"), int):
            code = inner["code"]
    return code, clean_words(message, secrets)


def read_retry_after(response: requests.Response) -> float:
    """An HTTP answer -> its Retry-After in s; 0 where there is none or it is a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if re.fullmatch(r"\d{1,5}(\.\d+)?", text) else 0.0


def _explain_answer(what: str, response: requests.Response, secrets: Sequence[str]) -> KaggleError:
    code, message = read_message(response, secrets)
    limit = re.search("quota|allowance|session count", message, re.IGNORECASE)
    passing = code in _PASSING and not limit
    return KaggleError(
        f"{what} was refused" if code < 500 else f"{what} failed",
        got=f"HTTP {code}" + (f": {json.dumps(message, ensure_ascii=False)}" if message else ""),
        cure=find_cure(message, code, _find_competition(response)),
        code=code,
        passing=passing,
        lost=code >= 500,
        retry_after_s=read_retry_after(response),
    )


def _find_competition(response: requests.Response) -> str:
    """An HTTP answer -> the competition that its request named, or ""."""
    try:
        body = response.request.body
        asked = json.loads(body) if isinstance(body, str | bytes) else {}
        named = asked.get("competitionName") or (asked.get("competitionDataSources") or [""])[0]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    return named if isinstance(named, str) else ""


def _lost(what: str, how: str) -> KaggleError:
    return KaggleError(what, got=how, cure=LATER, passing=True, lost=True)
