"""The directory domain: from Oracle Internet Directory (OID) to Oracle Unified Directory (OUD).

What belongs here, in the order of the flow: LDIF as bytes (``ldif``), names (``dn``), schema, access control
(``acl``), entries and their rules, and the phases that join them.

What does not: messages and handlers (``commands/oud``), Dagster, the shell. Neither OID nor OUD can be installed
where this is tested: what is said of OUD rests on the source of OpenDJ, its sibling, and on Oracle's documentation;
389 Directory Server proves the subset of the access language that both share.
"""
