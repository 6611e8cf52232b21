"""Why a transaction is undone and sent again, although nothing is wrong.

What belongs here: the signal between the work and ``outcomes``. What does not: errors that anybody else may see.
"""


class SendAgainError(Exception):
    """The transaction must be sent again; what it learned is kept by whoever raised this."""


class NumbersMissingError(SendAgainError):
    """Too few ids are at hand: they are fetched by a transaction of their own first.

    Attributes:
        count: How many are needed.
    """

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} new ids are needed")
        self.count = count


class StockMovedError(SendAgainError):
    """Somebody else took stock between looking and locking: everything that could serve must be locked."""
