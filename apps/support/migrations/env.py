from apps.support.tables import metadata
from core.database import run_migrations

run_migrations(metadata)
