import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from prometheus_client import CollectorRegistry
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from core.errors import Overloaded
from core.models.manifest import Manifest
from core.models.registry import Registry
from core.models.served import Served
from core.models.text_model import TextModel
from core.settings import CoreSettings
from core.web.access import Access
from core.web.app import App, create_app
from core.web.health import AppStatus
from core.web.inference import Admission, inference_router
from core.web.metrics import RefusedTexts, expose
from core.web.pages import Pages
from tests.core.web.conftest import Shop

TEXTS = ["return my jacket", "pay with card", "the company cut its guidance"]
# A request may carry a false key beside a good one; a schema cannot say "as many dimensions as the
# model has" nor explain a pair.
NOT_CHECKED = [ignored_auth, positive_data_acceptance]


@pytest.fixture(scope="session")
def served(tiny_artefact: Path) -> Served[TextModel]:
    registry = Registry(tiny_artefact.parent.parent)
    registry.promote("tiny", Manifest.read(tiny_artefact).version, now=datetime.now(UTC))
    found = Served(registry, "tiny", load=TextModel.load).started()
    assert found.version is not None
    return found


@pytest.fixture
def app(shop: Shop, served: Served[TextModel], tmp_path: Path) -> FastAPI:
    empty = Served(Registry(tmp_path / "none"), "empty", load=TextModel.load).started()
    return create_app(
        App("core", "Tripod"),
        access=Access.open(shop.directory, home=shop.home),
        settings=CoreSettings(home=shop.home),
        status=lambda: AppStatus("core"),
        other=[inference_router({"empty": empty, "tiny": served}, version="1")],
        pages=Pages(app="core", title="core.name"),
    )


@pytest.fixture
def models(app: FastAPI, shop: Shop) -> Iterator[TestClient]:
    with TestClient(app, headers=shop.key("client", "inference")) as client:
        yield client


def test_openai_embeddings(models: TestClient, tiny_text_model: TextModel) -> None:
    answer = models.post("/v1/embeddings", json={"model": "tiny", "input": TEXTS}).json()

    assert answer["object"] == "list"
    assert answer["model"] == "tiny"
    assert [entry["index"] for entry in answer["data"]] == [0, 1, 2]
    found = np.array([entry["embedding"] for entry in answer["data"]])
    np.testing.assert_allclose(found, tiny_text_model.encode(TEXTS), atol=1e-5)
    assert answer["usage"]["prompt_tokens"] == tiny_text_model.count_tokens(TEXTS) > 9


