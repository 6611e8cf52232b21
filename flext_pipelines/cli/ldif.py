"""``flext oud ldif`` and ``flext oud diff``: LDIF looked at, line by line.

These two send no message. They change nothing, keep nothing and are asked by nobody but a person at a shell; they are
filters, whose answer is as long as the file and comes while it is read, and a message's answer is one value that can
be stored, audited and shown in a console. Each calls one function of the domain (``oud.ldif``) and prints.

What belongs here: their options and what they print. What does not: any judgement of LDIF.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import click

from flext_pipelines.cli import output

if TYPE_CHECKING:
    from collections.abc import Callable

    from flext_pipelines.oud.ldif.diff import Difference
    from flext_pipelines.oud.ldif.reader import LdifReader, Reject
    from flext_pipelines.oud.ldif.writer import LdifWriter

_REFUSED = 2
"""Exit code when records must be changed first."""


@click.command(short_help="Check an LDIF file, or print its records as JSON lines.")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print each record as a line of JSON; values are base64.")
@click.option("--lenient", is_flag=True, help="Go on after a wrong record.")
@click.option("--rejects", type=click.Path(dir_okay=False), help="With --lenient: keep wrong records and reasons here.")
@click.option("--allow-urls", is_flag=True, help="Read values behind `:<` from local files.")
def ldif(file: str, as_json: bool, lenient: bool, rejects: str | None, allow_urls: bool) -> int:
    """Check an LDIF file by RFC 2849, or print its records as JSON lines. `-` is standard input.

    The first wrong record is an error with its line and reason; with --lenient each is told and the others come
    through. Any wrong record: exit code 2.

    \b
    Examples:
      flext oud ldif export.ldif
      flext oud ldif export.ldif --lenient --rejects wrong.ldif
      flext oud ldif export.ldif --json | jq -r .dn
    """
    from flext_pipelines.errors import UsageError
    from flext_pipelines.oud.ldif.json_lines import json_line, reject_line
    from flext_pipelines.oud.ldif.reader import read_ldif
    from flext_pipelines.oud.ldif.writer import new_file, write_reject

    if rejects and not lenient:
        raise UsageError("--rejects goes with --lenient: without it the first wrong record ends the reading", "Add it")
    out = sys.stdout.buffer
    with ExitStack() as closing:
        kept = closing.enter_context(new_file(Path(rejects))) if rejects else None

        def refuse(reject: Reject) -> None:
            if kept is not None:
                write_reject(kept, reject)
            if as_json:
                out.write(reject_line(reject).encode() + b"\n")
            else:
                click.echo(reject.error.reason, err=True)

        source: str | BinaryIO = sys.stdin.buffer if file == "-" else file
        records = read_ldif(source, lenient=lenient, on_reject=refuse, allow_urls=allow_urls)
        for record in records:
            if as_json:
                out.write(json_line(record).encode() + b"\n")
    out.flush()
    _tell(records, as_json=as_json)
    return _REFUSED if records.rejected else 0


def _tell(records: LdifReader, *, as_json: bool) -> None:
    if records.ends_mid_line:
        click.echo(f"{click.style('·', fg='yellow')} The file does not end with a line end; was it cut off?", err=True)
    if as_json:
        if records.rejected:
            click.echo(f"{records.rejected:,} records are wrong, {records.records:,} are right.", err=True)
        return
    output.fields(
        {"kind": records.kind or "nothing", "version": records.version, "records": records.records,
         "wrong": records.rejected or None, "bytes": records.bytes_read}
    )  # fmt: skip


@click.command(short_help="Compare two LDIF files entry by entry.")
@click.argument("old")
@click.argument("new")
@click.option("--ignore-attribute", multiple=True, help="Leave out this attribute, with every option.")
@click.option("--ignore-dn", multiple=True, help="Leave out this entry and all below it.")
@click.option("--any-case-attribute", multiple=True, help="Values of this attribute are the same in any case.")
@click.option("--dn-attribute", multiple=True, help="Values of this attribute are DNs, compared as such.")
@click.option("--ldif", "form", flag_value="ldif", default="ldif", help="Print change records.  [default]")
@click.option("--json", "form", flag_value="json", help="Print each difference as a line of JSON; values are base64.")
@click.option("--text", "form", flag_value="text", help="Print one line an entry: + added, - deleted, ~ modified.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when the files differ.")
def diff(
    old: str,
    new: str,
    ignore_attribute: tuple[str, ...],
    ignore_dn: tuple[str, ...],
    any_case_attribute: tuple[str, ...],
    dn_attribute: tuple[str, ...],
    form: Literal["ldif", "json", "text"],
    exit_code: bool,
) -> int:
    """Compare two LDIF files entry by entry; print the changes that make the first the second.

    The order of entries, attributes and values makes no difference, nor do folds, case of names and spelling of DNs.
    Parents are added first and deleted last, so that the output can be applied with ldapmodify.

    \b
    Examples:
      flext oud diff before.ldif after.ldif > changes.ldif
      flext oud diff a.ldif b.ldif --ignore-attribute modifytimestamp --text
    """
    from flext_pipelines.oud.ldif.compare import Comparison
    from flext_pipelines.oud.ldif.diff import LdifDiff

    comparison = Comparison(ignore=ignore_attribute, any_case=any_case_attribute, names=dn_attribute)
    differences = LdifDiff(Path(old), Path(new), comparison, ignore_below=ignore_dn)
    counts = {"add": 0, "modify": 0, "delete": 0}
    out = sys.stdout.buffer
    write = _printer(form, out)
    for difference in differences:
        counts[difference.kind] += 1
        write(difference)
    out.flush()
    click.echo(
        f"{counts['add']:,} added, {counts['modify']:,} modified, {counts['delete']:,} deleted, "
        f"{differences.same:,} the same.", err=True,
    )  # fmt: skip
    return int(exit_code and any(counts.values()))


def _printer(form: Literal["ldif", "json", "text"], out: BinaryIO) -> Callable[[Difference], object]:
    from flext_pipelines.oud.ldif.diff import write_difference
    from flext_pipelines.oud.ldif.json_lines import difference_line
    from flext_pipelines.oud.ldif.writer import LdifWriter

    if form == "json":
        return lambda difference: out.write(difference_line(difference).encode() + b"\n")
    if form == "text":
        return lambda difference: out.write(_text_line(difference).encode() + b"\n")
    writer: LdifWriter = LdifWriter(out)
    return lambda difference: write_difference(writer, difference)


def _text_line(difference: Difference) -> str:
    sign = {"add": "+", "delete": "-", "modify": "~"}[difference.kind]
    names = dict.fromkeys(step.name.decode() for step in difference.steps)
    shown = difference.dn.decode("utf-8", "backslashreplace")
    return f"{sign} {shown}" + (f": {', '.join(names)}" if names else "")
