"""A whole migration against what follows it: `slapadd -q` importing the result.

A migration reads an OID-flavoured export, transforms, orders, converts and proves its access control, and writes the
report; it should never be what one waits for. Both are measured by the clock, in turns, best of three, the migration in
a process of its own with its start. The import has the indexes that OUD (OpenDJ) makes by default; without them but
that of objectClass it is a note. OUD itself cannot be had here; its import does more than slapadd's.

Run as ``python -m benchmarks oud_migration``, ``--quick`` for one turn instead of three (of fewer entries, the
start of Python and the proof, which do not grow, would be all that is seen); with ``--full`` memory
and time of 1,000,000 entries are measured. slapd must be installed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import Figure, at_least, at_most, main, note
from benchmarks.processes import ROOT
from flext_pipelines.oud.ldif import read_ldif
from tests.oud.oid_sample import BASE, ROOT_POLICY, SCHEMA, write_export

SLAPADD = "/usr/sbin/slapadd"
MODULES = Path("/usr/lib/ldap")
INDEXES = (
    "index objectClass eq", "index cn,givenName,mail,sn,telephoneNumber eq,sub", "index uid,uniqueMember,member eq",
)  # fmt: skip
MEMORY_MB = 200.0
_NO_CERTIFICATES = """
attributes:
  drop:
    sample: [usercertificate]
"""
"""Those of the sample are made-up bytes, and slapd takes certificates apart."""
_OPERATIONAL = re.compile(r" NO-USER-MODIFICATION| USAGE \w+")

_MIGRATE = """
import json, resource, sys
from flext_pipelines.oud.migration.migrate import migrate
from flext_pipelines.oud.migration.plan import MigrationPlan
if __name__ == "__main__":
    made = migrate(MigrationPlan.model_validate_json(sys.argv[1]), replace=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({"records": made.counters.processed, "memory": max(memory, workers)}))
"""


class Turn(NamedTuple):
    """What one migration took: seconds by the clock, records written, peak memory of a process in MB."""

    seconds: float
    records: int
    memory: float


def migrate_once(folder: Path, workers: int) -> Turn:
    """One migration of ``folder/export.ldif`` to ``folder/result``."""
    plan = {
        "export": str(folder / "export.ldif"), "schema_file": str(folder / "schema.ldif"), "base_dn": BASE,
        "root_policy": str(folder / "root.ldif"), "rules": str(folder / "rules.yaml"), "out": str(folder / "result"),
        "workers": workers,
    }  # fmt: skip
    script = folder / "migrate.py"
    script.write_text(_MIGRATE, encoding="utf-8")
    began = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, script, json.dumps(plan)], check=True, capture_output=True, cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    seconds = time.perf_counter() - began
    return Turn(seconds, **json.loads(ran.stdout))


def import_once(folder: Path, indexes: tuple[str, ...]) -> tuple[float, int]:
    """One import of the result into an empty database: seconds and entries.

    Raises:
        RuntimeError: slapadd refuses an entry.
    """
    data = folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    (folder / "slapd.conf").write_text("\n".join(_configuration(folder, data, indexes)) + "\n", encoding="utf-8")
    with (folder / "all.ldif").open("wb") as joined:
        for path in sorted((folder / "result").glob("0[1-3]-*.ldif")):
            with path.open("rb") as file:
                shutil.copyfileobj(file, joined)
    began = time.perf_counter()
    ran = subprocess.run(
        [SLAPADD, "-q", "-f", folder / "slapd.conf", "-l", folder / "all.ldif"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    if ran.returncode:
        raise RuntimeError(f"slapadd: {ran.stderr[-500:]}")
    with (folder / "all.ldif").open("rb") as file:
        return seconds, sum(line.startswith(b"dn:") for line in file)


def _configuration(folder: Path, data: Path, indexes: tuple[str, ...]) -> list[str]:
    """A configuration of its own, with the schema that the migration wrote."""
    heads = [f"include /etc/ldap/schema/{name}.schema" for name in ("core", "cosine", "inetorgperson")]
    return [
        *heads, *_definitions(folder / "result" / "00-schema" / "99-user.ldif"), f"modulepath {MODULES}",
        "moduleload back_mdb", "moduleload ppolicy", f"pidfile {folder}/pid", "database mdb", f'suffix "{BASE}"',
        f"directory {data}", "maxsize 8589934592", "dbnosync", *indexes, "overlay ppolicy",
    ]  # fmt: skip


def _definitions(path: Path) -> list[str]:
    """A schema entry in the form of slapd.conf, which takes no operational attributes; ``orclGUID`` is OUD's own."""
    (record,) = read_ldif(path)
    words = {b"attributetypes": "attributetype", b"objectclasses": "objectclass"}
    lines = ["attributetype ( 2.16.840.1.113894.1.1.37 NAME 'orclGUID' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )"]
    for name, value in record.attributes():
        if name.lower() in words:
            lines.append(f"{words[name.lower()]} {_OPERATIONAL.sub('', value.decode())}")
    return lines


def _prepared(folder: Path, count: int) -> Path:
    write_export(folder / "export.ldif", count, latin_1=False)
    (folder / "schema.ldif").write_bytes(SCHEMA)
    (folder / "root.ldif").write_bytes(ROOT_POLICY)
    rules = ROOT / "flext_pipelines" / "oud" / "rules" / "openldap.yaml"
    (folder / "rules.yaml").write_text(rules.read_text("utf-8") + _NO_CERTIFICATES, encoding="utf-8")
    return folder


def measure(*, quick: bool = False, full: bool = False) -> list[Figure]:
    """Measure all of it; see above."""
    count = 100_000
    if not Path(SLAPADD).exists():
        raise RuntimeError("slapd is not installed: apt-get install slapd")
    figures = []
    with tempfile.TemporaryDirectory(prefix="flext-bench-") as name:
        folder = _prepared(Path(name), count)
        turns, imports, bare, alone = [], [], [], []
        for _ in range(1 if quick else 3):
            turns.append(migrate_once(folder, 2))
            imports.append(import_once(folder, INDEXES)[0])
            seconds, entries = import_once(folder, INDEXES[:1])
            bare.append(seconds)
            alone.append(migrate_once(folder, 1))
        if entries != turns[0].records:
            raise RuntimeError(f"{turns[0].records} entries were written, and {entries} imported")
        took = min(turn.seconds for turn in turns)
        figures += [
            at_least(f"{count:,} entries: slapadd -q with OUD's indexes over the whole migration, two workers",
                     min(imports) / took, 1.0, "times"),
            note("  the whole migration, two workers", f"{took:.2f} s, {count / took:,.0f} entries/s"),
            note("  the whole migration, one process", f"{min(turn.seconds for turn in alone):.2f} s"),
            note("  slapadd -q, OUD's indexes", f"{min(imports):.2f} s"),
            note("  slapadd -q, objectClass indexed alone", f"{min(bare):.2f} s"),
            at_most("  memory of a process", max(turn.memory for turn in turns), MEMORY_MB, "MB"),
        ]  # fmt: skip
    if full:
        with tempfile.TemporaryDirectory(prefix="flext-bench-") as name:
            turn = migrate_once(_prepared(Path(name), 1_000_000), 2)
            figures += [
                at_most("1,000,000 entries: memory of a process", turn.memory, MEMORY_MB, "MB"),
                note("  the whole migration, two workers", f"{turn.seconds:.1f} s"),
            ]
    return figures


if __name__ == "__main__":
    sys.exit(main(measure))
