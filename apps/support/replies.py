"""What the shop says when it does not answer with an article."""

from collections.abc import Mapping

from apps.support.decision import Action

REPLIES: Mapping[str, Mapping[Action, str]] = {
    "en": {
        Action.CHOOSE: "Did you mean one of these?",
        Action.HANDOVER: "I have passed your question on to a colleague, who will answer you here.",
    },
    "zh": {
        Action.CHOOSE: "您想问的是以下哪个问题？",
        Action.HANDOVER: "您的问题已经转给人工客服，同事会在这里回复您。",
    },
}


def reply_text(action: Action, language: str) -> str:
    """In the customer's language, in English where it is not known."""
    return REPLIES.get(language, REPLIES["en"])[action]
