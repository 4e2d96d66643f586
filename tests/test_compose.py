"""The deployment in docker-compose.yml, held against a schema and against the programs it starts.

`tests/compose.schema.json` is written after the Compose specification, for the part that is used;
what is not in it is refused, so a misspelt field does not pass.
"""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.main import get_command

from apps.applications import NAMES, Application
from apps.cli import app
from apps.monitor.metrics import Metrics as MonitorMetrics
from core.web.metrics import expose, request_metrics

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
TRIPOD = {
    name: service
    for name, service in SERVICES.items()
    if service.get("command", [""])[0] == "tripod"
}
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"


def test_it_follows_the_schema() -> None:
    schema = json.loads((ROOT / "tests" / "compose.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(COMPOSE, schema)


def test_every_application_is_a_service() -> None:
    assert set(TRIPOD) == set(NAMES)


@pytest.mark.parametrize("name", TRIPOD)
def test_a_service_starts_a_command_that_exists(name: str) -> None:
    _, *arguments = TRIPOD[name]["command"]
    command = get_command(app)
    context = command.make_context("tripod", list(arguments), resilient_parsing=True)
    found, leaf, rest = command.resolve_command(context, list(arguments))
    parsed = leaf.make_context(found, list(rest))
    assert found == "up"
    assert parsed.params["only"] == name
    assert parsed.params["host"] == "0.0.0.0"
    assert str(parsed.params["port"]) == _inner_port(TRIPOD[name])


def test_the_image_starts_a_command_that_exists() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("CMD "))
    words = json.loads(line.removeprefix("CMD "))
    assert words[:2] == ["tripod", "up"]
    parsed = get_command(app).get_command(None, "up").make_context("up", words[2:])
    assert parsed.params["host"] == "0.0.0.0"


@pytest.mark.parametrize("name", TRIPOD)
def test_an_application_reads_its_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = TRIPOD[name]["environment"]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:\?[^}]*\}", "secret", value))
    url = Application(name).database_url(ROOT / "home")
    assert url == f"postgresql+psycopg://{name}:secret@postgres:5432/{name}"


def test_no_password_has_a_default() -> None:
    for used in re.findall(r"\$\{([^}]*)\}", TEXT):
        assert re.fullmatch(r"[A-Z_]+:\?.+", used), f"${{{used}}} is not required"
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable:
                assert re.fullmatch(r"\$\{[A-Z_]+:\?.+\}", value)


def test_every_service_is_watched_hardened_and_restarted() -> None:
    for name, service in SERVICES.items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["restart"] == "unless-stopped", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_volumes_and_mounted_files_exist() -> None:
    for service in SERVICES.values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"]


def test_the_databases_script_makes_each_application_its_own() -> None:
    script = (ROOT / "deploy" / "postgres" / "databases.sh").read_text(encoding="utf-8")
    made = dict(re.findall(r'^create (\w+) "\$(\w+)"$', script, re.MULTILINE))
    assert set(made) == set(NAMES)
    assert set(made.values()) <= set(SERVICES["postgres"]["environment"])


def test_prometheus_asks_every_application() -> None:
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["scrape_configs"]
    asked = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    assert asked == {name: [f"{name}:{_inner_port(TRIPOD[name])}"] for name in TRIPOD}


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_shows_metrics_that_exist(name: str) -> None:
    board = json.loads((DASHBOARDS / f"{name}.json").read_text(encoding="utf-8"))
    assert board["uid"] == f"tripod-{name}"
    metrics = request_metrics()
    metrics.requests.labels(name, "GET", "/", "200").inc()
    metrics.seconds.labels(name, "GET", "/").observe(1)
    if name == "monitor":
        MonitorMetrics().register(metrics.registry)
    exposed = set(
        re.findall(r"^(?:# TYPE )?(\w+)", expose([metrics.registry]).decode(), re.MULTILINE)
    )
    for panel in board["panels"]:
        assert panel["datasource"]["uid"] == "prometheus"
        for target in panel["targets"]:
            used = set(re.findall(r"\b((?:tripod|process)_\w+)", target["expr"]))
            assert used <= exposed, used - exposed
            assert re.findall(r'(?:app|job)="(\w+)"', target["expr"])[0] == name


def test_the_image_installs_pinned_packages_only() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert dockerfile.count("pip install") == dockerfile.count("--constraint constraints.txt") == 1


def _inner_port(service: dict[str, list[str]]) -> str:
    (port,) = service["ports"]
    return port.rsplit(":", 1)[1]
