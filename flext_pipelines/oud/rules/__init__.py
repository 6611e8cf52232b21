"""The rules of a migration: what is dropped, renamed, converted, excluded. They are data; a site changes them in YAML.

What belongs here, in the order of the flow: the built-in rules (``rules.yaml``), what a rules file may say (``model``,
and ``rules.schema.json`` made from it for editors), how a site's file is laid over the built-in ones (``overlay``),
and reading it with errors that name file, line, path and what is allowed (``reading``).

What does not: applying them to an entry (``flext_pipelines.oud.entries``).
"""

from flext_pipelines.oud.rules.model import MigrationRules

__all__ = ["MigrationRules"]
