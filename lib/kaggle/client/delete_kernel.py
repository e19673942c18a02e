"""Delete a kernel with all its versions on Kaggle; one that is gone already is no error."""

from typing import Any

from lib.kaggle.client.errors import KaggleError, find_cure
from lib.kaggle.client.kernels import find_latest_version
from lib.kaggle.client.session import KaggleSession


def delete_kernel(session: KaggleSession, ref: str) -> bool:
    """Delete owner/slug; return False where it was not there.

    The call may be repeated, for a kernel is deleted once: after a lost answer it is gone.
    """
    from kagglesdk.kernels.types.kernels_api_service import ApiDeleteKernelRequest

    request = ApiDeleteKernelRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    what = f"deleting {ref}"

    def read(request: Any) -> bool:
        if refusal := session.clean(session.kernels.delete_kernel(request).error_message):
            raise KaggleError(what, got=repr(refusal), cure=find_cure(refusal, 400))
        return True

    try:
        return session.ask(what, read, request)
    except KaggleError as error:  # Kaggle answers 403 or 404 for a kernel that does not exist
        if error.code not in (403, 404) or find_latest_version(session, ref):
            raise
        return False
