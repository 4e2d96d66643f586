"""Text model and ranker as one pair, swapped together once every item is encoded."""

import threading

from sqlalchemy import Engine

from apps.recommend.live import Models, encode_missing
from apps.recommend.ranker_model import RankerModel
from apps.recommend.store import items as item_store
from core.database import reading, transaction
from core.models.served import Served
from core.models.text_model import TextModel


class Current:
    """The models that requests use: one reference, taken once for each request."""

    def __init__(
        self, engine: Engine, text: Served[TextModel], ranker: Served[RankerModel]
    ) -> None:
        self.text = text
        self.ranker = ranker
        self.models = Models(encoder=None, ranker=None)
        self._engine = engine
        self._refreshing = threading.Lock()

    def refresh(self) -> bool:
        """Take over new promotions; True where the pair changed.

        Items are encoded and stored before a new text model is used, so no request waits for it.
        """
        with self._refreshing:
            self.text.refresh()
            self.ranker.refresh()
            encoder = self.text.current if self.text.version else None
            ranker = self.ranker.current if self.ranker.version else None
            if (encoder, ranker) == (self.models.encoder, self.models.ranker):
                return False
            if encoder is not None and encoder is not self.models.encoder:
                self._encode(encoder)
            self.models = Models(encoder=encoder, ranker=ranker)
            return True

    def _encode(self, encoder: TextModel) -> None:
        with reading(self._engine) as connection:
            items = [
                change.item
                for change in item_store.changes(connection, since=-1)
                if change.item is not None
            ]
            known = item_store.vectors(connection, encoder_version=encoder.version)
        found = encode_missing(items, encoder, known)
        if found:
            with transaction(self._engine) as connection:
                item_store.save_vectors(connection, encoder_version=encoder.version, found=found)
