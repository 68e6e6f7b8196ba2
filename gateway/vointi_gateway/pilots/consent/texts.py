"""What people are asked, as data: one file a purpose and version, in every language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources

from ...errors import RegistryError

LANGUAGES = ("fi", "sv", "en")


@dataclass(frozen=True, slots=True)
class ConsentText:
    """One text in one language; `sha256` (hex) is what a record keeps of it."""

    purpose: str
    version: int
    language: str
    title: str
    body: str

    @property
    def sha256(self) -> str:
        """Digest of title, a newline and body in UTF-8."""
        return sha256(f"{self.title}\n{self.body}".encode()).hexdigest()


class ConsentTexts:
    """Every text by purpose, version and language."""

    def __init__(self, texts: Mapping[tuple[str, int, str], ConsentText]) -> None:
        self._texts = dict(texts)

    def newest(self, purpose: str, language: str) -> ConsentText:
        """The text that is shown today. Raises RegistryError."""
        if language not in LANGUAGES:
            raise RegistryError("language", f"{language!r}; use {', '.join(LANGUAGES)}")
        versions = [v for p, v, lang in self._texts if (p, lang) == (purpose, language)]
        if not versions:
            known = ", ".join(sorted({p for p, _, _ in self._texts}))
            raise RegistryError("purpose", f"{purpose!r} has no text; use {known}")
        return self._texts[purpose, max(versions), language]

    def all(self) -> tuple[ConsentText, ...]:
        """Every text, by purpose, version, language."""
        return tuple(self._texts[key] for key in sorted(self._texts))


def load_texts() -> ConsentTexts:
    """The texts that this version ships."""
    texts = {}
    for file in resources.files("vointi_gateway.pilots").joinpath("texts").iterdir():
        if file.name.endswith(".toml"):
            table = tomllib.loads(file.read_text(encoding="utf-8"))
            purpose, version = table["purpose"], table["version"]
            for language in LANGUAGES:
                title, body = table[language]["title"], table[language]["body"].strip()
                texts[purpose, version, language] = ConsentText(
                    purpose, version, language, title, body
                )
    return ConsentTexts(texts)
