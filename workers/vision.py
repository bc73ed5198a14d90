"""Searching by what something looks like: a picture, or a product of the catalog, as a vector to search with."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from etalage.core.encoders import Encoder
from etalage.core.encoders.image import ImageEncoder
from etalage.core.errors import ConfigError, FingerprintMismatch, ModelNotFound, QueryError
from etalage.core.settings import Settings
from indexer import pictures
from opensearch.engine import Generation, IndexSpec, SearchEngine
from ranker.search import Answer, Ask, Searcher
from workers import parts


class Vision:
    """Turns pictures and products into searches of `settings.index`. The encoder of pictures is loaded at first use."""

    def __init__(self, settings: Settings, engine: SearchEngine) -> None:
        self._settings, self._engine = settings, engine
        self._sight = parts.sight_of(settings)

    @cached_property
    def _encoder(self) -> ImageEncoder:
        """The one that is set, else the one that the index was built with."""
        name = self._settings.image_model or self._serving().spec.model_image
        encoder = parts.image_encoder_of(self._settings.model_copy(update={"image_model": name}))
        if encoder is None:
            raise ConfigError(
                "no encoder of pictures is set",
                remedy="Set ETALAGE_IMAGE_MODEL to the one that the vectors of the feed come from.",
            )
        return encoder

    def vector(self, data: bytes) -> tuple[float, ...]:
        """The vector of a picture, to search with.

        Raises:
            QueryError: it is no picture that can be read, or the index has no pictures.
            ConfigError, ModelError: there is no encoder of pictures.
            FingerprintMismatch: the index was built with another one.
        """
        spec = self._serving().spec
        if not spec.dim_image:
            raise self._without_pictures()
        self._same_model(spec)
        try:
            found = pictures.decode(data)
        except pictures.BadPicture as error:
            raise QueryError(
                f"the picture cannot be used: {error}", remedy="Send a JPEG, PNG or WebP picture."
            ) from None
        return tuple(self._encoder.encode_one(found.image).tolist())

    def _same_model(self, spec: IndexSpec) -> None:
        if spec.fingerprint_image != self._encoder.fingerprint:
            raise FingerprintMismatch(
                "the pictures of the index were encoded by another model",
                value=f"{spec.model_image or 'vectors of the feed'}, this one is {self._encoder.name}",
                remedy="Set ETALAGE_IMAGE_MODEL to it, or index again with --full.",
            )

    def words(self, text: str, encoder: Encoder | None) -> tuple[float, ...]:
        """A text as a vector among those of pictures: by the text encoder that shares the space of the image model, else by what
        `etalage train align` learnt from the catalog.

        Raises:
            QueryError: the text is empty, or the index has no pictures.
            ModelNotFound: neither is there.
            FingerprintMismatch: what was learnt is of other encoders than the index.
        """
        spec = self._serving().spec
        if not text.strip():
            raise QueryError("there are no words to find pictures by", remedy="Say what to look for.")
        if not spec.dim_image:
            raise self._without_pictures()
        if encoder is None:
            raise ModelNotFound("the text encoder is missing", remedy="See `etalage doctor`.")
        if encoder.fingerprint != spec.fingerprint:
            raise FingerprintMismatch(
                "the texts of the index were encoded by another model",
                value=f"{spec.model}, this one is {encoder.name}",
                remedy="Set ETALAGE_TEXT_MODEL to it, or index again with --full.",
            )
        return tuple(self._sight.vector(spec, encoder.encode_query(text)).tolist())

    def _without_pictures(self) -> QueryError:
        return QueryError(
            "the index has no pictures",
            value=self._settings.index,
            remedy="Set ETALAGE_IMAGE_MODEL and index the catalog again.",
        )

    def like(self, searcher: Searcher, ask: Ask, id: str) -> Answer:
        """Products that look like one of the catalog, or, where that has no picture, read like it; without itself.

        Raises:
            QueryError: there is no such product, or it has no vector.
        """
        serving = self._serving()
        text, image = self._engine.vectors(serving.name, [id]).get(id, (None, None))
        vector = image if image is not None else text
        if vector is None:
            raise QueryError("there is no such product, or it has no vector", value=id, remedy="Check the id.")
        wanted = replace(
            ask,
            q="",
            size=ask.size + ask.start + 1,
            start=0,
            image=tuple(vector.tolist()),
            image_field="vec_image" if image is not None else "vec_text",
        )
        answer = searcher.search(wanted)
        others = [hit for hit in answer.hits if hit.id != id]
        return replace(
            answer, hits=others[ask.start : ask.start + ask.size], total=answer.total - (len(others) < len(answer.hits))
        )

    def _serving(self) -> Generation:
        serving = self._engine.serving(self._settings.index)
        if serving is None:
            raise QueryError("there is no such index", value=self._settings.index, remedy="Index a feed first.")
        return serving
