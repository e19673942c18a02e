"""Ask Kaggle whose the credentials are, and how many hours of a GPU or TPU they have left."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lib.kaggle.client.credentials import find_credentials
from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.session import KaggleSession


@dataclass(frozen=True)
class Quota:
    """The hours of one kind of accelerator in the present week."""

    kind: str  # "gpu" or "tpu"
    used_h: float
    total_h: float
    reserved_h: float  # by runs that have not ended
    renewed: datetime | None  # UTC

    @property
    def left_h(self) -> float:
        """The hours that are left, those of present runs among them; never below 0."""
        return max(0.0, self.total_h - self.used_h)

    def describe(self) -> str:
        """Say how much is left, and when the rest returns."""
        held = f", {self.reserved_h:.1f} h of them held by runs" if self.reserved_h else ""
        when = f", renewed {self.renewed:%Y-%m-%d %H:%M} UTC" if self.renewed else ""
        return f"{self.left_h:.1f} of {self.total_h:.1f} h left{held}{when}"


def ask_account(session: KaggleSession) -> str:
    """Return the name of the account that signed in, "" where nothing tells it.

    Beside a key it is written; whose a token is only Kaggle knows.
    """
    found = next(iter(find_credentials()), None)
    if found is None or found.kind != "token":
        return found.username if found else ""
    from kagglesdk.security.types.oauth_service import IntrospectTokenRequest

    request = IntrospectTokenRequest()
    request.token = found.token

    def read(request: Any) -> str:
        answer = session.sdk.security.oauth_client.introspect_token(request)
        return session.clean(answer.username) if answer.active is True else ""

    return session.ask("whose the token is", read, request)


def ask_quota(session: KaggleSession, kind: str) -> Quota | None:
    """Ask for the hours of a "gpu" or "tpu"; None where Kaggle does not tell them."""
    from kagglesdk.kernels.types.kernels_api_service import (
        ApiGetAcceleratorQuotaStatisticsRequest,
    )

    def read(request: Any) -> Quota | None:
        answer = session.kernels.get_accelerator_quota_statistics(request)
        quota = answer.gpu_quota if kind == "gpu" else answer.tpu_quota
        if quota is None or quota.total_time_allowed is None:
            return None
        times = (quota.time_used, quota.total_time_allowed, quota.time_reserved)
        used, total, reserved = (time.total_seconds() / 3600 if time else 0.0 for time in times)
        return Quota(kind, used, total, reserved, answer.quota_refresh_time)

    return session.ask("the hours left", read, ApiGetAcceleratorQuotaStatisticsRequest())


def find_owner_cure(account: str, ref: str) -> str:
    """(account that signed in, owner/slug of a kernel) -> what to do where it is another's; or "".

    Kaggle itself only says 'Notebook not found' then.
    """
    owner, slug = ref.split("/")
    if not account or account.lower() == owner.lower():
        return ""
    return (
        f"the credentials are {account}'s, and id in kernel-metadata.json is {owner}'s: set it to "
        f'"{account}/{slug}", or sign in as {owner}'
    )


@contextmanager
def explain_owner(session: KaggleSession, ref: str) -> Iterator[None]:
    """Give a refusal within the block the cure of find_owner_cure, where that is the reason."""
    try:
        yield
    except KaggleError as refusal:
        if not refusal.lost and refusal.code != 401:
            with suppress(KaggleError):  # it cannot be asked now
                refusal.cure = find_owner_cure(ask_account(session), ref) or refusal.cure
        raise
