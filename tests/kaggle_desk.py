"""The competition's side of Kaggle: uploads, submissions, limits, and scores of what was sent."""

import io
from typing import Any

import numpy as np
import pandas as pd

from lib.kernel.metrics.fid import features_to_statistics, frechet_distance

SIGNATURE = "X-Goog-Signature=c0ffee"


class RefusedError(Exception):
    """An HTTP error to answer with."""

    def __init__(self, code: int, message: str, status: str = "FAILED_PRECONDITION") -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class SubmissionDesk:
    """Uploads and submissions, and when each gets its score."""

    def __init__(self) -> None:
        self.submissions: list[dict[str, Any]] = []
        self.uploads: dict[str, dict[str, Any]] = {}
        self.pending_polls = 1  # GetSubmission answers PENDING that many times
        self.score_error = ""
        self.daily_limit = 5
        self.rivals: list[float] = [0.001]  # the best scores of all other teams
        self.judge = score  # of what was submitted
        self.reference: np.ndarray | None = None  # features to score by FID; else a simple sum

    def find_output(self, owner: str, slug: str, number: int, name: str) -> bytes:
        """A kernel's version and a file's name -> what the run left under it."""
        raise NotImplementedError

    def _start_upload(self, body: dict[str, Any]) -> dict[str, Any]:
        token = f"blob{len(self.uploads) + 1}"
        self.uploads[token] = {"size": body["contentLength"], "data": b"", "name": body["fileName"]}
        return {"token": token, "createUrl": sign_address(f"upload/{token}")}

    def _create_submission(self, body: dict[str, Any]) -> dict[str, Any]:
        upload = self.uploads.get(body.get("blobFileTokens", ""))
        if upload is None or len(upload["data"]) != upload["size"]:
            raise RefusedError(400, "The upload is not complete", "INVALID_ARGUMENT")
        return self._submit(body, upload["data"], upload["name"])

    def _create_code_submission(self, body: dict[str, Any]) -> dict[str, Any]:
        where = (body["kernelOwner"], body["kernelSlug"], body["kernelVersion"])
        content = self.find_output(*where, body["fileName"])
        return self._submit(body, content, body["fileName"])

    def _submit(self, body: dict[str, Any], content: bytes, name: str) -> dict[str, Any]:
        if len(self.submissions) >= self.daily_limit:
            raise RefusedError(
                400,
                f"Your team has used its daily Submission allowance ({self.daily_limit}) today, "
                "please try again tomorrow UTC (4.2 hours from now).",
            )
        entry = {
            "ref": 9000 + len(self.submissions),
            "date": "2030-01-01T00:00:00.000Z",
            "description": body.get("submissionDescription", ""),
            "fileName": name,
            "competition": body.get("competitionName", ""),
            "status": "PENDING",
            "polls": 0,
            "content": content,
        }
        self.submissions.append(entry)
        return {"message": "Successfully submitted", "ref": entry["ref"]}

    def _list_submissions(self, body: dict[str, Any]) -> dict[str, Any]:
        start = int(body.get("pageToken") or 0)
        asked = ("", body.get("competitionName", ""))
        newest = [one for one in self.submissions[::-1] if one["competition"] in asked]
        page: dict[str, Any] = {
            "submissions": [show_submission(one) for one in newest[start : start + 2]]
        }
        if start + 2 < len(newest):
            page["nextPageToken"] = str(start + 2)
        return page

    def _get_submission(self, body: dict[str, Any]) -> dict[str, Any]:
        entry = next((one for one in self.submissions if one["ref"] == body["ref"]), None)
        if entry is None:
            raise RefusedError(404, "Submission not found", "NOT_FOUND")
        entry["polls"] += 1
        if entry["polls"] > self.pending_polls and entry["status"] == "PENDING":
            if self.score_error:
                entry |= {"status": "ERROR", "errorDescription": self.score_error}
            else:
                entry |= {"status": "COMPLETE", **self.judge(entry["content"], self.reference)}
        return show_submission(entry)

    def _get_limits(self, body: dict[str, Any]) -> dict[str, Any]:
        used = len(self.submissions)
        limits = {"numToday": used, "numTotal": used, "numAllowedNow": self.daily_limit - used}
        return {name: value for name, value in limits.items() if value}  # zeros are omitted

    def _get_competition(self, body: dict[str, Any]) -> dict[str, Any]:
        """Rank the user by the lowest public score; without one there is no rank."""
        name = body["competitionName"]
        scores = [
            float(one["publicScore"])
            for one in self.submissions
            if one["competition"] == name and "publicScore" in one
        ]
        answer = {"ref": f"https://www.kaggle.com/competitions/{name}", "url": name}
        if not scores:
            return {**answer, "teamCount": len(self.rivals)}
        rank = 1 + sum(rival < min(scores) for rival in self.rivals)
        return {**answer, "teamCount": 1 + len(self.rivals), "userRank": rank}


def sign_address(path: str) -> str:
    """A path of the storage -> a signed address, which needs no credentials and is never shown."""
    return f"http://storage.localhost/{path}?{SIGNATURE}"


def score(content: bytes, reference: np.ndarray | None = None) -> dict[str, str]:
    """A CSV -> its FID against halves of the reference, public and private.

    Without one: Fréchet distances (diagonal covariances) of its even and odd rows to a standard.
    """
    table = pd.read_csv(io.BytesIO(content), index_col="id")
    features = table.to_numpy(np.float64)
    if reference is not None:
        halves = {"publicScore": reference[::2], "privateScore": reference[1::2]}
        return {
            name: f"{frechet_distance(features, features_to_statistics(real)):.5f}"
            for name, real in halves.items()
        }

    def measure(rows: np.ndarray) -> str:
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        return f"{float((mean**2).sum() + ((deviation - 1) ** 2).sum()):.5f}"

    return {"publicScore": measure(features[::2]), "privateScore": measure(features[1::2])}


def show_submission(entry: dict[str, Any]) -> dict[str, Any]:
    """A submission as it is kept -> as the API shows it, defaults left out."""
    hidden = ("content", "polls", "competition")
    return {name: value for name, value in entry.items() if name not in hidden and value}
