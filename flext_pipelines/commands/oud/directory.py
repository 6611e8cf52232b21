"""Live directories: loading one, comparing it with what was loaded, looking at it before.

What belongs here: these messages, where a password comes from, and their handlers. What does not: LDAP
(``flext_pipelines.oud.directory``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, Field, SecretStr

from flext_pipelines.commands.message import Command, Context, Query
from flext_pipelines.errors import NotFoundError, UsageError
from flext_pipelines.oud.directory.reports import DirectoryDiagnosis, LoadReport, Policy, VerifyReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.oud.directory.target import DirectoryTarget
    from flext_pipelines.settings import Settings

_LONGEST_PASSWORD = 4_096


class DirectoryFields(BaseModel):
    """Where a directory is and who binds; the fields that every message about one has."""

    to: str = Field(min_length=1, description="The server: ldap://host:port, or ldaps://host:port.")
    bind_dn: str = Field(default="", description="Account that binds; by default anonymous.")
    bind_password: SecretStr | None = Field(
        default=None, description="Its password. By default FLEXT_OUD_BIND_PASSWORD; never on a command line."
    )
    bind_password_file: str | None = Field(
        default=None, min_length=1, description="File whose first line is the password."
    )
    start_tls: bool = Field(default=False, description="Upgrade ldap:// to TLS before the password is sent.")
    ca_file: str | None = Field(
        default=None, min_length=1, description="Certificates of authorities to trust instead of the system's."
    )
    check_certificate: bool = Field(default=True, description="Whether the server must prove who it is.")
    timeout_seconds: float = Field(default=60, gt=0, le=3_600, description="Longest wait for one answer.")
    patience_seconds: float = Field(
        default=120, ge=0, le=86_400, description="How long a server that is busy, down or silent is tried again."
    )

    def target(self, settings: Settings) -> DirectoryTarget:
        """The server and the account, with the password from the message, the file, or the settings.

        Raises:
            UsageError: The fields do not go together.
            NotFoundError: There is no such password file.
        """
        from pydantic import ValidationError

        from flext_pipelines.oud.directory.target import DirectoryTarget

        password = self.bind_password
        if password is None and self.bind_password_file is not None:
            password = _password_in(Path(self.bind_password_file))
        if password is None and self.bind_dn:
            password = settings.oud_bind_password
        try:
            return DirectoryTarget(
                url=self.to, bind_dn=self.bind_dn, password=password, start_tls=self.start_tls,
                ca_file=Path(self.ca_file) if self.ca_file else None, check_certificate=self.check_certificate,
                timeout_seconds=self.timeout_seconds, connect_seconds=min(self.timeout_seconds, 10),
                patience_seconds=self.patience_seconds,
            )  # fmt: skip
        except ValidationError as error:
            reason = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
            raise UsageError(f"{self.to}: {reason}", "Correct the address", {"to": self.to}) from None


def _password_in(path: Path) -> SecretStr:
    try:
        with path.open(encoding="utf-8") as file:
            line = file.readline(_LONGEST_PASSWORD).rstrip("\r\n")
    except OSError as error:
        raise NotFoundError(f"{path}: {error.strerror}", "Check --bind-password-file", {"file": str(path)}) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no UTF-8 text", "The first line of the file is the password") from None
    if not line:
        raise UsageError(f"{path}: the first line is empty", "The first line of the file is the password")
    return SecretStr(line)


class LoadDirectoryCommand(DirectoryFields, Command[LoadReport]):
    """Load LDIF files into a live directory, in their order, each record once.

    Content is added, changes are applied. How far it is stands in a journal: after a failure, a kill or a power cut
    the same call goes on there. What the server refuses is kept with its reasons.
    """

    performed_in_run: ClassVar[bool] = True

    files: tuple[str, ...] = Field(min_length=1, description="LDIF files, parents before children.")
    policy: Policy = Field(
        default="add",
        description="An entry that is there: add refuses it, update makes it what the record says, skip leaves it.",
    )
    journal: str | None = Field(
        default=None, min_length=1, description="Where the progress is kept; by default load.journal by the first file."
    )
    rejects: str | None = Field(
        default=None, min_length=1, description="Where refused records go; by default beside the journal."
    )
    keep: tuple[str, ...] = Field(default=(), description="Attributes that an update leaves alone.")
    set_passwords: bool = Field(
        default=False, description="An update sets passwords, too; otherwise users keep those that they have."
    )
    window: int = Field(default=64, ge=1, le=1_000, description="Requests on the way at once.")


def load_directory(command: LoadDirectoryCommand, *, settings: Settings, context: Context) -> LoadReport:
    """Load, and tell of it."""
    from flext_pipelines.oud.directory.load import load

    files = [Path(name) for name in command.files]
    target = command.target(settings)
    return load(
        files, target, journal=Path(command.journal) if command.journal else files[0].with_name("load.journal"),
        policy=command.policy, progress=context.on_progress, rejects=Path(command.rejects) if command.rejects else None,
        keep=command.keep, passwords=command.set_passwords, window=command.window,
    )  # fmt: skip


class VerifyDirectoryQuery(DirectoryFields, Query[VerifyReport]):
    """Compare a live directory with the files that were loaded: entries, values, references, logins, rights.

    The order of entries and values makes no difference; values are compared as the server's schema says. Nothing is
    changed, but a bind that succeeds may make the server hash a password anew, so that binds come last.
    """

    files: tuple[str, ...] = Field(min_length=1, description="The files that were loaded: content and changes.")
    ignore: tuple[str, ...] = Field(default=(), description="Attributes that are left out.")
    ignore_below: tuple[str, ...] = Field(
        default=(), description="DNs of entries that are left out with all below them."
    )
    bind_samples: str | None = Field(
        default=None, min_length=1,
        description="LDIF file of users (dn, userPassword in clear) who must be able to log in.",
    )  # fmt: skip
    effective_rights: int = Field(
        default=0, ge=0, le=100_000, description="Ask the server who may do what on so many entries, and compare."
    )
    subjects: tuple[str, ...] = Field(
        default=(), description="For whom rights are asked, besides anonymous; by default some users."
    )


def verify_directory(query: VerifyDirectoryQuery, *, settings: Settings, context: Context) -> VerifyReport:
    """Read it back and judge it."""
    from flext_pipelines.oud.directory.verify import read_bind_samples, verify

    return verify(
        [Path(name) for name in query.files], query.target(settings), ignore=query.ignore,
        ignore_below=query.ignore_below,
        sample_binds=read_bind_samples(Path(query.bind_samples)) if query.bind_samples else (),
        effective_rights=query.effective_rights, subjects=query.subjects, progress=context.on_progress,
    )  # fmt: skip


class DiagnoseDirectoryQuery(DirectoryFields, Query[DirectoryDiagnosis]):
    """Look at a live directory before a load: suffixes, schema, open access, password policy, whether it is writable.

    Nothing is changed.
    """

    files: tuple[str, ...] = Field(default=(), description="What shall be loaded; then it is held against it.")


def diagnose_directory(query: DiagnoseDirectoryQuery, *, settings: Settings) -> DirectoryDiagnosis:
    """Ask the server."""
    from flext_pipelines.oud.directory.diagnose import diagnose_target

    return diagnose_target(query.target(settings), [Path(name) for name in query.files])


HANDLERS: Mapping[type, Callable[..., object]] = {
    LoadDirectoryCommand: load_directory,
    VerifyDirectoryQuery: verify_directory,
    DiagnoseDirectoryQuery: diagnose_directory,
}
