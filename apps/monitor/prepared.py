"""Everything about a document that needs no database: its score, its companies, its fingerprint."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.monitor.companies import HEADLINE_LATER, Dictionary, Mention
from apps.monitor.documents import Document
from apps.monitor.duplicates import Printed, fingerprints
from apps.monitor.history import Headline
from apps.monitor.scoring import Score, score_texts
from apps.monitor.series import Contribution
from core.models.text_model import TextModel


@dataclass(frozen=True)
class Prepared:
    """A document ready to be stored."""

    document: Document
    mentions: tuple[Mention, ...]
    score: Score
    printed: Printed

    def contributions(self) -> list[Contribution]:
        """What it adds to the series of its companies, if it opens a story."""
        return [
            Contribution(
                self.document.id,
                mention.company_id,
                self.document.published_at,
                mention.relevance,
                self.score.score,
            )
            for mention in self.mentions
        ]

    def headline(self) -> Headline:
        """The document as it is shown beside an alert."""
        document, score = self.document, self.score
        return Headline(
            document_id=document.id,
            title=document.shown_title,
            source=document.source,
            url=document.url,
            published_at=document.published_at,
            sentiment=score.sentiment,
            score=score.score,
            topic=score.topic,
            model_version=score.model_version,
            reason=score.reason,
        )


def prepare(
    documents: Sequence[Document],
    *,
    model: TextModel,
    dictionary: Dictionary,
) -> list[Prepared]:
    """Score all documents in one pass, find their companies, take their fingerprints."""
    texts = [document.scored_text for document in documents]
    scores = score_texts(texts, model=model)
    prepared = []
    for document, score, fingerprint in zip(documents, scores, fingerprints(texts), strict=True):
        mentions = dictionary.find(document.title, document.body)
        named = frozenset(each.company_id for each in mentions if each.relevance >= HEADLINE_LATER)
        printed = Printed(document.id, document.published_at, fingerprint, named)
        prepared.append(Prepared(document, mentions, score, printed))
    return prepared
