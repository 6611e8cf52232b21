"""What every phase must know of schema, rules and names; made once for a migration in one process.

What belongs here: joining rules and schema into the transformation of entries. What does not: any of the three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from flext_pipelines.oud.entries import EntryTransform
from flext_pipelines.oud.entries.places import Places
from flext_pipelines.oud.migration.plan import MigrationPlan
from flext_pipelines.oud.rules import MigrationRules
from flext_pipelines.oud.schema.migrate import SchemaMigration, migrate_schema


@dataclass(frozen=True)
class Knowledge:
    """Rules, schema and names of one migration.

    Attributes:
        plan: What is asked.
    """

    plan: MigrationPlan

    @cached_property
    def given_rules(self) -> MigrationRules:
        """The rules as they are written."""
        return MigrationRules.load(self.plan.rules)

    @cached_property
    def schema(self) -> SchemaMigration:
        """What becomes of the schema."""
        rules = self.given_rules
        return migrate_schema(
            self.plan.schema_file,
            renames={**rules.attributes.rename, **rules.classes.rename} if self.plan.schema_file else None,
            owned=self.plan.owned_schema,
            lenient=not self.plan.strict,
        )

    @cached_property
    def rules(self) -> MigrationRules:
        """The rules, with the names that the schema had to change."""
        rules, schema = self.given_rules, self.schema
        attributes = _with(rules.attributes.rename, schema.renamed)
        classes = _with(rules.classes.rename, schema.renamed_classes)
        return rules.model_copy(
            update={
                "attributes": rules.attributes.model_copy(update={"rename": attributes}),
                "classes": rules.classes.model_copy(update={"rename": classes}),
            }
        )

    @cached_property
    def transform(self) -> EntryTransform:
        """What becomes of an entry."""
        return EntryTransform(self.rules, self.schema.view, self.plan.base_dn, self.plan.target_base)

    def attribute(self, name: str) -> str | None:
        """The new name of an attribute that an access value speaks of."""
        base, semicolon, options = name.partition(";")
        renamed = self._renamed.get(base.lower(), base)
        if self.rules.attributes.underscores == "hyphens":
            renamed = renamed.replace("_", "-")
        return f"{renamed}{semicolon}{options}"

    @cached_property
    def _renamed(self) -> Mapping[str, str]:
        return {old.lower(): new for old, new in self.rules.attributes.rename.items()}

    def name_of(self, written: str) -> str:
        """The first of an attribute's names in the target's schema, for one of the others."""
        name, semicolon, options = written.partition(";")
        known = self.schema.view.names(name)
        return written if not known or name.lower() == known[0].lower() else f"{known[0]}{semicolon}{options}"

    @property
    def moved(self) -> Callable[[bytes], bytes]:
        """A name of the source as the result has it."""
        return self.places.moved

    @cached_property
    def places(self) -> Places:
        """Names of the source, and what becomes of them."""
        rules = self.rules
        renamed = {old.lower(): new.lower() for old, new in rules.attributes.rename.items() if ";" not in old}
        hyphens = rules.attributes.underscores == "hyphens"
        return Places(rules, self.plan.base_dn, self.plan.target_base, renamed, hyphens=hyphens)


def _with(given: Mapping[str, str], needed: Mapping[str, str]) -> dict[str, str]:
    """What a site says stands before what the schema needs."""
    said = {old.lower() for old in given}
    return {**given, **{old: new for old, new in needed.items() if old not in said}}
