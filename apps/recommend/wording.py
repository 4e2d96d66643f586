"""What counts as an id, a text or a time: nothing that a database or a page would choke on."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, StringConstraints


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a NUL character cannot be stored")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair is no text") from error
    return text


def _of_our_times(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 2199:
        raise ValueError("a time between the years 1970 and 2199 is wanted")
    return moment


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$"),
    AfterValidator(_storable),
]
ShortText = Annotated[str, StringConstraints(max_length=500), AfterValidator(_storable)]
LongText = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_storable)]
Moment = Annotated[AwareDatetime, AfterValidator(_of_our_times)]
