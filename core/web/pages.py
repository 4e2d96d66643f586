"""HTML pages: templates, texts in two languages, static files. See `core.web.app` for the use.

In a template:

    {% extends "layout.html" %}
    {% block title %}{{ t("ask.title") }}{% endblock %}
    {% block main %}
      <form method="post" action="{{ url('/ask') }}">{{ csrf_field() }} ... </form>
      <script src="{{ static('support/chart.js') }}" defer></script>
    {% endblock %}

`t(key, **values)` is the text in the reader's language; `url(path)` a path of this application;
`static(name)` a file of `core/...` or of `<app>/...` with its content hash; `csrf_field()` the
hidden field of a form; `principal` who is signed in; `lang` "en" or "zh"; `{{ time | when }}` an
aware datetime; `{{ 0.934 | percent }}`; `{{ 8000 | number }}`. A block `scripts` adds scripts to
the head. No inline script, style attribute or event attribute works: the CSP forbids them.

Charts: load `core/vendor/echarts/echarts.common.min.js`, put the data in a `data-` attribute or
fetch it, and give ECharts `tooltip: {renderMode: "richText"}`, since its HTML tooltips are made of
inline styles.
"""

import hashlib
import mimetypes
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.errors import NotFound
from core.web import messages
from core.web.sessions import CSRF_FIELD

CORE = Path(__file__).parent
YEAR_SECONDS = 365 * 24 * 3600


class Pages:
    """Renders the templates of one application, over the core's layout.

    `folder` has `templates/`, `static/` and `locale/`; None gives the core's pages alone. `nav`
    are (path, message key) of the links at the top; `title` is the message key of the name.
    """

    def __init__(
        self,
        *,
        app: str,
        title: str,
        folder: Path | None = None,
        nav: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.app = app
        self.title = title
        self.nav = nav
        folders = [CORE] if folder is None else [CORE, folder]
        self.static_folders = {"core": CORE / "static"}
        if folder is not None:
            self.static_folders[app] = folder / "static"
        self.catalogues = messages.load_catalogues(place / "locale" for place in folders)
        self._environment = Environment(
            loader=ChoiceLoader(
                [FileSystemLoader(place / "templates") for place in reversed(folders)]
            ),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"when": when, "number": number, "percent": percent}

    def render(
        self, request: Request, template: str, *, status_code: int = 200, **context: Any
    ) -> HTMLResponse:
        """The page in the language of the request; fragments for htmx are templates too."""
        language = messages.language_of(request)
        html = self._environment.get_template(template).render(
            **self._common(request, language), **context
        )
        response = HTMLResponse(html, status_code=status_code)
        response.headers["Content-Language"] = language
        response.headers["Vary"] = "Accept-Language, Cookie"
        if request.query_params.get("lang") in messages.LANGUAGES:
            response.set_cookie(
                messages.COOKIE, language, max_age=YEAR_SECONDS, samesite="lax", httponly=True
            )
        return response

    def text(self, request: Request, key: str, **values: object) -> str:
        """A text of the catalogue in the language of the request."""
        return messages.translate(self.catalogues[messages.language_of(request)], key, values)

    def _common(self, request: Request, language: str) -> dict[str, Any]:
        root = request.scope.get("root_path", "")
        principal = getattr(request.state, "principal", None)
        session = principal.session if principal else None
        token = request.app.state.access.sessions.csrf_token(session) if session else ""
        return {
            "t": lambda key, **values: messages.translate(self.catalogues[language], key, values),
            "url": lambda path: f"{root}{path}",
            "static": lambda name: f"{root}/static/{name}?v={self._hash(name)}",
            "csrf_field": lambda: Markup('<input type="hidden" name="{}" value="{}">').format(
                CSRF_FIELD, token
            ),
            "csrf_token": token,
            "principal": principal,
            "lang": language,
            "languages": [
                (code, name, _with_language(request, code)) for code, name in messages.NAMES.items()
            ],
            "request_root": root,
            "path": request.url.path.removeprefix(root),
            "app_title": self.title,
            "nav": self.nav,
            "siblings": request.app.state.siblings,
        }

    def file(self, name: str, *, version: str | None) -> Response:
        """The static file `core/...` or `<app>/...`. Raises NotFound."""
        path = self._path(name)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        current = version is not None and version == self._hash(name)
        lifetime = f"public, max-age={YEAR_SECONDS}, immutable" if current else "no-cache"
        return Response(path.read_bytes(), media_type=kind, headers={"Cache-Control": lifetime})

    def _path(self, name: str) -> Path:
        place, _, rest = name.partition("/")
        folder = self.static_folders.get(place)
        if folder is not None:
            path = (folder / rest).resolve()
            if path.is_relative_to(folder.resolve()) and path.is_file():
                return path
        raise NotFound(f"there is no file {name}")

    def _hash(self, name: str) -> str:
        path = self._path(name)
        return _content_hash(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _content_hash(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _with_language(request: Request, code: str) -> str:
    query = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
    return f"{request.url.path}?{urlencode([*query, ('lang', code)])}"


def when(time: datetime) -> Markup:
    """A `time` element in UTC, to the minute."""
    utc = time.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.isoformat(timespec="seconds"), utc.strftime("%Y-%m-%d %H:%M UTC")
    )


def number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"
