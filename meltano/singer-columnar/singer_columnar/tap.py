"""A Singer tap of columnar streams: their catalog, and a stop that loses no bookmark."""

from __future__ import annotations

import abc
import os
import sys
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, ClassVar

from singer_sdk.helpers._util import load_json
from singer_sdk.plugin_base import PluginBase, _ConfigInput
from singer_sdk.singerlib import Catalog
from singer_sdk.tap_base import Tap

from singer_columnar.command import TapCommand, hide_secrets
from singer_columnar.errors import OutputClosedError, SettingsError
from singer_columnar.message_writer import MessageWriter
from singer_columnar.stopping import StopRequested, StopSignal
from singer_columnar.stream import ColumnarStream

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    import click

    from singer_columnar.reading import CatalogDict


class ColumnarTap(Tap):
    """A tap whose streams come from its catalog's entries; a tap says how they are discovered and made."""

    secret_settings: ClassVar[tuple[str, ...]] = ()
    """Settings whose values never reach a log."""
    piece: ClassVar[str] = "chunk"
    """What is read at once, in the user's words."""
    dynamic_catalog = True
    message_writer_class = MessageWriter
    message_writer: MessageWriter

    def __init__(self, *, catalog: Any = None, **kwargs: Any) -> None:
        self.stop = StopSignal()
        self._is_syncing = False
        self._given_catalog: dict[str, Any] | None = catalog if isinstance(catalog, dict) else None
        if isinstance(catalog, Catalog):
            self._given_catalog = catalog.to_dict()
        config = kwargs.get("config")
        if isinstance(config, dict):
            # Before validation, whose messages quote the values that they refuse.
            hide_secrets(str(config[name]) for name in self.secret_settings if config.get(name))
        super().__init__(catalog=catalog, **kwargs)

    @abc.abstractmethod
    def discover_entries(self) -> list[CatalogDict]:
        """Look for what can be read, and describe each as a catalog entry."""

    @abc.abstractmethod
    def make_stream(self, entry: CatalogDict) -> ColumnarStream:
        """The stream of a catalog entry."""

    @cached_property
    def _entries(self) -> list[CatalogDict]:
        """The catalog's entries: those given, or those discovered."""
        if self._given_catalog is not None:
            entries: list[CatalogDict] = self._given_catalog.get("streams", [])
            return entries
        return self.discover_entries()

    @property
    def has_catalog(self) -> bool:
        """Whether a catalog was given, which then says what is selected."""
        return self._given_catalog is not None

    @property
    def catalog_dict(self) -> dict[str, Any]:
        """The catalog as JSON, with the parts of our schemas that the SDK's own classes do not know."""
        return {"streams": [stream.catalog_dict for stream in self._own_streams()]}

    def _own_streams(self) -> list[ColumnarStream]:
        return [stream for stream in self.streams.values() if isinstance(stream, ColumnarStream)]

    def discover_streams(self) -> Sequence[ColumnarStream]:
        """One stream per catalog entry."""
        return [self.make_stream(entry) for entry in self._entries]

    def setup_mapper(self) -> None:
        """Register the streams' own schemas, which the SDK's catalog classes would strip of our keywords."""
        PluginBase.setup_mapper(self)
        for stream in self._own_streams():
            self.mapper.register_raw_stream_schema(stream.name, stream.selected_schema, stream.primary_keys)

    def write_lines(self, lines: bytes) -> None:
        """Write whole Singer messages to where the message writer writes."""
        self.message_writer.write_lines(lines)

    # Stopping

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Ask for a stop after the rows at hand; outside a sync there is nothing to save."""
        if not self._is_syncing:
            raise SystemExit(128 + signum)
        if not self.stop.requested:
            self.logger.info("Signal %d: stopping after the %s at hand", signum, self.piece)
        self.stop.request()

    @classmethod
    def invoke(  # type: ignore[override] # as the SDK's Tap narrows it
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Run what the command line asks for; as the SDK does, but with a stop that saves the state."""
        PluginBase.invoke.__func__(cls, about=about, about_format=about_format)  # type: ignore[attr-defined]
        cls.print_version(print_fn=cls.logger.info)
        given = config or _ConfigInput()
        tap = cls(
            config=given.config,
            state=_json_of(state, "state"),
            catalog=_json_of(catalog, "catalog"),
            parse_env_config=given.parse_env,
            validate_config=True,
        )
        tap.run_sync()

    def run_sync(self) -> None:
        """Sync all streams; when asked to stop, send the final STATE and return."""
        self._is_syncing = True
        try:
            self.sync_all()
        except StopRequested:
            self.state_writer.write_state(self.state)
            self.logger.info("Stopped as asked; the last STATE covers every row that was sent")
            _leave()
        except BrokenPipeError as error:
            raise OutputClosedError(
                "The process that reads our output went away",
                "See its own error; a rerun goes on from the last STATE that it stored.",
            ) from error
        finally:
            self._is_syncing = False

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The command line, with one clear line for every failure."""
        return TapCommand.from_sdk(super().get_singer_command(), cls.logger)


def _json_of(file: IO[str] | None, name: str) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        content: dict[str, Any] = load_json(file.read())
    except ValueError as error:
        raise SettingsError(
            f"The file of --{name} ({file.name}) is not JSON: {error}", f"Give the {name} that a run wrote."
        ) from error
    return content


def _leave() -> None:
    """End the process now: a call that cannot be cancelled may still hold a thread."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
