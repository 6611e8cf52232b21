"""What a stream's messages say about whether the tap has sent all of it.

Meltano closes the target's input in the same way whether the tap finished or died, so the end of the input proves
nothing. README, "Load algebra", says which signs count.
"""

from __future__ import annotations


class Completeness:
    """The signs of one stream in one run.

    Attributes:
        version: The table version of its rows, None for a stream without versions.
    """

    def __init__(self) -> None:
        self.version: int | None = None
        self._announced = False
        self._some_rows = False
        self._empty = False
        self._was_marked = False
        self._is_marked = False
        self._unmarked_behind_rows = False

    def saw_rows(self, version: int | None) -> None:
        """Note that rows came: an earlier state no longer says that the stream is whole."""
        self._unmarked_behind_rows = self._empty = False
        self._some_rows = True
        if version is not None:
            self.version = version

    def saw_state(self, marked: bool | None) -> None:
        """Note what a state says.

        Progress markers that were there and are gone mean that the tap has finished the stream. Their mere absence
        means nothing: the SDK's full-table streams never have any, finished or not.

        Args:
            marked: The state has progress markers for the stream; None if it does not mention it.
        """
        if marked is None:
            return
        self._empty = self._announced and not self._some_rows and not marked
        self._unmarked_behind_rows = self._was_marked and not marked
        self._was_marked = self._was_marked or marked
        self._is_marked = marked

    def saw_version(self, version: int) -> bool:
        """Take an ACTIVATE_VERSION message and say whether it completes the stream.

        The SDK sends one before the first row, which only announces. A tap that sends it only behind the last row
        sends just this one for an empty table: the state that follows tells the two apart (`known_empty`).
        """
        self.version = version
        if self._some_rows or self._announced:
            return True
        self._announced = True
        return False

    @property
    def expected(self) -> bool:
        """True when anything of the stream came, if only its announcement."""
        return self._announced or self._some_rows

    @property
    def known_empty(self) -> bool:
        """True when the tap said that it sent all rows, and sent none."""
        return self._empty

    @property
    def whole_by_state(self) -> bool:
        """True when the states alone say that the stream is whole."""
        return self._unmarked_behind_rows and not self._announced

    @property
    def known_partial(self) -> bool:
        """True when the stream was announced or marked as in progress, and nothing took that back."""
        return self._announced or self._is_marked
