"""What a request can get wrong, as the documented error body says it: reference, code, message, details."""

from __future__ import annotations

import uuid
from typing import Any


class RequestError(Exception):
    """A request that is answered by an error.

    Attributes:
        status: The HTTP status.
        code: The class of the error in its body.
        details: Field names with what is wrong, or nothing.
    """

    status = 400
    code = "VALIDATION_ERROR"

    def __init__(self, message: str, details: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        """The error as JSON."""
        shown: dict[str, Any] = {"reference": str(uuid.uuid4()), "code": self.code, "message": self.message}
        return shown | ({"details": self.details} if self.details else {})


class InvalidRequestError(RequestError):
    """A parameter or field has a wrong name or value."""

    def __init__(self, details: dict[str, str]) -> None:
        super().__init__("Invalid input.", details)


class NoRowsError(RequestError):
    """Nothing was found: also what a filter that matches no row gives."""

    status = 404
    code = "NOT_FOUND"

    def __init__(self, message: str = "Not found.") -> None:
        super().__init__(message)


class NotLoggedInError(RequestError):
    """No credentials, or wrong ones."""

    status = 401
    code = "AUTHENTICATION_ERROR"

    def __init__(self) -> None:
        super().__init__("Invalid username/password.")


class NotAllowedError(RequestError):
    """The user is not eligible for this."""

    status = 403
    code = "PERMISSION_DENIED"


class WrongMethodError(RequestError):
    """The resource has no such method."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
