"""Rules files: what is right, what comes out, and what is wrong and where."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from flext_pipelines.errors import ConfigError, NotFoundError
from flext_pipelines.oud.rules import MigrationRules, reading
from flext_pipelines.oud.rules.overlay import NOTHING, overlaid
from flext_pipelines.oud.rules.reading import read_rules

FOLDER = Path(reading.__file__).parent


def loaded(folder: Path, text: str, name: str = "site.yaml") -> MigrationRules:
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return read_rules(path)


def schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads((FOLDER / reading.SCHEMA_FILE).read_text("utf-8")))


def test_the_built_in_rules_are_the_file() -> None:
    """A site that names no file has what `rules.yaml` says, and that is right by the schema."""
    written = yaml.safe_load((FOLDER / "rules.yaml").read_text("utf-8"))
    rules = read_rules()

    assert rules == MigrationRules.model_validate(written)
    assert list(schema().iter_errors(written)) == []
    assert "orclnormdn" in rules.attributes.drop["operational"]
    assert rules.values["orclisenabled"].map == {"ENABLED": None, "DISABLED": "true"}


def test_the_schema_is_the_one_that_the_rules_make() -> None:
    """The file for editors is not behind the code."""
    assert (FOLDER / reading.SCHEMA_FILE).read_text("utf-8") == reading.json_schema_text()
    Draft202012Validator.check_schema(json.loads(reading.json_schema_text()))


@pytest.mark.parametrize("name", ["389", "openldap"])
def test_other_built_in_rules_lie_over_them(tmp_path: Path, name: str) -> None:
    """For a live proof on another server: another flag of disabled accounts, other schemes; else the same."""
    rules = loaded(tmp_path, f"extends: '{name}'\n")

    assert "SHA256" in rules.passwords.keep
    assert rules.values["orclisenabled"].to != "ds-pwp-account-disabled"
    assert rules.attributes == read_rules().attributes
    assert list(schema().iter_errors(yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8")))) == []


def test_a_site_says_only_what_it_changes(tmp_path: Path) -> None:
    """Mappings are merged, null removes, a list replaces or is changed; names in any case."""
    built_in = read_rules()
    rules = loaded(
        tmp_path,
        """
        attributes:
          drop:
            OPERATIONAL: {remove: [EntryUUID], add: [badge, orclNormDN]}
            password-state: null
            mine: [secret]
          unknown: reject
        classes:
          structural:
            prefer: [device]
        trees:
          CN=changelog: null
          cn=ours: {where: anywhere}
        limits: {values: 7, value_bytes: null}
        """,
    )

    drop = rules.attributes.drop
    assert "entryuuid" not in drop["operational"]
    assert drop["operational"][-1] == "badge"
    assert len(drop["operational"]) == len(built_in.attributes.drop["operational"])
    assert drop["mine"] == ["secret"]
    assert "password-state" not in drop
    assert rules.attributes.unknown == "reject"
    assert rules.classes.structural.prefer == ["device"]
    assert "cn=changelog" not in rules.trees
    assert rules.trees["cn=ours"].action == "exclude"
    assert (rules.limits.values, rules.limits.value_bytes) == (7, None)
    assert rules.passwords == built_in.passwords


def test_a_value_map_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Half of another's map would convert values that its author never saw; null in it is a value."""
    rules = loaded(tmp_path, "values: {orclisenabled: {map: {'0': null, '1': 'true'}}}")

    assert rules.values["orclisenabled"].map == {"0": None, "1": "true"}
    assert rules.values["orclisenabled"].to == "ds-pwp-account-disabled"
    assert loaded(tmp_path, "values: {orclIsEnabled: null}").values == {}


def test_a_file_extends_another(tmp_path: Path) -> None:
    """By a path beside it, and that one another."""
    loaded(tmp_path, "attributes: {drop: {ours: [a]}}", "company.yaml")
    loaded(tmp_path, "extends: company.yaml\nattributes: {drop: {ours: {add: [b]}}}", "country.yaml")
    rules = loaded(tmp_path, "extends: country.yaml\nattributes: {drop: {ours: {add: [c], remove: [A]}}}")

    assert rules.attributes.drop["ours"] == ["b", "c"]
    assert rules.attributes.drop["operational"] == read_rules().attributes.drop["operational"]


