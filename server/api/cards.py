"""GET /models and /models/<name>/<version>: which versions there are, and the card of each, as JSON or as a page."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, make_response, request, url_for

from models.card.card import accuracy_of, card_of
from models.card.examples import shown_examples, thumbnail_of
from models.card.page import STYLES, render_card, render_list
from models.card.sentences import sentences
from models.errors import ArtifactError, ModelNotFound, VersionNotFound, without_host_paths
from models.store.fields import MANIFEST_FILE, VERSION
from models.store.repository import Repository
from models.words import DEFAULT
from server.api.errors import JSONResponse
from server.api.pages import SECURITY_HEADERS
from server.api.probabilities import version_of
from server.api.wants_page import wants_page
from server.api.words import language_for
from server.engine.client import EngineClient
from server.metrics import Metrics
from server.observed import measured_here
from server.settings import Settings

CARD_FILES = (*STYLES, "card.js")
MAX_SUMMARIES = 4096  # that are kept, so that a list of many versions is not read from their manifests each time


class Cards:
    """The versions in the repository of the models that are served, and of no others."""

    def __init__(self, engine: EngineClient, settings: Settings, metrics: Metrics) -> None:
        self._engine, self._metrics = engine, metrics
        self._repository = Repository(settings.repository)

    def versions(self, language: str = DEFAULT) -> list[dict[str, Any]]:
        """List all versions, the default model's first, the newest of each first; states are in words of a language."""
        return [
            self._listed(name, version, language)
            for name in self._names()
            for version in reversed(self._versions(name))
        ]

    def card(self, name: str, version: int | None) -> dict[str, Any]:
        """Return the card of a version, the stable one if None, with what this server measured where it serves it.

        Raises:
            ModelNotFound, VersionNotFound: it is of no model that is served, or not there.
            CorruptArtifact: its manifest is not as it was written.
        """
        self._check_served(name)
        artifact = self._repository.load(name, version, verify=False)
        number, num_classes = artifact.manifest.version, len(artifact.manifest.labels)
        point = self._repository.operating_point(name, number, num_classes=num_classes)
        card = card_of(artifact, point, self._repository.purpose(name, number))
        catalogue = self._engine.catalogue
        for model, choice in zip(catalogue.models, catalogue.runtimes, strict=True):
            if (model.name, model.version) == (name, card["version"]):
                card["measured_here"] = measured_here(model, choice, self._metrics.registry.collect())
        return {**card, "state": self.state(name, card["version"])["state"]}

    def example(self, name: str, version: int | None, number: str) -> bytes:
        """Return a picture of a card, WebP; VersionNotFound where the card has none of that number."""
        self._check_served(name)
        artifact = self._repository.load(name, version, verify=False)
        found = next((each for each in shown_examples(artifact) if str(each.number) == number), None)
        if found is None:
            raise VersionNotFound(f"{artifact.manifest.reference} has no example picture {number[:20]!r} to show")
        return thumbnail_of(artifact, found)

    def url_of(self, reference: str) -> str | None:
        """Find the card of "name:version"; None where there is none."""
        name, _, version = reference.partition(":")
        if name not in self._names() or not VERSION.fullmatch(version) or int(version) not in self._versions(name):
            return None
        return url_for("cards.card", name=name, version=version)

    def _check_served(self, name: str) -> None:
        if name not in (names := self._names()):
            raise ModelNotFound(f"model {name!r} is not served here; served: {', '.join(names)}")

    def _names(self) -> list[str]:
        catalogue = self._engine.catalogue
        served, refused = ([each.name for each in some] for some in (catalogue.models, catalogue.refused))
        return list(dict.fromkeys([*served, *refused]))

    def _versions(self, name: str) -> list[int]:
        try:
            return self._repository.versions(name)
        except ArtifactError:  # its folder has gone, or cannot be read; what was loaded is served all the same
            return []

    def state(self, name: str, version: int, language: str = DEFAULT) -> dict[str, Any]:
        """Tell whether a version is served, in words of a language, too."""
        catalogue = self._engine.catalogue
        default = catalogue.default_model
        is_served = any((model.name, model.version) == (name, version) for model in catalogue.models)
        is_default = default is not None and (default.name, default.version) == (name, version)
        reasons = [each.reason for each in catalogue.refused if (each.name, each.version) == (name, version)]
        is_refused = bool(reasons) and not is_served
        kind = "refused" if is_refused else "default" if is_default else "served" if is_served else "kept"
        words = sentences(language).words.plain(f"state_{kind}", reason=reasons[0] if is_refused else "")
        return {"is_served": is_served, "is_default": is_default, "state": words}

    def _listed(self, name: str, version: int, language: str) -> dict[str, Any]:
        url = url_for("cards.card", name=name, version=version)
        told = {"name": name, "version": version, **self.state(name, version, language), "url": url}
        try:
            with without_host_paths(f"{name} version {version} cannot be read"):
                manifest = (self._repository.root / name / str(version) / MANIFEST_FILE).stat()
            stamp = (manifest.st_ino, manifest.st_size, manifest.st_mtime_ns)
            return {**told, **summary_of(self._repository, name, version, stamp), "error": None}
        except ArtifactError as error:
            return {**told, "error": str(error)}