def test_openai_clients_ask_for_base64(models: TestClient) -> None:
    body = {"model": "tiny", "input": TEXTS[0]}
    plain = models.post("/v1/embeddings", json=body).json()["data"][0]["embedding"]
    packed = models.post("/v1/embeddings", json=body | {"encoding_format": "base64"}).json()

    unpacked = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), dtype="<f4")
    np.testing.assert_allclose(unpacked, plain, rtol=1e-6)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "other", "input": "a"}, 404),
        ({"model": "empty", "input": "a"}, 503),
        ({"model": "tiny", "input": ""}, 422),
        ({"model": "tiny", "input": []}, 422),
        ({"model": "tiny", "input": [1, 2, 3]}, 422),
        ({"model": "tiny", "input": ["a"] * 2049}, 422),
        ({"model": "tiny", "input": "a", "dimensions": 7}, 422),
        ({"input": "a"}, 422),
    ],
)
def test_what_cannot_be_embedded_is_a_problem(
    models: TestClient, body: dict[str, object], status: int
) -> None:
    answer = models.post("/v1/embeddings", json=body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_tei_embed_and_similarity_agree(models: TestClient) -> None:
    vectors = np.array(models.post("/embed", json={"inputs": TEXTS}).json())
    cosines = models.post(
        "/similarity",
        json={"inputs": {"source_sentence": TEXTS[0], "sentences": TEXTS[1:]}},
    ).json()

    # The int8 graph scales a batch as a whole: a text's vector varies a little with its company.
    alone = np.array(models.post("/embed", json={"inputs": TEXTS[0]}).json())
    assert float(alone[0] @ vectors[0]) > 0.99
    np.testing.assert_allclose(cosines, vectors[1:] @ vectors[0], atol=1e-4)


def test_a_text_that_cannot_be_read_gets_no_label(
    models: TestClient, served: Served[TextModel]
) -> None:
    before = served.current.refused_texts
    both = models.post("/predict?head=topic", json={"inputs": [["退货 退款"], ["pay card"]]}).json()
    raw = models.post("/predict?head=topic", json={"inputs": "退货", "raw_scores": True}).json()

    assert both[0] == raw == [{"label": "unsupported_language", "score": 1.0}]
    assert both[1][0]["label"] == "payment"
    registry = CollectorRegistry()
    registry.register(RefusedTexts(served))
    line = 'tripod_texts_refused_total{model="tiny",reason="unsupported_language"}'
    assert f"{line} {before + 2.0}" in expose([registry]).decode()


def test_tei_predict(models: TestClient) -> None:
    single = models.post("/predict?head=topic", json={"inputs": "return my jacket"}).json()
    batch = models.post(
        "/predict?model=tiny&head=topic",
        json={"inputs": [["return my jacket"], ["gift card price"]]},
    ).json()
    raw = models.post(
        "/predict?head=topic", json={"inputs": "return my jacket", "raw_scores": True}
    ).json()

    assert single[0]["label"] == "returns"
    assert sum(entry["score"] for entry in single) == pytest.approx(1.0, abs=1e-5)
    assert single[0]["score"] >= single[1]["score"]
    assert [entry[0]["label"] for entry in batch] == ["returns", "payment"]
    assert raw[0]["label"] == "returns"
    assert raw[0]["score"] != pytest.approx(single[0]["score"])


def test_a_pair_is_not_taken_for_a_batch(models: TestClient) -> None:
    flat = models.post("/predict", json={"inputs": ["a", "b"]})
    pair = models.post("/predict", json={"inputs": [["a", "b"]]})

    assert (flat.status_code, pair.status_code) == (422, 422)
    assert "[[first], [second]]" in pair.json()["detail"]


def test_info_names_every_model_that_serves(models: TestClient, tiny_text_model: TextModel) -> None:
    info = models.get("/info").json()

    assert info["model_id"] == "tiny"
    assert info["model_sha"] == tiny_text_model.version
    assert [model["name"] for model in info["models"]] == ["tiny"]
    assert info["models"][0]["heads"]["topic"] == ["payment", "returns"]
    assert info["model_type"] == {"embedding": {"pooling": "mean"}}
    assert models.get("/info?head=topic").json()["model_type"]["classifier"] == {
        "id2label": {"0": "payment", "1": "returns"},
        "label2id": {"payment": 0, "returns": 1},
    }
    assert models.get("/info?head=other").status_code == 404


def test_inference_needs_its_scope(app: FastAPI, shop: Shop) -> None:
    client = TestClient(app)

    assert client.get("/info").status_code == 401
    assert client.get("/info", headers=shop.key("reader", "shop:*")).status_code == 403


def test_more_than_the_models_can_take_is_refused_but_never_when_idle() -> None:
    admission = Admission(limit=10)

    with admission.of(25), pytest.raises(Overloaded), admission.of(1):
        pass
    with admission.of(6), admission.of(4):
        pass


def test_the_api_holds_to_its_description(app: FastAPI, shop: Shop) -> None:
    headers = shop.key("schemathesis", "*")
    description = schemathesis.openapi.from_asgi("/api/openapi.json", app)
    checked = 0
    for found in description.get_all_operations():

        @given(case=found.ok().as_strategy())
        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=headers, excluded_checks=NOT_CHECKED)

        holds()
        checked += 1
    assert checked == 9