def test_a_site_may_begin_with_nothing(tmp_path: Path) -> None:
    """Nothing is dropped then, but for passwords, which are never passed on unknown."""
    rules = loaded(tmp_path, "extends: nothing\n")

    assert rules == MigrationRules.model_validate(NOTHING)
    assert rules.attributes.drop == {}
    assert rules.passwords.other == "drop"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("attributes:\n  unknwon: drop\n", 2, "attributes.unknwon: unknown; allowed: drop, rename, unknown"),
        ("attributes:\n  unknwon: drop\n", 2, "did you mean 'unknown'?"),
        ("x: 1\n", 1, "x: unknown; allowed: version, attributes, classes"),
        ("attributes:\n  unknown: maybe\n", 2, "'drop', 'reject' or 'keep'"),
        ("attributes:\n  drop:\n    operational: {remove: [creatorname]}\n", 3, "did you mean 'creatorsname'?"),
        ("attributes:\n  drop:\n    operationl: null\n", 3, "did you mean 'operational'?"),
        ("attributes:\n  drop:\n    operational: {add: badge}\n", 3, "a list is expected"),
        ("attributes:\n  drop:\n    Mine!: [a]\n", 3, "must match"),
        ("attributes:\n  drop:\n    mine:\n    - a\n    - a b\n", 5, "attributes.drop.mine.1: no name"),
        ("attributes:\n  rename: {a: b c}\n", 2, "attributes.rename.a: no name"),
        (
            "attributes:\n  rename: {orclguid: uuid}\n",
            2,
            "attributes.rename.orclguid: it is dropped, too, by attributes.drop.identifier",
        ),
        (
            "attributes:\n  rename: {orclIsEnabled: pw}\n",
            2,
            "attributes.rename.orclIsEnabled: it has a rule under values",
        ),
        ("values:\n  orclguid: {map: {}}\n", 2, "values.orclguid: it is dropped, too"),
        ("attributes:\n  drop: {mine: [ObjectClass]}\n", 2, "classes.drop and classes.rename"),
        ("attributes:\n  rename:\n    orclaci: aci\n", 3, "taken out of every entry and converted"),
        ("values:\n  x: {mapp: {}}\n", 2, "allowed: to, map, other; did you mean 'map'?"),
        ("values:\n  x: {}\n", 2, "values.x.map: Field required"),
        ("classes:\n  structural:\n    prefer: 3\n", 3, "a list is expected, or a mapping with add and remove"),
        ("passwords:\n  other: keep\n", 2, "'drop' or 'reject'"),
        ("passwords:\n  keep: ['{SSHA}']\n", 2, "must match"),
        ("categories:\n- phase: users\n  classes: [a]\n  belo: x\n", 4, "categories.0.belo: unknown; allowed: phase"),
        ("categories:\n- phase: people\n  classes: [a]\n", 2, "'hierarchy', 'users' or 'groups'"),
        ("limits: {values: 0}\n", 1, "greater than or equal to 1"),
        ("limits:\n  values: no\n", 2, "valid integer"),
        ("version: 2\n", 1, "version: Input should be 1"),
        ("extends: oid\n", 1, "built-in rules are oud, 389, openldap and nothing; did you mean 'oud'?"),
        ("extends: [a]\n", 1, "a path is allowed"),
        ("extends: site.yaml\n", 1, "in a circle"),
        ("classes:\n  drop: {}\nattributes: {}\nclasses: {}\n", 4, "'classes' stands twice"),
        ("attributes: [\n", 2, "is no YAML"),
        ("- a\n", 1, "a mapping is expected"),
        ("", 1, "a mapping is expected"),
        ("a: &x [*x]\n", 1, ""),
        ("389: {}\n", 1, "is no text"),
        ("a: " + "{a: " * 20 + "1" + "}" * 20, 1, "nested deeper"),
        ("a: \x00\n", 1, "is no YAML"),
        ("x: !!python/object:os.system {}\n", 1, "is no YAML"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(tmp_path: Path, text: str, line: int, said: str) -> None:
    """File, line, path, and what is allowed there."""
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, text)

    assert said in error.value.reason
    assert f"{tmp_path / 'site.yaml'}:{line}:" in error.value.reason
    assert error.value.details["line"] == line


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    """One turn for each would try a person's patience."""
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, "attributes: {unknown: a, empty: b}\nclasses: {unknown: c}\n")

    problems = error.value.details["problems"]
    assert isinstance(problems, list)
    assert [problem["line"] for problem in problems] == [1, 1, 2]


