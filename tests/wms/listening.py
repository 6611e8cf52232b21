"""One listening server of a test process, which every test gives a sample server of its own.

To start a server and to end it takes a fifth of a second of waiting, and there is nothing new in it the hundredth time.

What belongs here: the listener. What does not: how a server starts and ends (``mock_server/test_faults``).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, cast

from starlette.responses import PlainTextResponse

from flext_pipelines.wms.mock_server.serving import Running, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from flext_pipelines.wms.mock_server.app import MockServer

_NOBODY = PlainTextResponse("No test has given a server", 503)


class Listener:
    """What listens, and who answers.

    Attributes:
        tenant: The tenant of the URL that it is started with; nobody asks for it.
    """

    tenant = "nobody"

    def __init__(self) -> None:
        self._answering: ASGIApp = _NOBODY
        self._root = ""

    def app(self) -> ASGIApp:
        """Hands every request to the server of the present test."""

        async def hand_over(scope: Scope, receive: Receive, send: Send) -> None:
            await self._answering(scope, receive, send)

        return hand_over

    @contextlib.contextmanager
    def opened(self) -> Iterator[Listener]:
        """Listens for as long as the block lasts."""
        # Of a server it is asked for no more than its application and its tenant.
        with running(cast("MockServer", self)) as started:
            self._root = started.url.rpartition("/")[0]
            yield self

    @contextlib.contextmanager
    def serving(self, server: MockServer) -> Iterator[Running]:
        """The server answers for as long as the block lasts."""
        self._answering = server.app()
        try:
            yield Running(server, f"{self._root}/{server.tenant}")
        finally:
            self._answering = _NOBODY
