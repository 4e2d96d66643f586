"""Every error that Tripod raises on purpose.

    TripodError
    +-- BadInput            the caller's input is wrong: says where, and what to do
    +-- NotFound            what was asked for does not exist
    +-- Conflict            the state changed meanwhile, or forbids this
    +-- NotAuthenticated    nobody proved who they are
    +-- Forbidden           known, but not allowed
    +-- TooLarge            more bytes, rows or tokens than are taken at once
    +-- Overloaded          refused now; come back after `retry_after` seconds
    +-- Unavailable         a part that is needed does not work at present
    +-- ArtefactCorrupt     a stored model or index fails its check
    +-- PromotionRefused    a model is worse than the one in use
    +-- DeliveryFailed      a message could not be handed over

Nothing here knows HTTP or exit codes: `core.web.problems` maps the tree to status codes and
`core.commands` to exit codes, each in one place.
"""


class TripodError(Exception):
    """Base of the tree; `str()` is a sentence that a person can act on."""


class BadInput(TripodError):
    """Input that cannot be used.

    `line` and `column` count from 1 for files; `column` may also be a column's name.
    `field` is the path of a field in a request body, such as `items.3.title`.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | str | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message = message
        self.file = str(file) if file is not None else None
        self.line = line
        self.column = column
        self.field = field
        self.remedy = remedy
        super().__init__(_sentence(message, self._place(), remedy))

    def _place(self) -> str:
        parts = [
            self.file,
            None if self.line is None else f"line {self.line}",
            None if self.column is None else f"column {self.column}",
            None if self.field is None else f"field {self.field}",
        ]
        return ", ".join(part for part in parts if part is not None)


def _sentence(message: str, place: str, remedy: str | None) -> str:
    text = f"{place}: {message}" if place else message
    return f"{text} ({remedy})" if remedy else text


class NotFound(TripodError):
    pass


class Conflict(TripodError):
    pass


class NotAuthenticated(TripodError):
    pass


class Forbidden(TripodError):
    pass


class TooLarge(TripodError):
    pass


class Overloaded(TripodError):
    """Refused to keep what was admitted fast; `retry_after` is in seconds."""

    def __init__(
        self, message: str = "too many requests at present", *, retry_after: float
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(TripodError):
    pass


class ArtefactCorrupt(TripodError):
    pass


class PromotionRefused(TripodError):
    """`reasons` has one sentence for every check that the new model failed."""

    def __init__(self, message: str, reasons: list[str]) -> None:
        super().__init__("; ".join([message, *reasons]))
        self.reasons = reasons


class DeliveryFailed(TripodError):
    """A message was not taken; a `permanent` failure is not worth another attempt.

    `retry_after`, in seconds, is what the receiver asked for, where it did.
    """

    def __init__(
        self, message: str, permanent: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
