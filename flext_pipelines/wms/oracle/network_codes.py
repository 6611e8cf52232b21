"""The ORA-/TNS- codes of the way to the database: names, listener, TLS, logging in.

After Oracle's error help (https://docs.oracle.com/error-help/db/). python-oracledb in thin mode has no Oracle client
below it, so most of these reach us only as a listener's refusal (``DPY-6000 ... Similar to ORA-12516``), from thick
mode, or from the database when it opens a link of its own.

What belongs here: the table. What does not: finding a code in an exception (``failures``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.wms.oracle.verdict import away, cut, forbidden, setup, slow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.wms.oracle.verdict import Verdict

_URL = "Correct host, port and service name in FLEXT_WMS_URL"
_LISTENER = "Check host and port in FLEXT_WMS_URL, and on the server that the listener runs (lsnrctl status)"
_SERVICE = (
    "Compare the service name in FLEXT_WMS_URL with `lsnrctl services`; "
    "a database that has just been started registers within a minute"
)
_CROWDED = "Try again later; if it stays so, raise PROCESSES and SESSIONS, or lower FLEXT_WMS_POOL_SIZE"
_LOST = "What was not committed is undone; look up what the command did before it is sent again"
_LATER = "Try again later; if it stays so, ask the database's administrator"
_FIREWALL = "Check the network and firewalls on the way, then try again"
_SLOW = (
    "Check the network and firewalls on the way, and that a listener is at the port whose database does not hang; "
    "raise FLEXT_WMS_CONNECT_TIMEOUT_SECONDS if it is only slow"
)
_TLS = "Check FLEXT_WMS_WALLET_LOCATION, and that the certificate is the one of the host in FLEXT_WMS_URL"
_PASSWORD = "Correct user and password in FLEXT_WMS_URL before you try again: wrong passwords lock the account"  # noqa: S105  advice
_ADMINISTRATOR = "Ask the database's administrator; do not try again before, or the account may be locked"

_NAMES: Mapping[int, Verdict] = {
    12154: setup("the alias in the URL is in no tnsnames.ora", "Correct it, or name the folder in TNS_ADMIN"),
    12157: setup("the client's network layer could not be set up", _URL),
    12160: setup("the client's network layer is set up wrongly", _URL),
    12161: setup("the connect descriptor is only partly valid", _URL),
    12162: setup("the connect descriptor names no service", _URL),
    12163: setup("the connect descriptor is too long", _URL),
    12165: setup("the connect descriptor has a trace file that cannot be made", _URL),
    12168: setup("no directory server can be reached for the name", _URL),
    12169: setup("the service name is too long", _URL),
    12196: setup("the listener sent an error", _URL),
    12198: setup("no way leads to the destination", _URL),
    12221: setup("the address has parameters that are not valid", _URL),
    12222: setup("the protocol of the address is not known", "Use tcp or tcps"),
    12502: setup("the listener got no CONNECT_DATA", _URL),
    12504: setup("the listener got no service name", "Add ?service_name=... to FLEXT_WMS_URL"),
    12508: setup("the listener does not know the command", _URL),
    12533: setup("the address has parameters that are not valid", _URL),
    12538: setup("the protocol of the address is not known", "Use tcp or tcps"),
    12545: setup("the host's name is not known", "Correct the host in FLEXT_WMS_URL, or the name service"),
    12546: setup("the operating system denies the connection", _FIREWALL),
    12555: setup("the operating system denies the connection", _FIREWALL),
    12557: setup("the protocol of the address cannot be loaded", "Use tcp or tcps"),
}  # fmt: skip

REFUSALS: Mapping[int, Verdict] = {
    12170: slow("the host does not answer in time", _SLOW),
    12203: away("the destination cannot be reached", _LISTENER),
    12219: away("too many services are asked for", _LATER),
    12224: away("no listener is at the address", _LISTENER),
    12226: away("the operating system has no connection left", _LATER),
    12231: away("no connection can be made to the destination", _LISTENER),
    12235: away("the listener could not send the client on", _LATER),
    12500: away("the listener could not start a server process", _CROWDED),
    12505: away("the listener does not know the SID", _SERVICE),
    12509: away("the listener could not send the client on", _LATER),
    12510: away("the database has no room for the request", _CROWDED),
    12511: away("the service is known, but takes no connection", _LATER),
    12513: away("the service was asked for with another protocol", _LATER),
    12514: away("the listener does not know the service", _SERVICE),
    12515: away("the listener has no handler of this kind", _CROWDED),
    12516: away("the listener has no free handler", _CROWDED),
    12517: away("the listener could not hand the connection over", _CROWDED),
    12518: away("the listener could not hand the connection over", _CROWDED),
    12519: away("the listener has no free server process", _CROWDED),
    12520: away("the listener has no free server of the kind asked for", _CROWDED),
    12521: away("the listener does not know the instance", _SERVICE),
    12522: away("the listener has no instance of the role asked for", _SERVICE),
    12523: away("the listener knows no instance that fits", _SERVICE),
    12524: away("the listener knows no handler that fits", _SERVICE),
    12525: slow("the listener waited too long for our request", _FIREWALL),
    12526: away("every instance is open to administrators only", "Try again after the maintenance"),
    12527: away("every instance is restricted or blocked", "Try again after the maintenance"),
    12528: away("every instance blocks new connections: the database is starting", _LATER),
    12529: forbidden("the listener's filter refuses the connection", "Ask for this host to be let in"),
    12532: away("an argument of the network layer is not valid", _LATER),
    12534: away("the network layer does not support the operation", _LATER),
    12535: slow("the network layer timed out", _FIREWALL),
    12536: away("the network layer would block", _LATER),
    12540: away("the network layer reached a limit", _CROWDED),
    12541: away("no listener answers at the address", _LISTENER),
    12542: away("the address is in use", _LATER),
    12543: away("the host cannot be reached", _FIREWALL),
    12549: away("the operating system reached a limit", _CROWDED),
    12550: away("the network layer met a syntax error", _URL),
    12552: away("the operation was interrupted", _LATER),
    12556: away("the network layer has no caller", _LATER),
    12560: away("the way to the database met an error of its protocol", _LISTENER),
    12564: away("the listener refused the connection", _LISTENER),
    12568: away("the network layer met an error", _LATER),
    12569: away("a packet was damaged on its way", _FIREWALL),
    12574: away("the listener could not send the client on", _LATER),
    12585: away("data were cut off on the way", _FIREWALL),
    12592: away("a packet is none", "Check that an Oracle listener is at the port of FLEXT_WMS_URL, and nothing else"),
    12593: away("no connection is registered", _LATER),
    12612: away("the connection is busy", _LATER),
}  # fmt: skip

"""Codes of a connection that did not come about."""

_CUTS: Mapping[int, Verdict] = {
    12150: cut("data could not be sent", _LOST),
    12151: cut("a packet of another kind came", _LOST),
    12152: cut("a break could not be sent", _LOST),
    12153: cut("the session is not connected any more", _LOST),
    12537: cut("the connection was closed", _LOST),
    12547: cut("the connection was lost", _LOST),
    12566: cut("the two ends do not understand each other", _LOST),
    12570: cut("a packet could not be read", _LOST),
    12571: cut("a packet could not be written", _LOST),
    12582: cut("the operation is not valid on this connection", _LOST),
    12583: cut("no reader is left at the other end", _LOST),
    12599: cut("a packet's checksum is wrong", _FIREWALL),
    12606: slow("the application did not answer in time", _LOST, lost=True),
    12608: slow("sending took too long", _LOST, lost=True),
    12609: slow("the answer took too long", _LOST, lost=True),
    12637: cut("a packet of the login could not be received", _LATER),
    12699: cut("the network layer met an error of its own", _LOST),
}  # fmt: skip

_NATIVE = (
    "Connect by tcps, or set SQLNET.ENCRYPTION_SERVER to ACCEPTED on the server: "
    "python-oracledb in thin mode has no native network encryption"
)
_SECURITY: Mapping[int, Verdict] = {
    12616: setup("no signals of the operating system can be used", _URL),
    12618: setup("the versions of client and server do not go together", "Oracle Database 12.1 or later is needed"),
    12630: setup("the server demands a service of the native network that we do not have", _NATIVE),
    12631: setup("the user's name could not be found out", _PASSWORD),
    12638: setup("the operating system's credentials could not be found out", _PASSWORD),
    12641: setup("the authentication service could not begin", _ADMINISTRATOR),
    12645: setup("a parameter of the network layer does not exist", _ADMINISTRATOR),
    12650: setup("no encryption is known to both ends", _NATIVE),
    12660: setup("encryption is demanded by one end and refused by the other", _NATIVE),
    12696: setup("a double encryption is set up, by tcps and by the native network", _NATIVE),
    28750: setup("TLS met an error", _TLS),
    28759: setup("the wallet cannot be opened", _TLS),
    28768: setup("the wallet's magic number is wrong", _TLS),
    28791: setup("the certificate could not be verified", _TLS),
    28859: setup("TLS could not agree on a version or cipher", "Let the server offer TLS 1.2 or later"),
    28860: setup("TLS met a fatal error", _TLS),
    28862: away("the TLS connection could not be made", _LISTENER),
    28864: cut("the TLS connection was closed", _LOST),
    28865: cut("the TLS connection was closed", _LOST),
    28868: setup("the chain of the certificate does not end at an authority we know", _TLS),
    29002: setup("TLS met an invalid certificate or cipher", _TLS),
    29003: setup("the certificate is not the expected one", _TLS),
    29019: setup("the TLS version is wrong", "Let the server offer TLS 1.2 or later"),
    29024: setup("the certificate could not be verified", _TLS),
    29106: setup("the PKCS #12 wallet cannot be read", _TLS),
}  # fmt: skip

_ACCOUNTS: Mapping[int, Verdict] = {
    1004: setup("no user was given, and the database knows no default one", _PASSWORD),
    1005: setup("no password was given", _PASSWORD),
    1017: setup("the user or the password is wrong", _PASSWORD),
    1045: forbidden("the user may not log on", "Ask for CREATE SESSION to be granted to the user of FLEXT_WMS_URL"),
    1918: setup("a user does not exist", "Correct the schema's name, or have the user created"),
    24415: setup("the pool's user is missing", _PASSWORD),
    28000: setup("the account is locked", _ADMINISTRATOR),
    28001: setup("the password has expired", "Set a new password, then put it into FLEXT_WMS_URL"),
    28002: setup("the password expires soon", "Set a new password before it does, then put it into FLEXT_WMS_URL"),
    28003: setup("the new password is too simple", "Choose a longer one"),
    28007: setup("the new password was used before", "Choose another"),
    28008: setup("the old password is wrong", _PASSWORD),
    28009: setup("SYS may only log on as SYSDBA", "Use a user of its own for pipelines, never SYS"),
    28011: setup("the account expires soon", "Ask the database's administrator to extend it"),
    28030: setup("the server has trouble with its directory", _ADMINISTRATOR),
    28040: setup("client and server share no way to authenticate", "Set SQLNET.ALLOWED_LOGON_VERSION_SERVER to 12"),
    28043: setup("the server's credentials in its directory are wrong", _ADMINISTRATOR),
    28150: forbidden("the proxy may not act for this user", "Ask for GRANT CONNECT THROUGH"),
    28183: forbidden("the proxy must authenticate itself", _PASSWORD),
    28547: setup("the connection failed for the way it is administered", _URL),
    65011: setup("the pluggable database does not exist", _URL),
    65096: setup("a user or role of the whole container was asked for", "Connect to the pluggable database"),
}  # fmt: skip

NETWORK_CODES: Mapping[int, Verdict] = {**_NAMES, **REFUSALS, **_CUTS, **_SECURITY, **_ACCOUNTS}
"""What each code on the way to the database means."""
