"""`flext oud rules`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell


def test_the_rules_are_shown(flext: Shell, tmp_path: Path) -> None:
    """The built-in ones with their comments, or what comes out with a site's file."""
    site = tmp_path / "site.yaml"
    site.write_text("attributes: {drop: {mine: [badge]}}\n", "utf-8")

    plain = flext("oud", "rules", "--show", "--defaults")
    assert plain.code == 0
    assert "# Schemes that OUD verifies" in plain.out
    whole = yaml.safe_load(flext("oud", "rules", "--show", str(site)).out)
    assert whole["attributes"]["drop"]["mine"] == ["badge"]
    assert whole["attributes"]["drop"]["operational"]


def test_the_schema_is_printed_for_editors(flext: Shell) -> None:
    """As JSON."""
    ran = flext("oud", "rules", "--schema")

    assert ran.code == 0
    assert json.loads(ran.out)["title"] == "MigrationRules"


def test_a_site_s_file_is_checked(flext: Shell, tmp_path: Path) -> None:
    """What it changes is told; what is wrong with it, with its line, is exit code 2."""
    site = tmp_path / "site.yaml"
    site.write_text("attributes:\n  unknown: keep\n", "utf-8")
    right = flext("oud", "rules", "--check", str(site))
    site.write_text("attributes:\n  unknown: maybe\n", "utf-8")
    wrong = flext("oud", "rules", "--check", str(site))

    assert right.code == 0
    assert 'attributes.unknown: - "drop" + "keep"' in right.out
    assert "1 rules differ" in right.out
    assert wrong.code == 2
    assert f"{site}:2:" in wrong.err


def test_the_rules_in_effect_are_shown_without_an_option(flext: Shell, tmp_path: Path) -> None:
    """The built-in ones, or with a site's file over them; as JSON they are the same."""
    site = tmp_path / "site.yaml"
    site.write_text("classes: {kinds: {badge: auxiliary}}\n", "utf-8")

    shown = yaml.safe_load(flext("oud", "rules", str(site)).out)
    asked = flext("oud", "rules", str(site), "--json").json()

    assert shown.pop("extends") == "nothing"
    assert shown == asked
    assert asked["classes"]["kinds"] == {"badge": "auxiliary"}
    assert yaml.safe_load(flext("oud", "rules").out)["classes"]["kinds"] == {}


def test_attributes_that_come_under_one_name_are_named_by_the_check(flext: Shell, tmp_path: Path) -> None:
    """Two of the site's, and one that takes the name of an attribute that every directory has."""
    site = tmp_path / "site.yaml"
    site.write_text("attributes: {rename: {a: other, b: other, pin: description, badge: cardNumber}}\n", "utf-8")

    checked = flext("oud", "rules", "--check", str(site))

    assert checked.code == 0
    assert "other: takes values of a and b;" in checked.out
    assert flext("oud", "rules", "--check", str(site), "--json").json()["joined"] == {
        "description": ["description", "pin"], "other": ["a", "b"],
    }  # fmt: skip


def test_options_that_do_not_go_together_are_refused(flext: Shell) -> None:
    """With what to do."""
    for wrong in (("--check",), ("--schema", "x.yaml"), ("--schema", "--defaults"), ("--show", "x", "--defaults")):
        assert flext("oud", "rules", *wrong).code == 2
