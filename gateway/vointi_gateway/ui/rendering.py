"""How every page is rendered: escaped, strict about names, with the words of its language."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from .messages import DEFAULT_LANGUAGE, load_messages


def template_environment() -> Environment:
    """The templates of this package: escaped, and an unknown name is an error."""
    return Environment(
        loader=PackageLoader(__package__ or "vointi_gateway.ui"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_environment(version: str) -> Environment:
    """The templates of this package; pages show `version` in their foot."""
    environment = template_environment()
    environment.globals.update(
        t=load_messages(), lang=DEFAULT_LANGUAGE, version=version, pilot=None, query=""
    )
    return environment
