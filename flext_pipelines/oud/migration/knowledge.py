"""What every phase must know of schema, rules and names; made once for a migration in one process.

What belongs here: joining rules and schema into the transformation of entries. What does not: any of the three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from flext_pipelines.oud.acl.options import Names
from flext_pipelines.oud.dn import as_text
from flext_pipelines.oud.entries import EntryTransform
from flext_pipelines.oud.entries.places import Places
from flext_pipelines.oud.migration.attribute_names import AttributeNames
from flext_pipelines.oud.migration.plan import MigrationPlan
from flext_pipelines.oud.migration.policy import KINDS
from flext_pipelines.oud.rules import MigrationRules
from flext_pipelines.oud.rules.reading import read_rules
from flext_pipelines.oud.schema.migrate import SchemaMigration, migrate_schema
from flext_pipelines.oud.schema.reading import OidSchema, read_all
from flext_pipelines.oud.schema.target import attributes_of_389, attributes_of_documents


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
        return read_rules(self.plan.rules)

    @cached_property
    def source_schema(self) -> OidSchema | None:
        """The schema of the source; None when none is given."""
        if self.plan.schema_file is None:
            return None
        return read_all(self.plan.schema_file, lenient=not self.plan.strict)

    @cached_property
    def schema(self) -> SchemaMigration:
        """What becomes of the schema."""
        rules = self.given_rules
        return migrate_schema(
            self.source_schema,
            renames={**rules.attributes.rename, **rules.classes.rename} if self.plan.schema_file else None,
            kinds=rules.classes.kinds,
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
        """The new name of an attribute that an access value speaks of; values of OID's own become ``aci``."""
        return "aci" if name.lower() in KINDS else self.attribute_names.new(name)

    @cached_property
    def attribute_names(self) -> AttributeNames:
        """Where attributes go."""
        return AttributeNames(self.rules, self.name_of, self._in_source)

    def _in_source(self, name: str) -> bool:
        """Whether the source's schema has an attribute, or every directory's."""
        given = self.source_schema
        return name in attributes_of_documents() or (given is not None and name in given.attribute_names)

    def known_to_server(self, name: str) -> bool:
        """Whether the target certainly has an attribute when the schema is loaded: only then does 389 take its name."""
        schema = self.schema
        if self.plan.owned_schema is not None:
            return schema.view.knows_attribute(name)
        return name.lower() in attributes_of_389() or any(name.lower() in one.keys for one in schema.attributes)

    def name_of(self, written: str) -> str:
        """The first of an attribute's names in the target's schema, for one of the others."""
        name, semicolon, options = written.partition(";")
        known = self.schema.view.names(name)
        return written if not known or name.lower() == known[0].lower() else f"{known[0]}{semicolon}{options}"

    def moved_text(self, name: str) -> str:
        """A name in a value as the result has it, as text."""
        return as_text(self.places.moved(name.encode("utf-8", "surrogateescape")))

    def names_in(self, attribute: str) -> Names | None:
        """Whether names in the values of an attribute follow the entries; None where entries keep their names."""
        if self.plan.target_base is None and not self.rules.attributes.rename:
            return None
        view, new = self.schema.view, self.attribute_names.new(attribute)
        return "follow" if view.dn_valued(attribute) or view.dn_valued(new) else "stay"

    def loses_names(self, attribute: str) -> bool:
        """Whether values of an attribute are dropped where they dangle."""
        view, new = self.schema.view, self.attribute_names.new(attribute)
        return self.plan.drop_dangling and (view.dn_valued(attribute) or view.dn_valued(new))

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