def test_a_fault_below_is_told_of_the_file_below(tmp_path: Path) -> None:
    """Not of the one that extends it."""
    (tmp_path / "company.yaml").write_text("attributes: {unknown: maybe}\n", "utf-8")

    with pytest.raises(ConfigError, match=r"company\.yaml:1:"):
        loaded(tmp_path, "extends: company.yaml\n")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Or is a folder, or larger than rules can be."""
    with pytest.raises(NotFoundError, match="There is no rules file"):
        read_rules(tmp_path / "none.yaml")
    with pytest.raises(NotFoundError):
        read_rules(tmp_path)
    with pytest.raises(ConfigError, match="larger than"):
        loaded(tmp_path, "#" * 1_000_001)


def test_rules_are_printed_as_they_are_read(tmp_path: Path) -> None:
    """What is shown can be the site's file."""
    rules = loaded(
        tmp_path, "attributes: {drop: {mine: [x], password-state: null}, fill: {sn: {from: cn}}}\nextends: '389'\n"
    )

    assert loaded(tmp_path, reading.rules_text(rules)) == rules
    assert pickle.loads(pickle.dumps(rules)) == rules


def test_differences_are_told_line_by_line(tmp_path: Path) -> None:
    """What went and what came."""
    rules = loaded(tmp_path, "attributes: {unknown: keep, drop: {mine: [x], identifier: {remove: [orclguid]}}}")

    assert list(reading.differences(read_rules(), rules)) == [
        'attributes.drop.identifier: - "orclguid"', 'attributes.drop.mine: + ["x"]',
        'attributes.unknown: - "drop" + "keep"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("attributes: {drop: {operational: {add: [a]}, mine: [b], password-state: null}}", True),
        ("trees: {cn=x: {where: top}, cn=changelog: null}", True),
        ("extends: other.yaml", True),
        ("limits: {values: null}", True),
        ("attributes: {fill: {sn: {from: cn}, cn: x}}", True),
        ("attributes: {drop: {mine: {ad: [a]}}}", False),
        ("attributes: {unknown: maybe}", False),
        ("trees: {cn=x: {wher: top}}", False),
        ("unknown: 1", False),
    ],
)
def test_an_editor_is_told_the_same(text: str, is_right: bool) -> None:
    """The JSON Schema takes what a site's file may say, and nothing else."""
    assert schema().is_valid(yaml.safe_load(text)) is is_right


_WORDS = st.sampled_from(["a", "B", "b", "c"])
_LISTS = st.lists(_WORDS, max_size=4, unique_by=str.lower)


@given(_LISTS, _LISTS, _LISTS)
def test_a_list_is_changed_as_sets_are(below: list[str], added: list[str], removed: list[str]) -> None:
    """What is removed is gone, what is added is there once, the order of the rest stays."""
    removed = [name for name in removed if name.lower() in {one.lower() for one in below}]
    made = overlaid({"x": below}, {"x": {"add": added, "remove": removed}})["x"]

    assert isinstance(made, list)
    names = [name.lower() for name in made]
    assert len(set(names)) == len(names)
    assert set(names) == ({n.lower() for n in below} - {n.lower() for n in removed}) | {n.lower() for n in added}


def test_neither_file_is_changed_by_laying_one_over_the_other() -> None:
    """The built-in rules are read once and laid under many."""
    below: dict[str, object] = {"attributes": {"drop": {"a": ["x"]}}}

    overlaid(below, {"attributes": {"drop": {"a": {"add": ["y"]}, "b": ["z"]}}})

    assert below == {"attributes": {"drop": {"a": ["x"]}}}
