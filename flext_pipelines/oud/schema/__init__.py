"""Schema: from OID's subschema subentry to the ``99-user.ldif`` that OUD loads at its start.

What belongs here, in the order of the flow: definitions as values (``elements``) and as text (``scanner``,
``definitions``), a schema file with the place of each definition (``reading``), what was found and done (``findings``,
``drafts``), what the target has already (``owned``, ``target``) and what is there twice (``conflicts``), each fix
(``spelling``, ``matching``, ``attributes``, ``classes``), what is left out because of what it leans on (``closure``),
the whole (``migrate``), and what entries ask (``view``).

What does not belong here: entries, access control, and the shell. One undefined attribute in ``99-user.ldif`` keeps
OUD from starting, so that nothing is written whose every reference is not resolved.
"""
