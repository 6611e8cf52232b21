"""Access control: OID's ``orclaci`` and ``orclentrylevelaci``, OUD's ``aci``, and the way from one to the other.

What belongs here, in the order of the flow: reading text (``scanner``, ``names``, ``filters``, ``values``); OID's
directives (``orclaci``, ``orclaci_parser``) and the ``aci`` language (``aci``, ``bind_values``, ``aci_parser``); what
is asked of a policy (``probes``), OID's answer (``oid_policy``, ``oid_model``) and OUD's (``aci_model``); the
conversion (``options``, ``conditions``, ``subjects``, ``regions``, ``drafts``, ``allowing``, ``denying``, ``convert``);
and its
proof (``sampling``, ``proof``).

The rule of the conversion: never grant what OID did not grant; what cannot be said exactly is left out and reported
with the original and the reason. What does not belong here: LDIF, schema, and which entries migrate.
"""
