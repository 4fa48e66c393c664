# One image a service: docker build --build-arg SERVICE=ingest|events|introspection|gateway .
# BASE is any image with Python >= 3.11 and its venv module.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG SERVICE
WORKDIR /src
# The pinned versions first: this layer is built anew only when they change.
COPY requirements.lock pyproject.toml ./
RUN python3 -m venv /opt/build \
    && awk '/^uv==/ { on = 1 } on { print } on && !/\\$/ { exit }' requirements.lock > /tmp/uv.txt \
    && /opt/build/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/uv.txt
ENV UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1 UV_LINK_MODE=copy UV_NATIVE_TLS=1 VIRTUAL_ENV=/opt/csiflow
COPY schemas schemas
COPY runtime runtime
COPY streaming streaming
COPY services services
COPY cli cli
COPY signatures signatures
# Only what this service needs, hashes checked; the build backend stays behind in this stage.
RUN test -d "services/${SERVICE}" || { echo "SERVICE must be ingest, events, introspection or gateway, not '${SERVICE}'" >&2; exit 1; } \
    && /opt/build/bin/uv venv --quiet --python python3 /opt/csiflow \
    && /opt/build/bin/uv pip install --quiet --constraints requirements.lock "./services/${SERVICE}" \
    && find /opt/csiflow -name '__pycache__' -prune -exec rm -rf {} + \
    && /opt/csiflow/bin/python -m compileall -q /opt/csiflow/lib

FROM ${BASE}
ARG SERVICE
RUN useradd --system --uid 10001 --home-dir /var/lib/csiflow --create-home csiflow
COPY --from=build /opt/csiflow /opt/csiflow
COPY --from=build /src/signatures /opt/csiflow/signatures
ENV PATH=/opt/csiflow/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SERVICE=${SERVICE} \
    CSIFLOW_LOG_FORMAT=json \
    CSIFLOW_STATE_DIR=/var/lib/csiflow \
    CSIFLOW_SIGNATURES=/opt/csiflow/signatures \
    NUMBA_CACHE_DIR=/var/lib/csiflow/numba
USER csiflow
WORKDIR /var/lib/csiflow
# Ready, not merely alive: what depends on this service may start when it is.
HEALTHCHECK --interval=2s --timeout=5s --start-period=90s --retries=15 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['HEALTH_PORT']}/ready\", timeout=4)"]
ENV HEALTH_PORT=9100
CMD ["sh", "-c", "exec python -m csi_${SERVICE}"]
