"""SQL of orders and of the shop's own slot values. Nothing here commits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from apps.support import tables
from apps.support.orders import Policy
from apps.support.slots import SlotType
from core.database import insert_ignore


@dataclass(frozen=True)
class StoredOrder:
    """`customer_sealed` opens to a JSON object with `name` and `email`."""

    order_key: str
    number: str
    status: str
    customer_fingerprint: str
    customer_sealed: str
    items: tuple[str, ...]
    slot_values: Mapping[str, str]


def put_policies(connection: Connection, policies: Iterable[Policy]) -> None:
    for policy in policies:
        values = {"type": policy.kind.value, "texts": dict(policy.texts)}
        row = {"name": policy.name, **values}
        if not insert_ignore(tables.policies, [row], connection, ["name"]):
            connection.execute(
                update(tables.policies).where(tables.policies.c.name == policy.name).values(values)
            )


def load_policies(connection: Connection) -> list[Policy]:
    rows = connection.execute(select(tables.policies).order_by(tables.policies.c.name))
    return [Policy(row.name, SlotType(row.type), row.texts) for row in rows]


def put_order(connection: Connection, order: StoredOrder) -> None:
    values = {
        "number": order.number,
        "status": order.status,
        "customer_fingerprint": order.customer_fingerprint,
        "customer_sealed": order.customer_sealed,
        "items": list(order.items),
        "slot_values": dict(order.slot_values),
    }
    row = {"order_key": order.order_key, **values}
    if not insert_ignore(tables.orders, [row], connection, ["order_key"]):
        connection.execute(
            update(tables.orders).where(tables.orders.c.order_key == order.order_key).values(values)
        )


def find_order(
    connection: Connection, *, order_key: str, customer_fingerprints: Sequence[str]
) -> StoredOrder | None:
    """The order if it belongs to one of these customers: there is no other way to read one."""
    table = tables.orders
    row = connection.execute(
        select(table).where(
            table.c.order_key == order_key,
            table.c.customer_fingerprint.in_(list(customer_fingerprints)),
        )
    ).first()
    if row is None:
        return None
    return StoredOrder(
        row.order_key,
        row.number,
        row.status,
        row.customer_fingerprint,
        row.customer_sealed,
        tuple(row._mapping["items"]),
        row.slot_values,
    )
