"""``flext oud rules``: the rules of a migration, shown and checked.

It sends no message: it reads a file that lies beside the person who writes it, changes nothing and keeps nothing, and
its answer is text for an editor.

What belongs here: the options and what they print. What does not: reading rules (``oud.rules``).
"""

from __future__ import annotations

from pathlib import Path

import click

from flext_pipelines.cli import output


@click.command(short_help="Show or check the rules by which entries are changed.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--show", "what", flag_value="show", help="Print the rules, with FILE laid over the built-in ones.")
@click.option("--schema", "what", flag_value="schema", help="Print the JSON Schema of rules files, for editors.")
@click.option("--check", "what", flag_value="check", help="Say what FILE changes, or what is wrong with it, and where.")
@click.option("--defaults", is_flag=True, help="With --show: print the built-in file as it is, with its comments.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of YAML or lines.")
def rules(file: Path | None, what: str | None, defaults: bool, as_json: bool) -> int:
    """Show or check the rules by which entries of OID become entries of OUD.

    Without an option the rules are shown that are in effect: a site's FILE, which holds only what it changes
    (attributes and classes to drop or rename, value conversions, password schemes, trees to leave out), laid over the
    built-in ones.

    \b
    Examples:
      flext oud rules
      flext oud rules site-rules.yaml --json
      flext oud rules --show --defaults
      flext oud rules --check site-rules.yaml
      flext oud rules --schema > rules.schema.json
    """
    from flext_pipelines.errors import UsageError
    from flext_pipelines.oud.rules.reading import built_in_text, json_schema_text, read_rules, rules_text

    if what == "schema" and file is not None:
        raise UsageError("--schema takes no file: every rules file has the same schema", "Leave it out")
    if defaults and (what in {"schema", "check"} or file is not None or as_json):
        raise UsageError("--defaults goes with --show and no file, and prints YAML", "Leave it out")
    if what == "check" and file is None:
        raise UsageError("--check needs a file", "Name the site's rules file")
    if what == "schema":
        click.echo(json_schema_text(), nl=False)
    elif what == "check" and file is not None:
        _check(file, as_json=as_json)
    elif as_json:
        output.print_json(read_rules(file).model_dump(mode="json", by_alias=True))
    else:
        click.echo(built_in_text() if defaults else rules_text(read_rules(file)), nl=False)
    return 0


def _check(file: Path, *, as_json: bool) -> None:
    from flext_pipelines.oud.migration.attribute_names import AttributeNames
    from flext_pipelines.oud.rules.reading import differences, read_rules
    from flext_pipelines.oud.schema.target import attributes_of_documents

    checked = read_rules(file)
    changed = list(differences(read_rules(), checked))
    joined = AttributeNames(checked, str, attributes_of_documents().__contains__).all_joined()
    if as_json:
        listed = {new: sorted(olds) for new, olds in joined.items()}
        output.print_json({"file": str(file), "differences": changed, "joined": listed})
        return
    for line in changed:
        click.echo(line)
    for new, olds in joined.items():
        click.echo(
            f"{new}: takes values of {' and '.join(sorted(olds))}; access to it is what all of them have in common"
        )
    click.echo(f"{file} is right; {len(changed)} rules differ from the built-in ones.")
