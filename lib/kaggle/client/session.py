"""Call Kaggle through kagglesdk with deadlines; repeat calls only where that is safe."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import requests

from lib.base.attempts import attempt
from lib.base.errors import InputError
from lib.base.log import log
from lib.kaggle.client.credentials import CURE, Credentials, find_credentials, list_secrets
from lib.kaggle.client.errors import MALFORMED, KaggleError, explain
from lib.kaggle.client.secrets import clean_words
from lib.kaggle.client.timeouts import Patience
from lib.kaggle.client.transport import DeadlineAdapter

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class KaggleSession:
    """A signed-in kagglesdk client, how long to wait for it, and the secrets never to show."""

    sdk: Any  # kagglesdk.kaggle_client.KaggleClient
    patience: Patience
    secrets: list[str]

    @property
    def kernels(self) -> Any:
        """kagglesdk's client of KernelsApiService."""
        return self.sdk.kernels.kernels_api_client

    @property
    def competitions(self) -> Any:
        """kagglesdk's client of CompetitionApiService."""
        return self.sdk.competitions.competition_api_client

    @property
    def data_sets(self) -> Any:
        """kagglesdk's client of DatasetApiService."""
        return self.sdk.datasets.dataset_api_client

    def ask(self, what: str, method: Callable[[Any], Answer], request: Any) -> Answer:
        """Call a method of kagglesdk, again if need be; `what` names the call in messages.

        Use it only for calls that change nothing or may be made twice without harm.
        """
        return self.repeat(lambda: self.ask_once(what, method, request))

    def ask_once(self, what: str, method: Callable[[Any], Answer], request: Any) -> Answer:
        """Call a method of kagglesdk once; raise a KaggleError for whatever it raises.

        What reads the answer belongs into the method, for an answer may hold anything anywhere.
        """
        try:
            return method(request)
        except MALFORMED as error:
            raise explain(what, error, self.secrets) from None

    def clean(self, words: Any) -> str:
        """The server's words -> one line that may be shown and kept; TypeError for no text."""
        return clean_words(read_text(words), self.secrets)

    def repeat(
        self,
        step: Callable[[], Answer],
        recover: Callable[[KaggleError], Answer | None] = lambda _: None,
    ) -> Answer:
        """Try a step until it succeeds; wait out passing troubles and raise others.

        `recover` may find the answer although the step failed.
        """

        def wait(error: KaggleError, pause_s: float) -> None:
            if not error.passing:
                raise error
            self.wait_out(error, pause_s)

        return attempt(step, self.patience.list_pauses(), KaggleError, wait, recover)

    def wait_out(self, error: KaggleError, pause_s: float) -> None:
        """Print what went wrong and wait for the pause, or as long as Retry-After says."""
        wait = max(pause_s, min(error.retry_after_s, self.patience.longest_pause_s))
        log("kaggle", f"{error.what}: {error.got}; trying again in {wait:.1f} s")
        time.sleep(wait)


def read_text(value: Any) -> str:
    """A field of an answer -> its text, "" for None; TypeError for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value


def read_number(value: Any) -> int:
    """A field of an answer -> its whole number, 0 for None; ValueError for anything else."""
    if value is None:
        return 0
    if type(value) is not int and not (isinstance(value, str) and value.isdecimal()):
        raise ValueError("a number is expected")
    return int(value)


@contextmanager
def open_session(patience: Patience) -> Iterator[KaggleSession]:
    """Sign in with the credentials that the kaggle client would use.

    The `kaggle` package authenticates on import, without a deadline. kagglesdk, which it uses,
    does so only when asked.
    """
    found = find_credentials()
    if not found:
        raise InputError("kaggle", "no credentials were found", cure=CURE)
    sdk = _sign_in(found[0], patience)
    try:
        yield KaggleSession(sdk, patience, list_secrets())
    finally:
        sdk.http_client()._session.close()


def open_plain_session(patience: Patience) -> requests.Session:
    """Open a session without credentials, for signed addresses."""
    session = _set_deadlines(requests.Session(), patience, moves_files=True)
    session.auth = _sign_nothing  # or ~/.netrc would be read for them
    return session


def _sign_nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _sign_in(credentials: Credentials, patience: Patience) -> Any:
    from kagglesdk.kaggle_creds import KaggleCredentials

    if not "".join((credentials.token, credentials.username, credentials.key)).isascii():
        what = "the credentials hold letters that no token, name or key has"
        raise InputError("kaggle", what, got=credentials.source, cure=CURE)
    if credentials.kind == "token":
        return _make_client(patience, api_token=credentials.token)
    if credentials.kind == "key":
        return _make_client(patience, username=credentials.username, password=credentials.key)
    unsigned = _make_client(patience)
    try:
        token = KaggleCredentials.load(unsigned).get_access_token()
    except MALFORMED as error:
        raise explain("refreshing the OAuth login", error, list_secrets()) from None
    finally:
        unsigned.http_client()._session.close()
    return _make_client(patience, api_token=token)


def _make_client(
    patience: Patience,
    api_token: str | None = None,
    username: str | None = None,
    password: str | None = None,
) -> Any:
    from kagglesdk.kaggle_client import KaggleClient
    from kagglesdk.kaggle_env import KaggleEnv

    named = os.environ.get("KAGGLE_API_ENVIRONMENT", "PROD")
    if named not in ("PROD", "LOCALHOST"):  # the kaggle client uses the real host for these
        raise InputError(
            "kaggle",
            "KAGGLE_API_ENVIRONMENT names no host",
            expected="PROD or LOCALHOST",
            got=repr(named),
            cure="unset it",
        )
    place = KaggleEnv.LOCAL if named == "LOCALHOST" else KaggleEnv.PROD
    client = KaggleClient(
        env=place,
        username=username,
        password=password,
        api_token=api_token,
    )
    client.__enter__()  # opens the session
    _set_deadlines(client.http_client()._session, patience)
    return client


def _set_deadlines(
    session: requests.Session, patience: Patience, moves_files: bool = False
) -> requests.Session:
    for scheme in ("http://", "https://"):
        session.mount(scheme, DeadlineAdapter(patience, moves_files))
    return session
