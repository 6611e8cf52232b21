"""The bus, and every message with its handler.

One module per system of the mission (``pipelines``, ``plugins``, ``data``, ...): its messages, a plain
function per message, and a literal map ``HANDLERS`` at its end. The bus itself stands in ``message``,
``result``, ``bus``, ``middleware`` and ``registry``.

What does not belong here: anything that knows Dagster, click or HTTP (doors), and anything that
talks to a system (gateways): a handler calls ports that ``bootstrap`` gives it by keyword.
"""