@lru_cache(maxsize=MAX_SUMMARIES)
def summary_of(repository: Repository, name: str, version: int, _stamp: tuple[int, ...]) -> dict[str, Any]:
    """Sum up a version for a list; with the stamp of its manifest as before, as before.

    Raises:
        ArtifactError: it is not there, or its manifest is not as it was written.
    """
    artifact = repository.load(name, version, verify=False)
    found = accuracy_of(artifact.manifest) or {"top1": None, "intervals": {}}
    return {
        "num_classes": len(artifact.manifest.labels),
        "accuracy": found["top1"],
        "accuracy_interval": found["intervals"].get("top1"),
        "size_bytes": artifact.size_bytes,
    }


def card_routes(engine: EngineClient, settings: Settings, metrics: Metrics) -> Blueprint:
    """Make the routes."""
    routes, cards = Blueprint("cards", __name__), Cards(engine, settings, metrics)

    @routes.get("/models")
    def models() -> Response:
        if not wants_page(request.environ):
            return _kept_for_nobody(JSONResponse({"models": cards.versions()}))
        language = language_for(request.accept_languages)
        page = render_list(
            cards.versions(language),
            language=language,
            style_urls=[url_for("static", filename=name) for name in STYLES],
            icon_url=url_for("static", filename="icon.svg"),
            home_url=url_for("pages.index"),
        )
        return _page(page)

    @routes.get("/models/<name>/<version>")
    def card(name: str, version: str) -> Response:
        document = cards.card(name, version_of(version))
        if not wants_page(request.environ):
            return _kept_for_nobody(JSONResponse(document))
        language = language_for(request.accept_languages)
        page = render_card(
            document,
            language=language,
            state=cards.state(name, document["version"], language)["state"],
            style_urls=[url_for("static", filename=name) for name in STYLES],
            script_url=url_for("static", filename="card.js"),
            icon_url=url_for("static", filename="icon.svg"),
            cards_url=url_for("cards.models"),
            url_of=cards.url_of,
            picture_of=lambda number: url_for("cards.example", name=name, version=document["version"], number=number),
        )
        return _page(page)

    @routes.get("/models/<name>/<version>/examples/<number>")
    def example(name: str, version: str, number: str) -> Response:
        content = cards.example(name, version_of(version), number)
        return _kept_for_nobody(Response(content, mimetype="image/webp"))

    return routes


def _page(text: str) -> Response:
    response = make_response(text)
    response.headers.update({**SECURITY_HEADERS, "Vary": "Accept, Accept-Language"})
    return response


def _kept_for_nobody(response: Response) -> Response:
    response.headers.update({"Cache-Control": "no-cache", "Vary": "Accept"})
    return response
