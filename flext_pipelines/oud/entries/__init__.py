"""One entry of OID becomes one of OUD, or is left out, or is refused; nothing of it disappears uncounted.

What belongs here, in the order of the flow: what comes out (``outcome``), where an entry stands and what its name
becomes (``places``), object classes (``classes``), what becomes of each attribute of a kind of entry, worked out once
for all entries of the kind (``plan``, ``draft``, ``planner``, ``pattern``), entries of very many lines (``large``),
values (``values``, ``passwords``, ``syntaxes``, ``repeated``, ``limits``), access values (``access``), the whole
(``transform``), and what the new entry names (``references``).

What does not: the rules (``flext_pipelines.oud.rules``), files and their order, whether the entry that a value names
exists, and access directives, which are only taken out (``flext_pipelines.oud.acl``).
"""

from flext_pipelines.oud.entries.outcome import Excluded, Kept, Note, Outcome, Rejected
from flext_pipelines.oud.entries.transform import EntryTransform

__all__ = ["EntryTransform", "Excluded", "Kept", "Note", "Outcome", "Rejected"]
