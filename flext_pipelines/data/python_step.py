"""The hook: a Python function from one pandas DataFrame to another.

Columns are Arrow-backed (``pandas.ArrowDtype``), so that integers with nulls, decimals and nanoseconds come and
go unchanged.

What belongs here: finding and calling the function. What does not: any function.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from flext_pipelines.errors import FlextError, TransformFailedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    import pandas as pd
    import pyarrow as pa

    from flext_pipelines.data.rules import Python

    Hook = Callable[..., pd.DataFrame]


class _HookErrors:
    """Whatever a user's function raises becomes an error that names it."""

    def __init__(self, function: str) -> None:
        self._function = function

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Translate exceptions; interrupts and our own errors pass through."""
        if isinstance(error, Exception) and not isinstance(error, FlextError):
            raise TransformFailedError(
                f"{self._function} raised {type(error).__name__}: {error}",
                "Correct the function",
                {"function": self._function, "type": type(error).__name__},
            ) from error


def load_hook(path: str) -> Hook:
    """The function that ``module:function`` names.

    Raises:
        UsageError: It cannot be imported, or is no function.
    """
    module, _, name = path.partition(":")
    try:
        with _HookErrors(path):
            found = getattr(importlib.import_module(module), name, None)
    except TransformFailedError as error:
        raise UsageError(
            f"{module} cannot be imported: {error.reason}", "Put it on PYTHONPATH, or install it", {"function": path}
        ) from error
    if not callable(found):
        raise UsageError(f"{module} has no function {name!r}", "Name one that it has", {"function": path})
    return cast("Hook", found)


def apply_hook(rule: Python, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows that the function makes of these.

    Args:
        rule: Which function, and whether it wants a batch or everything.
        batches: The rows.
        schema: Their columns; the function is called once with no rows when there are none.

    Raises:
        TransformFailedError: The function failed, or gave something that is no DataFrame with the same columns.
        UsageError: There is no such function.
    """
    import pyarrow as pa

    hook = load_hook(rule.function)
    first: pa.Schema | None = None
    source = [pa.Table.from_batches(batches, schema)] if rule.per == "whole" else map(_table, batches)
    empty = True
    for table in source:
        empty = False
        made = _called(hook, rule, table, first)
        first = first or made.schema
        yield from made.to_batches()
    if empty:
        made = _called(hook, rule, schema.empty_table(), None)
        yield pa.RecordBatch.from_arrays([column.combine_chunks() for column in made.columns], schema=made.schema)


def _table(batch: pa.RecordBatch) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches([batch])


def _called(hook: Hook, rule: Python, table: pa.Table, wanted: pa.Schema | None) -> pa.Table:
    import pandas as pd
    import pyarrow as pa

    with _HookErrors(rule.function):
        frame = hook(table.to_pandas(types_mapper=pd.ArrowDtype), **rule.arguments)
    if not isinstance(frame, pd.DataFrame):
        raise TransformFailedError(
            f"{rule.function} gave {type(frame).__name__}, not a DataFrame", "Return a pandas DataFrame"
        )
    try:
        made = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        return made if wanted is None else made.select(wanted.names).cast(wanted)
    except (pa.ArrowException, KeyError) as error:
        raise TransformFailedError(
            f"{rule.function} gave a DataFrame that does not fit: {error}",
            "Give the same columns and types for every batch",
            {"function": rule.function},
        ) from error
