"""A bound connection to a directory: requests out, answers in, and no wait without an end.

What belongs here: the traffic of one connection, and turning python-ldap's exceptions into answers and errors. What
does not: connecting again, order, retries (``pipeline``).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self

from flext_pipelines.errors import FlextError, UsageError
from flext_pipelines.oud.directory.client import LdapClient, Steps, Values, library, new_client
from flext_pipelines.oud.directory.result_codes import NO_SUCH_OBJECT, SUCCESS, TIMEOUT, Answer, work_error
from flext_pipelines.oud.directory.server_schema import ServerSchema

if TYPE_CHECKING:
    from types import ModuleType

    from flext_pipelines.oud.directory.target import DirectoryTarget

Scope = Literal["base", "one", "sub"]
Attributes = dict[str, list[bytes]]

_SCOPES: Mapping[Scope, int] = {"base": 0, "one": 1, "sub": 2}
_SLICE_SECONDS = 0.5
"""python-ldap waits in C, where a signal is not seen: so it waits for no longer than this at once."""
_ANY = -1
_PAGE = 1_000
_PAGED = "1.2.840.113556.1.4.319"


class Knowledge:
    """What is known of a server, asked for once.

    Attributes:
        root_dse: What it says of itself, names in lower case.
        schema: What it holds entries to.
    """

    def __init__(self) -> None:
        self.root_dse: Attributes | None = None
        self.schema: ServerSchema | None = None


class Directory:
    """One connection. Use it in a ``with``; nothing of it is shared among threads.

    Args:
        target: Where, and as whom.
        like: An earlier connection to the same server, whose knowledge of it is kept.

    Attributes:
        target: Where, and as whom.
        knowledge: What is known of the server.

    Raises:
        ForbiddenError: The server refuses the password, or the account.
        UnavailableError: It cannot be reached.
        TimedOutError: It does not answer.
        DirectoryRefusedError: No TLS connection is possible, or it speaks another language.
        ConfigError: python-ldap is not installed.
        UsageError: A bind DN comes without a password, which LDAP takes for an anonymous bind.
    """

    def __init__(self, target: DirectoryTarget, *, like: Directory | None = None) -> None:
        password = target.password.get_secret_value() if target.password is not None else ""
        if target.bind_dn and not password:
            raise UsageError(
                f"{target.bind_dn} has no password",
                "Set FLEXT_OUD_BIND_PASSWORD, or name a file: --bind-password-file; an empty one would be an anonymous "
                "bind",
                {"bind_dn": target.bind_dn},
            )
        self.target = target
        self._ldap: ModuleType = library()
        self._client: LdapClient = new_client(target)
        self._closed = False
        self.knowledge: Knowledge = like.knowledge if like is not None else Knowledge()
        try:
            self._bind(target.bind_dn, password)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """The connection; leaving closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it, in whatever state it is; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        with suppress(self._ldap.LDAPError, OSError):
            self._client.unbind_ext()

    def _bind(self, dn: str, password: str) -> None:
        who = f"cannot be bound as {dn}" if dn else "takes no anonymous bind"
        try:
            if self.target.start_tls:
                self._client.start_tls_s()
            number = self._client.simple_bind(dn, password)
        except self._ldap.LDAPError as error:
            raise work_error(self._answer_of(error), self.target.url, who, bind_dn=dn) from None
        answer = self.wait(number, self.target.connect_seconds + self.target.timeout_seconds)
        if answer.code != SUCCESS:
            raise work_error(answer, self.target.url, who, bind_dn=dn)
        self._end_writes()

    def _end_writes(self) -> None:
        """Let a write end, too, when the server reads no more; libldap has no option for that."""
        seconds = self.target.timeout_seconds
        whole = int(seconds)
        limit = struct.pack("ll", whole, int((seconds - whole) * 1_000_000))
        with suppress(OSError), socket.socket(fileno=_duplicate(self._client.fileno())) as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    # Requests: each gives the number by which its answer is known.

    def ask_add(self, dn: str, values: Values) -> int:
        """Ask to add an entry.

        Raises:
            FlextError: The connection is lost.
        """
        with self._sending():
            return self._client.add_ext(dn, values)

    def ask_modify(self, dn: str, steps: Steps) -> int:
        """Ask to modify an entry.

        Raises:
            FlextError: The connection is lost.
        """
        with self._sending():
            return self._client.modify_ext(dn, steps)

    def ask_delete(self, dn: str) -> int:
        """Ask to delete an entry.

        Raises:
            FlextError: The connection is lost.
        """
        with self._sending():
            return self._client.delete_ext(dn)

    def ask_rename(self, dn: str, new_rdn: str, superior: str | None, *, delete_old: bool) -> int:
        """Ask to rename or move an entry.

        Raises:
            FlextError: The connection is lost.
        """
        with self._sending():
            return self._client.rename(dn, new_rdn, superior, int(delete_old))

    def ask_search(
        self, base: str, scope: Scope = "base", where: str = "(objectClass=*)",
        attributes: Sequence[str] | None = None, controls: object = None,
    ) -> int:  # fmt: skip
        """Ask for entries.

        Raises:
            FlextError: The connection is lost.
        """
        with self._sending():
            return self._client.search_ext(
                base, _SCOPES[scope], where, list(attributes) if attributes else None, serverctrls=controls
            )

    # Answers.

    def next_answer(self, seconds: float, number: int = _ANY) -> Answer | None:
        """The next answer that is there, or comes in time.

        Args:
            seconds: The longest wait.
            number: Of one request; by default of any.

        Returns:
            None when none came; the connection may still be well.

        Raises:
            UnavailableError: The connection is lost.
        """
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            answer = self._poll(number, max(0.0, min(left, _SLICE_SECONDS)))
            if answer is not None or left <= 0:
                return answer

    def wait(self, number: int, seconds: float | None = None) -> Answer:
        """The answer to one request; ``timeout`` when none comes.

        Raises:
            UnavailableError: The connection is lost.
        """
        answer = self.next_answer(self.target.timeout_seconds if seconds is None else seconds, number)
        return answer if answer is not None else Answer(number, TIMEOUT)

    def _poll(self, number: int, seconds: float) -> Answer | None:
        try:
            kind, data, found, _ = self._client.result4(number, 1, seconds)[:4]
        except self._ldap.TIMEOUT:
            return None
        except self._ldap.LDAPError as error:
            answer = self._answer_of(error)
            if answer.number < 0:
                raise work_error(answer, self.target.url, "closed the connection") from None
            return answer
        if kind is None:
            return None
        return Answer(int(found), SUCCESS, entries=tuple(_entries(data)))

    def _answer_of(self, error: Exception) -> Answer:
        found = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        number = found.get("msgid", -1)
        code = found.get("result", getattr(error, "errnum", -2))
        text = str(found.get("info") or (found.get("desc") if code < 0 else "") or "")
        if not found:
            text = str(error)
        return Answer(int(number), int(code), text, str(found.get("matched") or ""))

    def _sending(self) -> _Sending:
        return _Sending(self)

    def refused(self, error: Exception) -> FlextError:
        """The error of a request that could not be sent."""
        return work_error(self._answer_of(error), self.target.url, "does not take the request")

    @property
    def library_error(self) -> type[Exception]:
        """What python-ldap raises."""
        found: type[Exception] = self._ldap.LDAPError
        return found

    # Whole questions.

    def read(self, dn: str, attributes: Sequence[str] | None = None) -> Attributes | None:
        """One entry, values by attribute description as the server writes it; None when it is not there.

        Raises:
            FlextError: The server refuses, or does not answer.
        """
        answer = self.wait(self.ask_search(dn, "base", attributes=attributes))
        if answer.code == NO_SUCH_OBJECT:
            return None
        if answer.code != SUCCESS:
            raise work_error(answer, self.target.url, f"does not show {dn!r}", bind_dn=self.target.bind_dn)
        return answer.entries[0][1] if answer.entries else None

    def search(
        self, base: str, scope: Scope = "sub", where: str = "(objectClass=*)",
        attributes: Sequence[str] | None = None, controls: object = None,
    ) -> list[tuple[str, Attributes]]:  # fmt: skip
        """A few entries at once; see ``stream`` for many. No entry when the base is not there.

        Raises:
            FlextError: The server refuses, or does not answer.
        """
        answer = self.wait(self.ask_search(base, scope, where, attributes, controls))
        if answer.code == NO_SUCH_OBJECT:
            return []
        if answer.code != SUCCESS:
            raise work_error(answer, self.target.url, f"does not search below {base!r}", bind_dn=self.target.bind_dn)
        return list(answer.entries)

    def stream(
        self, base: str, scope: Scope = "sub", where: str = "(objectClass=*)", attributes: Sequence[str] | None = None
    ) -> Iterator[tuple[str, Attributes]]:
        """Entries as they come, page by page where the server has pages, in the memory of one page.

        Raises:
            FlextError: The server refuses, or does not answer.
        """
        if not self.has_control(_PAGED):
            yield from self.search(base, scope, where, attributes)
            return
        from ldap.controls.libldap import SimplePagedResultsControl

        cookie: object = ""
        while True:
            control = SimplePagedResultsControl(True, size=_PAGE, cookie=cookie)
            entries, cookie = self._page(self.ask_search(base, scope, where, attributes, [control]), base)
            yield from entries
            if not cookie:
                return

    def _page(self, number: int, base: str) -> tuple[list[tuple[str, Attributes]], object]:
        deadline = time.monotonic() + self.target.timeout_seconds
        while True:
            try:
                kind, data, _, controls = self._client.result4(number, 1, _SLICE_SECONDS)[:4]
            except self._ldap.NO_SUCH_OBJECT:
                return [], None
            except self._ldap.LDAPError as error:
                answer = self._answer_of(error)
                if answer.code != TIMEOUT:
                    raise work_error(answer, self.target.url, f"does not search below {base!r}",
                                     bind_dn=self.target.bind_dn) from None  # fmt: skip
                kind = None
            if kind is not None:
                cookies = [found.cookie for found in controls if getattr(found, "controlType", "") == _PAGED]
                return list(_entries(data)), cookies[0] if cookies else None
            if time.monotonic() > deadline:
                raise work_error(Answer(number, TIMEOUT), self.target.url, f"searching below {base!r}")

    @property
    def root_dse(self) -> Attributes:
        """What the server says of itself, names in lower case."""
        if self.knowledge.root_dse is None:
            found = self.read("", ["*", "+"]) or {}
            self.knowledge.root_dse = {name.lower(): values for name, values in found.items()}
        return self.knowledge.root_dse

    def has_control(self, oid: str) -> bool:
        """Whether the server lists a control."""
        return oid.encode() in self.root_dse.get("supportedcontrol", [])

    @property
    def naming_contexts(self) -> list[str]:
        """The suffixes it holds."""
        return [value.decode("utf-8", "replace") for value in self.root_dse.get("namingcontexts", [])]

    @property
    def schema(self) -> ServerSchema:
        """The schema it holds entries to."""
        if self.knowledge.schema is None:
            where = self.root_dse.get("subschemasubentry", [b"cn=schema"])[0].decode()
            found = self.read(where, ["attributeTypes", "objectClasses", "matchingRules", "ldapSyntaxes"]) or {}
            self.knowledge.schema = ServerSchema(found, where)
        return self.knowledge.schema

    def forget_schema(self) -> None:
        """Ask for the schema again when it is next needed: it was changed."""
        self.knowledge.schema = None


class _Sending:
    """Turns what python-ldap raises while a request is sent into an error of ours."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, self._directory.library_error):
            raise self._directory.refused(error) from None


def _entries(data: object) -> Iterator[tuple[str, Attributes]]:
    """The entries of an answer, without references to other servers, whose DN is None."""
    if isinstance(data, list):
        for item in data:
            if item[0] is not None:
                yield str(item[0]), item[1]


def _duplicate(descriptor: int) -> int:
    return os.dup(descriptor)
