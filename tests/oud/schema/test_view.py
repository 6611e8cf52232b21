"""What the target knows, as entries ask it."""

from __future__ import annotations

import pickle

import pytest

from flext_pipelines.oud.schema.view import SchemaView
from tests.oud.oid_schema import ATTRIBUTES, CLASSES
from tests.oud.schema.made import attribute, migrated, object_class

VIEW = SchemaView.standard()


@pytest.mark.parametrize("name", ["cn", "CN", "commonName", "2.5.4.3", "cn;lang-de"])
def test_an_attribute_is_known_by_every_name(name: str) -> None:
    """In any case, with options, by its OID."""
    assert VIEW.knows_attribute(name)
    assert VIEW.canonical(name) == "cn"
    assert VIEW.names(name) == ("cn", "commonname")


def test_what_is_unknown_has_no_facts() -> None:
    """No answer is made up."""
    assert not VIEW.knows_attribute("exampleA")
    assert not VIEW.knows_class("exampleA")
    assert (VIEW.canonical("ExampleA;x"), VIEW.names("exampleA"), VIEW.attribute("exampleA")) == ("examplea", (), None)
    assert not (VIEW.dn_valued("exampleA"))
    assert not (VIEW.single_valued("exampleA"))
    assert not (VIEW.operational("exampleA"))
    assert (VIEW.class_kind("exampleA"), VIEW.superiors("exampleA")) == (None, ())
    assert VIEW.must("exampleA") == VIEW.may("exampleA") == frozenset()


@pytest.mark.parametrize("name", ["member", "uniqueMember", "owner", "manager", "seeAlso", "secretary", "roleOccupant"])
def test_values_that_are_names_are_known(name: str) -> None:
    """By their syntax, their own or inherited."""
    assert VIEW.dn_valued(name)
    assert not VIEW.dn_valued("cn")


def test_values_and_usages_are_known() -> None:
    """From the definitions of the RFCs and of OpenDS."""
    assert VIEW.single_valued("c")
    assert VIEW.single_valued("countryName")
    assert not VIEW.single_valued("cn")
    assert VIEW.operational("createTimestamp")
    assert VIEW.operational("ds-pwp-account-disabled")
    assert VIEW.operational("entryUUID")
    assert VIEW.operational("orclGUID")
    assert not VIEW.operational("uid")
    assert {"cn", "uid", "userpassword"} <= VIEW.user_attributes()
    assert "commonname" not in VIEW.user_attributes()
    assert "createtimestamp" not in VIEW.user_attributes()
    facts = VIEW.attribute("createTimestamp")
    assert facts is not None
    assert (facts.syntax, facts.no_user_modification) == ("1.3.6.1.4.1.1466.115.121.1.24", True)


def test_classes_say_what_they_are_and_what_they_inherit() -> None:
    """Nearest superior first; what is demanded somewhere above is not merely allowed."""
    assert VIEW.class_kind("INETORGPERSON") == "structural"
    assert (VIEW.class_kind("dcObject"), VIEW.class_kind("top")) == ("auxiliary", "abstract")
    assert VIEW.superiors("inetOrgPerson") == ("organizationalperson", "person", "top")
    assert VIEW.must("inetOrgPerson") == {"objectclass", "cn", "sn"}
    assert {"mail", "telephonenumber", "l"} <= VIEW.may("inetOrgPerson")
    assert not VIEW.may("inetOrgPerson") & VIEW.must("inetOrgPerson")


def test_a_migrated_schema_is_in_its_view() -> None:
    """Under the names that are written."""
    view = migrated(ATTRIBUTES, CLASSES).view

    assert view.must("example-worker") == {"objectclass", "exampleshift"}
    assert "example-cost-centre" in view.may("example-worker")
    assert view.superiors("example-worker") == ("exampleperson", "top")
    assert (view.knows_attribute("example_cost_centre"), view.knows_class("example_worker")) == (False, False)
    assert not view.knows_attribute("orclACI")
    assert view.dn_valued("exampleDeputy")
    assert view.class_kind("orclUser") == "auxiliary"
    facts = view.attribute("exampleTeamAlias")
    assert facts is not None
    assert (facts.syntax, facts.superior) == ("1.3.6.1.4.1.1466.115.121.1.15", "example-team")


def test_a_view_goes_to_another_process() -> None:
    """And answers the same there."""
    view = migrated([attribute(1, "exampleA")], [object_class(1, "c", "SUP person STRUCTURAL MUST exampleA")]).view

    again = pickle.loads(pickle.dumps(view))

    assert again.must("c") == view.must("c") == {"objectclass", "cn", "sn", "examplea"}
    assert again.user_attributes() == view.user_attributes()


def test_the_standard_view_is_made_once() -> None:
    """Workers and phases share it."""
    assert SchemaView.standard() is VIEW
