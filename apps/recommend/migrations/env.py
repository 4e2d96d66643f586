from apps.recommend.tables import METADATA
from core.database import run_migrations

run_migrations(METADATA)
