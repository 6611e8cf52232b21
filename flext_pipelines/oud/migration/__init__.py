"""The migration as a whole: phases, order, accounting, proof and report.

What belongs here, in the order of the flow: what is asked (``plan``); the folder that is made and its manifest
(``stage``); reading the export once into spools by phase and depth (``reading``, ``spool``); which entries stand where
(``rows``, ``index``, ``tree``), what they refer to (``references``, ``cycles``); the numbered files (``files``,
``entries``), access control (``policy``, ``access``, ``probing``), what did not go (``rejected``); the sum
(``accounting``), the report (``report`` and its three forms) and the judge of a finished folder (``judge``).

What does not: what becomes of one entry (``flext_pipelines.oud.entries``), of a schema (``oud.schema``), of one access
value (``oud.acl``), and loading a server (``oud.directory``).

Memory stays flat: an entry is 40 bytes on disk and about 20 in arrays, whatever its size; records lie in files.
"""
