"""kernel.run_steps: what the grids show."""

import numpy as np
import pytest

from lib.kernel.run_steps import spread_out

pytestmark = pytest.mark.ships


@pytest.mark.parametrize(("count", "shown"), [(3, 3), (40, 40), (79, 40), (4000, 40)])
def test_a_grid_shows_images_from_all_over(count: int, shown: int) -> None:
    """Past failure: of files in the order of their names, the report showed digits alone."""
    images = np.arange(count).reshape(-1, 1, 1, 1)
    found = spread_out(images)[:, 0, 0, 0]
    assert len(found) == shown
    assert found[-1] >= (count - 1) * shown / (shown + 1) / 2
    assert count < 2 * shown or found[1] - found[0] == count // shown
