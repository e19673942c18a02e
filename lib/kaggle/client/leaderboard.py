"""Ask where the user's team stands on a competition's leaderboard."""

from dataclasses import dataclass
from typing import Any

from lib.kaggle.client.errors import KaggleError
from lib.kaggle.client.session import KaggleSession, read_number


@dataclass(frozen=True)
class Place:
    """A team's rank by its best submission, 1 for the first, and the number of all teams."""

    rank: int
    teams: int

    def describe(self) -> str:
        """Return the place in words."""
        return f"{self.rank} of {self.teams}" if self.teams >= self.rank else str(self.rank)


def ask_place(session: KaggleSession, competition: str) -> Place | None:
    """Ask once for the user's place; None where Kaggle does not tell, whatever the reason."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

    request = ApiGetCompetitionRequest()
    request.competition_name = competition

    def read(request: Any) -> Place:
        found = session.competitions.get_competition(request)
        return Place(read_number(found.user_rank or 0), read_number(found.team_count or 0))

    try:
        place = session.ask_once(f"the place in {competition}", read, request)
    except KaggleError:
        return None
    return place if place.rank > 0 else None
