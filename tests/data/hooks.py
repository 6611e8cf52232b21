"""Functions that tests give to the Python step.

What belongs here: nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def doubled(frame: pd.DataFrame, by: int = 2) -> pd.DataFrame:
    """A column more."""
    return frame.assign(doubled=frame["id"] * by)


def size(frame: pd.DataFrame) -> pd.DataFrame:
    """Each row with the number of rows of the call."""
    return frame.assign(called_with=len(frame))


def failing(frame: pd.DataFrame) -> pd.DataFrame:
    """Raises."""
    message = f"cannot treat {len(frame)} rows"
    raise ValueError(message)


def changing(frame: pd.DataFrame) -> pd.DataFrame:
    """Another column in each call."""
    return frame.rename(columns={"id": f"id_{int(frame['id'].iloc[0])}"})


def not_a_frame(frame: pd.DataFrame) -> int:
    """Something else."""
    return len(frame)
