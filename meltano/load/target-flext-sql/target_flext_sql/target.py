"""The Singer target: the SDK's command line, settings and stream maps around a :class:`Session`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar

from singer_sdk.exceptions import InvalidRecord, MissingKeyPropertiesError, RecordsWithoutSchemaException
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TargetCapabilities
from singer_sdk.sinks.core import JSONSchemaValidator
from singer_sdk.target_base import Target

from target_flext_sql.drivers import open_driver
from target_flext_sql.errors import TruncatedInputError
from target_flext_sql.reader import MessageReader, Stopped
from target_flext_sql.session import Session
from target_flext_sql.settings import CONFIG_SCHEMA, check, with_url
from target_flext_sql.warehouse import Warehouse


def residual_validator(residual: dict[str, Any]) -> Callable[[dict[str, Any]], str | None]:
    """Make a check of a record against the keywords that column checks do not cover.

    Args:
        residual: JSON schema of those keywords.

    Returns:
        A function from a record to a reason, or None.
    """
    validator = JSONSchemaValidator(residual)

    def reason(record: dict[str, Any]) -> str | None:
        try:
            validator.validate(record)
        except InvalidRecord as error:
            return str(error.error_message)
        return None

    return reason


class TargetFlextSQL(Target):
    """Loads Singer streams into DuckDB, PostgreSQL or Oracle, batch by batch, exactly once."""

    name = "target-flext-sql"
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG_SCHEMA
    message_reader_class = MessageReader
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.HARD_DELETE,
        TargetCapabilities.SOFT_DELETE,
        TargetCapabilities.TARGET_SCHEMA,
        TargetCapabilities.VALIDATE_RECORDS,
    ]

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        settings = with_url(self.config)
        check(settings)
        dialect, driver = open_driver(settings)
        self._reader: MessageReader = self.message_reader  # type: ignore[assignment]  # made from message_reader_class
        self._session = Session(
            self.config, Warehouse(dialect, driver), self._reader.deserialize_json, residual_validator
        )
        self._ended_at_state = False

    # Messages

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        self._ended_at_state = False
        self._assert_line_requires(message_dict, requires={"stream", "schema"})
        self._assert_line_requires(message_dict["schema"], requires={"properties"})
        stream, schema = message_dict["stream"], message_dict["schema"]
        keys = message_dict.get("key_properties") or []
        bookmarks = message_dict.get("bookmark_properties") or []
        if isinstance(bookmarks, str):
            bookmarks = [bookmarks]
        self._session.settle()
        self.mapper.register_raw_stream_schema(stream, schema, keys)
        for stream_map in self.mapper.stream_maps[stream]:
            mapped_keys = list(stream_map.transformed_key_properties or [])
            typed = self._session.schema(
                stream_map.stream_alias, stream_map.transformed_schema, mapped_keys, bookmarks, stream
            )
            if any(column.type.kind in {"json", "decimal"} for column in typed.columns):
                self._reader.exact = True

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        self._ended_at_state = False
        self._assert_line_requires(message_dict, requires={"stream", "record"})
        stream = message_dict["stream"]
        for stream_map in self._maps(stream):
            record = stream_map.transform(message_dict["record"])
            if record is None:
                continue
            alias = stream_map.stream_alias
            for key in self._session.streams[alias].schema.keys:
                if key not in record:
                    raise MissingKeyPropertiesError(
                        f"Stream '{alias}': a record lacks the key property '{key}'. "
                        "Next: have the tap send all key properties, or set other keys in its catalog."
                    )
            self._session.record(alias, record, message_dict, self._reader.line_size)

    def _maps(self, stream: str) -> Any:
        if stream not in self.mapper.stream_maps:
            raise RecordsWithoutSchemaException(
                f"Stream '{stream}' sent rows before its SCHEMA message. Next: report it to the tap's makers."
            )
        return self.mapper.stream_maps[stream]

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        self._ended_at_state = False
        self._assert_line_requires(message_dict, requires={"stream", "encoding", "manifest"})
        for stream_map in self._maps(message_dict["stream"]):
            if stream_map.stream_alias in self._session.streams:
                self._session.batch(stream_map.stream_alias, message_dict)

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        self._assert_line_requires(message_dict, requires={"value"})
        self._session.state(message_dict["value"])
        self._ended_at_state = True

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        self._ended_at_state = False
        self._assert_line_requires(message_dict, requires={"stream", "version"})
        if not self.config.get("process_activate_version_messages", True):
            return
        for stream_map in self._maps(message_dict["stream"]):
            if stream_map.stream_alias in self._session.streams:
                self._session.activate_version(stream_map.stream_alias, message_dict["version"])

    # The end

    def process_endofpipe(self) -> None:
        """Load what waits, write the last state, finish the streams."""
        try:
            self._session.drain(at_state=self._ended_at_state)
            if self._reader.stop is None:
                self._session.end(trusted=self.config.get("publish_on") == "end_of_input")
        finally:
            self._session.warehouse.close()

    def run(self, file_input: Any = None) -> None:
        """Read the input to its end, or to a termination signal, and load it.

        Args:
            file_input: Lines to read; None for stdin.

        Raises:
            TruncatedInputError: The input ended inside a message; everything before it is loaded.
        """
        self._warm()
        try:
            self.process_lines(file_input)
        except TruncatedInputError:
            self._reader.stop = 0
            self.process_endofpipe()
            raise
        except BaseException:
            self._session.warehouse.close()
            raise
        self.process_endofpipe()

    def _warm(self) -> None:
        """Do the slow imports before the first line is read: the tap is still starting, so they cost nothing.

        Arrow's own allocator keeps freed memory for long; the system's gives 20 MB back over 10,000,000 rows.
        """
        import pyarrow as pa

        pa.set_memory_pool(pa.system_memory_pool())
        self._session.warehouse.driver.warm()

    @classmethod
    def invoke(  # type: ignore[override]  # as in the SDK's own target
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        file_input: Any = None,
    ) -> None:
        """Run the target for the command line.

        Args:
            about: Print the settings and exit.
            about_format: `json` or `markdown`.
            config: Parsed `--config` options.
            file_input: Parsed `--input` option.
        """
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        target = cls(
            config=config.config if config else {},
            parse_env_config=bool(config and config.parse_env),
            validate_config=True,
        )
        target.run(file_input)

    def _setup_signal_handlers(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._handle_termination)
            signal.signal(signal.SIGTERM, self._handle_termination)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop reading; what was received is loaded first. A second signal changes nothing."""
        reader = getattr(self, "_reader", None)
        if reader is None:
            raise SystemExit(0)
        first = reader.stop is None
        reader.stop = signum
        if first:
            self.logger.info("Signal %d: loading what was received, then stopping", signum)
            if reader.waiting:
                raise Stopped
