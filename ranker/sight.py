"""Where a query's words lie among the pictures of a generation."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from etalage.core.encoders import alignment, maps
from etalage.core.errors import ModelError, ModelNotFound
from etalage.core.records import Floats
from opensearch.engine import IndexSpec

log = logging.getLogger(__name__)


class Sight:
    """Turns text vectors into vectors of the pictures' space: a text encoder that shares the space of the image model needs
    nothing, any other what `etalage train align` learnt. Thread-safe.

    Args:
        pairs: fingerprint of an image encoder → name of the text encoder that shares its space.
        folder: of the alignment of the index; it need not exist.
    """

    def __init__(self, pairs: Mapping[str, str], folder: Path) -> None:
        self._pairs: Final = dict(pairs)
        self._aligned: Final = maps.Watched(folder, alignment.load)

    def vector(self, spec: IndexSpec, text: Floats) -> Floats:
        """Where a text's vector, float32 [dim], lies among the pictures: float32 [dim_image], unit length.

        Raises:
            ModelNotFound: the encoders share no space, and words and pictures were not aligned.
            FingerprintMismatch: they were aligned for other encoders.
            ModelError: the alignment cannot be read.
        """
        if self._pairs.get(spec.fingerprint_image) == spec.model and len(text) == spec.dim_image:
            return text
        aligned = self._aligned.now()
        if aligned is None:
            raise alignment.KIND.missing(self._aligned.folder)
        aligned.check(spec.fingerprint, spec.fingerprint_image, spec.dim_image)
        return aligned.query(text)

    def seen(self, spec: IndexSpec, text: Floats) -> Floats | None:
        """The same, or None where there are no pictures, or words do not lead to them."""
        if not spec.dim_image:
            return None
        try:
            return self.vector(spec, text)
        except ModelNotFound:
            return None
        except ModelError as error:
            log.warning("pictures are not compared with words: %s", error)
            return None
