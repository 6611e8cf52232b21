"""The promises of the parsers, searched by atheris, which follows the branches of the code: bounded, in every run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.oud.fuzzing import TARGETS

RUNS, SECONDS = 20_000, 10
"""Whichever comes first: a few seconds for most parsers. A long night: ``python -m tests.oud.fuzzing``."""

_ACI = b'(target="ldap:///cn=a,dc=b")(targetattr!="cn || sn")(version 3.0; acl "x y"; '
SEEDS: dict[str, list[bytes]] = {
    "ldif": [
        b"version: 1\ndn: cn=a,dc=b\nobjectClass: person\ncn:: YQ==\ndescription: long\n er\n\ndn: cn=b\ncn: b\n",
        (
            b"dn: cn=a\nchangetype: modify\nadd: cn\ncn: b\n-\nreplace: sn\n-\n\n# only\n\n"
            b"dn: cn=a\ncontrol: 1.2.3 true\nchangetype: modrdn\nnewrdn: cn=c\ndeleteoldrdn: 1\nnewsuperior: dc=b\n"
        ),
    ],
    "dn": [b'cn=a\\2c b+sn="q,r",ou=\xc3\xa9,1.2.3=#0c0141,dc=b', b"CN = a ; DC = b"],
    "orclaci": [
        (
            b'access to attr!=(cn, sn) filter=(&(a=b)(!(c=*))) by group="cn=a,dc=b" (read, nowrite) '
            b"by self (selfwrite) by * (none)"
        ),
        (
            b"access to entry DenyGroupOverride by dnattr=(owner) BindMode=(Simple) "
            b"bindipfilter=(orclipaddress=1.2.*) (browse, add) "
            b'by dn=".*,dc=b" (noadd) by * added_object_constraint=(objectclass=x) (add)'
        ),
    ],
    "aci": [
        _ACI + b'allow (read, search) userdn="ldap:///self || ldap:///all" and (ip="1.2.3.*" or not dns="*.b"); '
        b'deny (all) groupdn="ldap:///cn=g" and ssf>="1";)',
        _ACI + b'allow (write) userattr="owner#USERDN" and timeofday>="0800" and dayofweek="mon,tue";)',
    ],
    "filter": [b"(&(|(a=b*c*d)(e~=f))(!(g>=1))(h:dn:1.2.3:=i)(j=\\2a))", b"(a=*)"],
    "schema": [
        (
            b"( 1.2.3 NAME ( 'a' 'b_c' ) DESC 'it\\27s' SUP d EQUALITY caseIgnoreMatch SYNTAX 1.2.4{64} SINGLE-VALUE "
            b"USAGE userApplications X-ORIGIN ( 'x' 'y' ) )"
        ),
        b"( 1.2.5 NAME 'k' SUP top AUXILLARY MUST ( a $ b ) MAY c )",
    ],
    "schema-file": [
        (
            b"dn: cn=subschemasubentry\nattributetypes: ( 1.2.3 NAME 'a_b' SYNTAX '1.2.4' )\n"
            b"objectclasses: ( 1.2.5 NAME 'k' SUP top MUST a_b MAY unknown )\n"
        )
    ],
}


@pytest.mark.process
@pytest.mark.parametrize("name", list(TARGETS))
def test_a_guided_search_finds_nothing(name: str, tmp_path: Path) -> None:
    """From real values onwards, whatever the parser's branches tempt to: each promise holds."""
    if importlib.util.find_spec("atheris") is None:
        if os.environ.get("CI") == "true" and sys.version_info < (3, 14):
            pytest.fail("atheris is not installed: make test installs it from requirements-fuzz.lock")
        pytest.skip("atheris is not installed: there are no wheels of it for this machine")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[name]):
        (corpus / str(number)).write_bytes(seed)
    limits = [f"-runs={RUNS}", f"-max_total_time={SECONDS}", "-max_len=400", "-len_control=0", "-timeout=60"]

    ended = subprocess.run(  # this interpreter, our module
        [sys.executable, "-m", "tests.oud.fuzzing", name, *limits, f"-artifact_prefix={tmp_path}/", str(corpus)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    found = [path.read_bytes() for path in tmp_path.glob("*-*") if path.is_file()]
    assert ended.returncode == 0, f"{found}\n{ended.stderr[-4_000:]}"
    assert "DONE" in ended.stderr
