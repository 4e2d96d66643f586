"""Write the next Alembic revision of an application from the difference to its tables.

    python -m core.migrations apps.support.tables:metadata apps/support/migrations "what changed"

A folder without `env.py` gets one. The comparison runs on an empty SQLite database that the
existing revisions have built.
"""

import argparse
import importlib
import tempfile
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData

from core.database import alembic_config, connect, reading, transaction, upgrade

SCRIPT = '''"""${message}"""

from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
'''

ENVIRONMENT = """from {module} import {name}

from core.database import run_migrations

run_migrations({name})
"""


def revise(metadata: MetaData, *, migrations: Path, message: str) -> None:
    """Write `versions/NNNN_message.py`, numbered in order."""
    versions = migrations / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    number = f"{len(list(versions.glob('[0-9]*.py'))) + 1:04d}"
    template = migrations / "script.py.mako"
    template.write_text(SCRIPT, encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        engine = connect(f"sqlite:///{folder}/empty.db")
        try:
            upgrade(engine, migrations)
            with transaction(engine) as connection:
                config = alembic_config(migrations, connection)
                config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
                command.revision(config, message=message, autogenerate=True, rev_id=number)
        finally:
            engine.dispose()
            template.unlink()


def drift(engine: Engine, metadata: MetaData) -> list[Any]:
    """Differences between the tables and the migrated database; empty when they agree."""
    with reading(engine) as connection:
        migration = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(migration, metadata))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", help="module:name of the MetaData")
    parser.add_argument("migrations", type=Path)
    parser.add_argument("message")
    arguments = parser.parse_args()
    module, name = arguments.tables.split(":")
    environment = arguments.migrations / "env.py"
    if not environment.exists():
        arguments.migrations.mkdir(parents=True, exist_ok=True)
        environment.write_text(ENVIRONMENT.format(module=module, name=name), encoding="utf-8")
    metadata = getattr(importlib.import_module(module), name)
    revise(metadata, migrations=arguments.migrations, message=arguments.message)


if __name__ == "__main__":
    main()
