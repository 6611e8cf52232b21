"""The stage interface and the other calls of the legacy API: forms in, XML out.

``<root><success>True</success><response><message/><errors/><data/></response></root>``: an HTTP 200 can carry
``success`` False, which is a failure (wms.md 3.1).

What belongs here: that XML, both ways. What does not: HTTP (``calls``) and what the calls are used for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from flext_pipelines.errors import DataDamagedError
from flext_pipelines.wms.cloud.calls import UnansweredError
from flext_pipelines.wms.cloud.failures import refused_inside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flext_pipelines.wms.cloud.calls import CloudCalls


def call(calls: CloudCalls, name: str, form: Mapping[str, str], *, change: bool = True) -> dict[str, str]:
    """Perform a legacy call; what its ``data`` holds.

    Raises:
        ConflictError: ``success`` is False: the interface refuses, and nothing was done.
        UnansweredError: No answer came, so that the outcome must be looked up.
        DataDamagedError: The answer is no XML of the interface.
    """
    text = calls.legacy(name, form, change=change)
    try:
        root = _parsed(text, name)
    except DataDamagedError as error:
        if change:
            raise UnansweredError(error, over=True) from error
        raise
    response = root.find("response")
    if (root.findtext("success") or "").strip().lower() != "true":
        raise refused_inside(_why(response), calls.options.place, calls.options.secrets, name)
    data = response.find("data") if response is not None else None
    return {} if data is None else {child.tag: (child.text or "").strip() for child in data}


def stage_order(header: Mapping[str, str], lines: Sequence[Mapping[str, str]]) -> str:
    """The XML of an order for ``init_stage_interface``."""
    inner = _fields("order_hdr", header) + "".join(_fields("order_dtl", line) for line in lines)
    return _document("order", f"<ListOfOrders><order>{inner}</order></ListOfOrders>")


def _document(entity: str, body: str) -> str:
    head = f"<Header><DocumentVersion>10</DocumentVersion><Entity>{entity}</Entity></Header>"
    return f"<LgfData>{head}{body}</LgfData>"


def _fields(tag: str, fields: Mapping[str, str]) -> str:
    inner = "".join(f"<{name}>{escape(_legal(value))}</{name}>" for name, value in fields.items() if value)
    return f"<{tag}>{inner}</{tag}>"


def _legal(value: str) -> str:
    """XML 1.0 knows no control characters but tab and line ends."""
    return "".join(letter for letter in value if letter >= " " or letter in "\t\n\r")


def _parsed(text: str, name: str) -> ElementTree.Element:
    problem = "declares a document type" if "<!DOCTYPE" in text or "<!ENTITY" in text else ""
    if not problem:
        try:
            root = ElementTree.fromstring(text)  # noqa: S314  no document type, hence no entities to expand
            if root.tag == "root":
                return root
            problem = f"is <{root.tag}>, not <root>"
        except ElementTree.ParseError as error:
            problem = f"is not well-formed ({error})"
    raise DataDamagedError(
        f"The answer of Oracle WMS Cloud to {name} {problem}",
        "Look how things stand before you send it again; check FLEXT_WMS_CLOUD_URL",
        {"path": name},
    )


def _why(response: ElementTree.Element | None) -> str:
    if response is None:
        return ""
    errors = response.find("errors")
    words = [(element.text or "").strip() for element in errors.iter()] if errors is not None else []
    said = [word for word in words if word]
    return " / ".join(said or [(response.findtext("message") or "").strip()])
