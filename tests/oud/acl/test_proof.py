"""The conversion proved against OID's model: nobody gains anything."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flext_pipelines.oud.acl.aci import Flavour
from flext_pipelines.oud.acl.convert import convert_policy
from flext_pipelines.oud.acl.oid_policy import AccessValue, OidPolicy
from flext_pipelines.oud.acl.options import ConversionOptions
from flext_pipelines.oud.acl.proof import ProofReport, prove
from tests.oud.acl.policies import BASE, ENTRIES, SUBJECTS, policies


def proved(values: list[AccessValue], flavour: Flavour = "oud", *, complete: bool = False) -> ProofReport:
    """Convert a policy and prove the conversion on the small directory."""
    policy = OidPolicy(values, complete=complete)
    conversions = convert_policy(policy, ConversionOptions(flavour, suffixes=(BASE,)))
    acis = [(holder, text) for found in conversions for holder in found.holders for text in found.acis]
    return prove(ENTRIES, policy, acis, SUBJECTS, flavour=flavour)


@pytest.mark.parametrize("flavour", ["oud", "389"])
@given(values=policies(), complete=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_conversion_grants_what_oid_did_not(flavour: Flavour, values: list[AccessValue], complete: bool) -> None:
    """Whatever the policy, in neither dialect does anybody gain a right."""
    report = proved(values, flavour, complete=complete)

    assert report.gained == 0, report.differences
