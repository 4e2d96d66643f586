#!/bin/sh
# Run once, by the first start of the PostgreSQL container: a role and a database per application.
set -eu

create() {
    psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        --set=name="$1" --set=password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

create support "$SUPPORT_DB_PASSWORD"
create monitor "$MONITOR_DB_PASSWORD"
create recommend "$RECOMMEND_DB_PASSWORD"
