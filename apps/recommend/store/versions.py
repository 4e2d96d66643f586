"""The data version: one number that grows with every change, in the order of commits."""

from sqlalchemy import Connection, select, update

from apps.recommend.tables import VERSIONS
from core.database import insert_ignore

DATA = "data"


def current(connection: Connection) -> int:
    """The version that this connection sees; 0 before anything was written."""
    value = connection.scalar(select(VERSIONS.c.value).where(VERSIONS.c.name == DATA))
    return 0 if value is None else int(value)


def take(connection: Connection) -> int:
    """Lock the counter until the transaction ends and return the version of this change."""
    insert_ignore(VERSIONS, [{"name": DATA, "value": 0}], connection, ["name"])
    locked = select(VERSIONS.c.value).where(VERSIONS.c.name == DATA).with_for_update()
    return int(connection.scalar(locked) or 0) + 1


def keep(connection: Connection, version: int) -> None:
    """Make the version that was taken the current one; a change of nothing leaves it out."""
    connection.execute(update(VERSIONS).where(VERSIONS.c.name == DATA).values(value=version))
