# One image for the three applications; the command says which (see docker-compose.yml).
FROM python:3.11-slim-bookworm AS build
# An index that has builds of torch for the CPU keeps gigabytes of CUDA libraries out of the image.
ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /srv/tripod
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY core core
COPY apps apps
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --constraint constraints.txt --editable . \
    && /opt/venv/bin/python -m compileall -q core apps

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/tripod --shell /usr/sbin/nologin tripod \
    && install --directory --owner tripod --mode 0700 /var/lib/tripod
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/tripod /srv/tripod
COPY data /srv/tripod/data
# What libraries cache goes to the only places that can be written to.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRIPOD_HOME=/var/lib/tripod
WORKDIR /srv/tripod
USER tripod
EXPOSE 8000
CMD ["tripod", "up", "--host", "0.0.0.0", "--port", "8000"]
