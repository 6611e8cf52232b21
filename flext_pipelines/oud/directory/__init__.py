"""Live directories over LDAP: loading LDIF files into one, reading it back, comparing, diagnosing.

What belongs here, in the order of the flow: where a server is and who binds (``target``), python-ldap (``client``), a
bound connection whose every wait ends (``connection``), result codes and the errors they become (``result_codes``),
how the server compares values (``server_schema``, ``difference``), what is settled (``journal``), one record on its way
(``operations``), many of them (``pipeline``), files (``load``, ``schema_load``), reading back (``read_back``) and
judging what is there (``verify``, ``effective_rights``, ``diagnose``).

What does not: LDIF itself, the rules of the migration, and which phase comes when. Tested on slapd and on 389 Directory
Server; of OUD it rests on documents and on the source of OpenDJ.
"""
