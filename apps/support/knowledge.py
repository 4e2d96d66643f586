"""The knowledge base as a process has it in memory, always of one database and model version."""

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import Engine

from apps.support.articles import Article
from apps.support.retrieval import DenseIndex
from apps.support.scoring import Scoring
from apps.support.store import knowledge as store
from apps.support.understanding import Snapshot
from core.database import reading, transaction
from core.errors import ArtefactCorrupt, Unavailable
from core.models.served import Served
from core.models.text_model import TextModel

log = structlog.get_logger(__name__)

NAME = "support"


class Knowledge:
    """One reference to a `Snapshot`, replaced whole when articles or the model change.

    `refresh()` is cheap when nothing changed. Take `.current` once for each request.
    """

    def __init__(self, engine: Engine, served: Served[TextModel]) -> None:
        self.error: str | None = None
        self._engine = engine
        self._served = served
        self._snapshot: Snapshot | None = None
        self._refreshing = threading.Lock()

    @property
    def current(self) -> Snapshot:
        """Raises `Unavailable`, with the remedy, where no model serves."""
        if self._snapshot is None:
            raise Unavailable(
                self.error
                or self._served.error
                or f'no model serves as "{NAME}": run python -m apps.support.train'
            )
        return self._snapshot

    @property
    def model_version(self) -> str | None:
        return None if self._snapshot is None else self._snapshot.model.version

    @property
    def problem(self) -> str | None:
        """Why the newest model or knowledge is not in use, or None."""
        return self._served.error or self.error

    def refresh(self) -> bool:
        """Follow the promoted model and the stored articles; True where the snapshot changed.

        A model whose calibration cannot be read is not taken over, and `error` says why.
        """
        with self._refreshing:
            self._served.refresh()
            if self._served.version is None:
                return False
            model = self._served.current
            with reading(self._engine) as connection:
                version = store.knowledge_version(connection)
                if self._is_current(version, model):
                    return False
                articles = store.load_articles(connection)
            try:
                scoring = Scoring.of(model.manifest)
            except ArtefactCorrupt as error:
                if self.error != str(error):
                    log.error("model refused", name=NAME, version=model.version, reason=str(error))
                self.error = str(error)
                return False
            self._snapshot = snapshot_of(
                self._engine, model=model, scoring=scoring, articles=articles, version=version
            )
            self.error = None
            log.info(
                "knowledge in use", articles=len(articles), version=version, model=model.version
            )
            return True

    def _is_current(self, version: int, model: TextModel) -> bool:
        now = self._snapshot
        return now is not None and now.version == version and now.model is model


def snapshot_of(
    engine: Engine,
    *,
    model: TextModel,
    scoring: Scoring,
    articles: Mapping[str, Article],
    version: int,
) -> Snapshot:
    """Build the index; the vectors of wordings that were seen before come from the database."""
    return Snapshot(
        version,
        model,
        scoring,
        articles,
        dense_index(engine, model=model, articles=articles.values()),
    )


def dense_index(engine: Engine, *, model: TextModel, articles: Iterable[Article]) -> DenseIndex:
    """The index of `model` over all wordings of all languages; encodes what it has not met yet."""
    wordings = [
        (article.id, wording)
        for article in articles
        for text in article.texts.values()
        for wording in text.wordings
    ]
    vectors = stored_vectors(engine, model, [wording for _, wording in wordings])
    return DenseIndex.build(
        [article_id for article_id, _ in wordings], vectors, encoder_version=model.version
    )


def stored_vectors(engine: Engine, model: TextModel, texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors (texts, dimension), from the database or from the model and then stored."""
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    by_digest = dict(zip(digests, texts, strict=True))
    with reading(engine) as connection:
        found = store.find_vectors(
            connection, encoder_version=model.version, text_sha256=by_digest.keys()
        )
    missing = {digest: text for digest, text in by_digest.items() if digest not in found}
    if missing:
        encoded = model.encode(list(missing.values()))
        fresh = {
            digest: vector.astype("<f4").tobytes()
            for digest, vector in zip(missing, encoded, strict=True)
        }
        with transaction(engine) as connection:
            store.add_vectors(connection, encoder_version=model.version, vectors=fresh)
        found |= fresh
    if not digests:
        return np.zeros((0, model.dimension), dtype=np.float32)
    return np.stack([np.frombuffer(found[digest], dtype="<f4") for digest in digests]).astype(
        np.float32
    )
