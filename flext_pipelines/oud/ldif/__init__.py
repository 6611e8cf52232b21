"""LDIF (RFC 2849): reading, writing, editing and comparing, on bytes, streaming.

What belongs here, in the order of the flow: what is no LDIF at all (``foreign``), cutting a file into records
(``blocks``) and among workers (``spans``), the tokens of the standard (``grammar``), one record read strictly
(``parse``), a record that stays raw bytes until it is touched (``record``), the reader (``reader``), changing only the
lines that change (``edit``), the writer (``lines``, ``render``, ``writer``), records as JSON (``json_lines``), and
what two files differ in (``compare``, ``index``, ``diff``).

What does not: what a DN is (``flext_pipelines.oud.dn``), what an attribute means, and every rule of a directory
product. Nothing here holds a file in memory; a record is the most.
"""

from flext_pipelines.oud.ldif.parse import Modification, Rename
from flext_pipelines.oud.ldif.reader import LdifReader, Reject, read_ldif
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.ldif.writer import LdifWriter

__all__ = ["LdifReader", "LdifWriter", "Modification", "Record", "Reject", "Rename", "read_ldif"]
