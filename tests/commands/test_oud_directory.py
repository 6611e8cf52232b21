"""Facts about the messages on live directories: where the password comes from, and where it never goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from flext_pipelines.commands.oud.directory import LoadDirectoryCommand, VerifyDirectoryQuery
from flext_pipelines.errors import NotFoundError, UsageError
from flext_pipelines.secrets import MASK
from flext_pipelines.settings import Settings

TO = "ldaps://directory.example.com:1636"


def settings(folder: Path, **fields: object) -> Settings:
    return Settings.model_validate({"home": folder, **fields})


def command(**fields: object) -> LoadDirectoryCommand:
    given = {"files": ("a.ldif",), "to": TO, "bind_dn": "cn=admin", **fields}
    return LoadDirectoryCommand.model_validate(given)


def password_of(message: LoadDirectoryCommand, effective: Settings) -> str | None:
    found = message.target(effective).password
    return found.get_secret_value() if found is not None else None


def test_the_password_comes_from_the_nearest_source(tmp_path: Path) -> None:
    """The message, then its file, then the settings."""
    file = tmp_path / "secret"
    file.write_text("from-file\nsecond line\n")
    effective = settings(tmp_path, oud_bind_password="from-settings")

    assert password_of(command(), effective) == "from-settings"
    assert password_of(command(bind_password_file=str(file)), effective) == "from-file"
    assert password_of(command(bind_password_file=str(file), bind_password="from-message"), effective) == "from-message"
    assert password_of(command(), settings(tmp_path)) is None


def test_an_anonymous_bind_has_no_password(tmp_path: Path) -> None:
    """One that stands in the settings belongs to an account."""
    assert password_of(command(bind_dn=""), settings(tmp_path, oud_bind_password="x")) is None


def test_a_password_file_that_holds_none_is_named(tmp_path: Path) -> None:
    """Missing, empty, or no text; never with what is in it."""
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\nsecret below\n")
    binary.write_bytes(b"\xff\xfe")

    with pytest.raises(NotFoundError, match="none"):
        command(bind_password_file=str(tmp_path / "none")).target(settings(tmp_path))
    with pytest.raises(UsageError, match="first line is empty") as caught:
        command(bind_password_file=str(empty)).target(settings(tmp_path))
    with pytest.raises(UsageError, match="no UTF-8"):
        command(bind_password_file=str(binary)).target(settings(tmp_path))
    assert "secret below" not in str(caught.value)


def test_fields_that_do_not_go_together_are_a_usage_error(tmp_path: Path) -> None:
    """StartTLS over TLS, a password in an address: named, and nothing is connected."""
    with pytest.raises(UsageError, match="start_tls goes with ldap://"):
        command(start_tls=True).target(settings(tmp_path))
    with pytest.raises(UsageError, match=r"host and port only"):
        command(to="ldap://cn=admin:secret@h").target(settings(tmp_path))


def test_a_password_is_in_no_form_of_a_message() -> None:
    """Printed, as JSON, or as the audit trail keeps it."""
    message = command(bind_password=SecretStr("pa55word"))

    assert "pa55word" not in f"{message!r}{message.model_dump_json()}{message.for_audit()}"
    assert json.loads(message.for_audit())["bind_password"] == MASK


def test_loading_is_long_work_and_comparing_is_a_question() -> None:
    """A shell launches a run for the first; the second needs none."""
    assert LoadDirectoryCommand.performed_in_run
    assert not hasattr(VerifyDirectoryQuery, "performed_in_run")
