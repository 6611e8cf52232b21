"""What a load, a comparison and a diagnosis of a live directory answer.

What belongs here: plain values, which messages carry. What does not: how they come about.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field, SecretStr

from flext_pipelines.values import Value

Policy: TypeAlias = Literal["add", "update", "skip"]
"""What is done with an entry that is there: refuse, compare and modify, or leave alone."""


class LoadReport(Value):
    """What a load did; over all of its runs when it was taken up again.

    Attributes:
        url: The server.
        policy: What was done with what was there.
        files: What was loaded.
        read: Records read; the sum of all below it but ``recovered``, ``retries`` and ``schema_added``.
        added: Entries added.
        updated: Entries that were there and were brought up to date.
        modified: Entries that a change record modified.
        deleted: Entries that one deleted.
        renamed: Entries that one renamed.
        unchanged: Records whose entry was as it should be already.
        skipped: Entries that were there and were left alone.
        rejected: Records that were refused, each with its reason in ``rejects_file``.
        recovered: Of those done: found done by an attempt whose answer was lost.
        schema_added: Definitions that were added to the server's schema.
        retries: Requests and connections that were tried again.
        reasons: How many records were refused for each reason, the most frequent first.
        rejects_file: Refused records with their reasons; None without any.
        journal: The journal.
        resumed: Whether an earlier run had begun it.
        already_done: Whether there was nothing left to do.
        seconds: Of this run.
    """

    url: str
    policy: Policy
    files: tuple[str, ...]
    read: int = 0
    added: int = 0
    updated: int = 0
    modified: int = 0
    deleted: int = 0
    renamed: int = 0
    unchanged: int = 0
    skipped: int = 0
    rejected: int = 0
    recovered: int = 0
    schema_added: int = 0
    retries: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
    rejects_file: Path | None = None
    journal: Path
    resumed: bool = False
    already_done: bool = False
    seconds: float = 0.0


class RightsDifference(Value):
    """One right on which the server and the evaluator do not agree.

    Attributes:
        subject: Who; empty is anonymous.
        dn: The entry.
        right: The right.
        attribute: The attribute; empty for a right on the entry.
        server: What the server says.
        evaluator: What the evaluator says.
    """

    subject: str
    dn: str
    right: str
    attribute: str
    server: bool
    evaluator: bool


class RightsReport(Value):
    """What was asked about rights.

    Attributes:
        asked: Questions: subject, entry, right, attribute.
        conditional: Of those: the answer depends on the connection (authmethod, ip, ssf ...), of which the control
            knows nothing; they were not compared.
        differing: How many answers were not the evaluator's.
        differences: The first of them.
        subjects: For whom.
        entries: On how many entries.
        acis: How many ``aci`` the server holds there.
        notes: What could not be asked, and why.
    """

    asked: int = 0
    conditional: int = 0
    differing: int = 0
    differences: tuple[RightsDifference, ...] = ()
    subjects: tuple[str, ...] = ()
    entries: int = 0
    acis: int = 0
    notes: tuple[str, ...] = ()


class Finding(Value):
    """Something that is not as the files say.

    Attributes:
        kind: What it is.
        dn: The entry.
        attribute: The attribute, where it is about one.
        detail: In words, passwords left out.
        file: Where the entry stands that should be there.
        line: The line there.
    """

    kind: Literal["missing", "extra", "different", "dangling", "bind"]
    dn: str
    attribute: str | None = None
    detail: str = ""
    file: str | None = None
    line: int | None = None


class BindSample(Value):
    """A user and the password in clear with which a bind must succeed."""

    dn: str
    password: SecretStr


class VerifyReport(Value):
    """What a comparison found.

    Attributes:
        url: The server.
        below: What was searched.
        equal: Whether nothing was found at all.
        expected: Entries that should be there.
        found: Entries that are.
        same: Entries that are as they should be.
        different: Entries that are not.
        missing: Entries that should be there and are not.
        extra: Entries that are there and should not.
        duplicates: Records of an entry that an earlier record holds; only that counts.
        references: DN values that were followed.
        dangling: Of those: nothing stands there.
        bound: Sampled users who could bind.
        refused: Sampled users who could not.
        rights: What was asked about rights; None when it was not.
        findings: The first of each kind.
        seconds: How long it took.
    """

    url: str
    below: tuple[str, ...]
    equal: bool
    expected: int
    found: int
    same: int
    different: int
    missing: int
    extra: int
    duplicates: int
    references: int
    dangling: int
    bound: int
    refused: int
    rights: RightsReport | None
    findings: tuple[Finding, ...]
    seconds: float


class TargetFinding(Value):
    """Something about a server that matters before a load.

    Attributes:
        severity: ``error``: the load fails, or grants too much. ``warning``: a person should look. ``info``: a fact.
        code: What it is about, for programs.
        text: What it is.
        advice: What to do.
    """

    severity: Literal["error", "warning", "info"]
    code: str
    text: str
    advice: str = ""


class DirectoryDiagnosis(Value):
    """What a server says of itself.

    Attributes:
        url: The server.
        product: Vendor and version, as far as it says.
        naming_contexts: Its suffixes.
        entries: Entries below each, where it says.
        findings: What matters, errors first.
    """

    url: str
    product: str
    naming_contexts: tuple[str, ...]
    entries: dict[str, int] = Field(default_factory=dict)
    findings: tuple[TargetFinding, ...] = ()
