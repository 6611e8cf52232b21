"""``flext oud rules``: the rules of a migration, shown and checked.

It sends no message: it reads a file that lies beside the person who writes it, changes nothing and keeps nothing, and
its answer is text for an editor.

What belongs here: the options and what they print. What does not: reading rules (``oud.rules``).
"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--show", "what", flag_value="show", help="Print the rules, with FILE laid over the built-in ones.")
@click.option("--schema", "what", flag_value="schema", help="Print the JSON Schema of rules files, for editors.")
@click.option("--check", "what", flag_value="check", help="Say what FILE changes, or what is wrong with it, and where.")
@click.option("--defaults", is_flag=True, help="With --show: print the built-in file as it is, with its comments.")
def rules(file: Path | None, what: str | None, defaults: bool) -> int:
    """Show or check the rules by which entries of OID become entries of OUD.

    A site's FILE holds only what it changes: attributes and classes to drop or rename, value conversions, password
    schemes, trees to leave out. It is laid over the built-in rules.

    \b
    Examples:
      flext oud rules --show --defaults
      flext oud rules --check site-rules.yaml
      flext oud rules --show site-rules.yaml
      flext oud rules --schema > rules.schema.json
    """
    from flext_pipelines.errors import UsageError
    from flext_pipelines.oud.rules.reading import built_in_text, json_schema_text, read_rules, rules_text

    if what is None:
        raise UsageError("Say what to do with the rules", "Give --show, --check or --schema")
    if what == "schema" and file is not None:
        raise UsageError("--schema takes no file: every rules file has the same schema", "Leave it out")
    if defaults and (what != "show" or file is not None):
        raise UsageError("--defaults goes with --show and no file", "Leave it out")
    if what == "schema":
        click.echo(json_schema_text(), nl=False)
    elif what == "show":
        click.echo(built_in_text() if defaults else rules_text(read_rules(file)), nl=False)
    elif file is None:
        raise UsageError("--check needs a file", "Name the site's rules file")
    else:
        _check(file)
    return 0


def _check(file: Path) -> None:
    from flext_pipelines.oud.rules.reading import differences, read_rules

    changed = list(differences(read_rules(), read_rules(file)))
    for line in changed:
        click.echo(line)
    click.echo(f"{file} is right; {len(changed)} rules differ from the built-in ones.")
