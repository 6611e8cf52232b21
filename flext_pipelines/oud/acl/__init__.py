"""Access control: OID's ``orclaci`` and ``orclentrylevelaci``, OUD's ``aci``, and the way from one to the other.

What belongs here, in the order of the flow: reading text (``scanner``, ``names``, ``filters``), OID's directives
(``orclaci``, ``orclaci_parser``), the ``aci`` language (``aci``, ``bind_values``, ``aci_parser``), what a probe is
(``probes``), OID's model and its evaluator (``oid_model``), the ``aci`` evaluator (``aci_model``), the conversion
(``options``, ``conditions``, ``subjects``, ``regions``, ``allowing``, ``denying``, ``convert``) and its ``proof``.

The rule of the conversion: never grant what OID did not grant; what cannot be said exactly is left out and reported
with the original and the reason. What does not belong here: LDIF, schema, and which entries migrate.
"""
