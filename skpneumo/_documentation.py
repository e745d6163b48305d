"""Link scikit-learn's diagrams of estimators to the documentation of this package."""

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

__all__ = ["DocumentationLinks", "documentation_address"]


@cache
def documentation_address() -> str:
    """Get the address of the documentation from the installed package; "" if there is none."""
    try:
        addresses = metadata("skpneumo").get_all("Project-URL") or []
    except PackageNotFoundError:  # not installed
        return ""
    for each in addresses:
        name, _, address = each.partition(",")
        if name.strip().lower() == "documentation":
            return str(address).strip().rstrip("/")
    return ""


class DocumentationLinks:
    """Mixin before scikit-learn's ``BaseEstimator``; without an address there is no link."""

    _doc_link_module = "skpneumo"

    @property
    def _doc_link_template(self) -> str:
        address = documentation_address()
        return f"{address}/api/{{stage}}/#skpneumo.{{stage}}.{{name}}" if address else ""

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        cls = type(self)
        return {"stage": cls.__module__.split(".")[1], "name": cls.__name__}
