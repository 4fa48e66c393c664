# One image a service: docker build --build-arg SERVICE=ingest|events|introspection|gateway .
# BASE is any Debian-like image with Python >= 3.11 and its venv module. BuildKit and the classic builder both build this;
# the stages are cut so that each layer depends on no more than it holds.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS selection
ARG SERVICE
COPY deploy/docker/select_packages.py /
COPY schemas /workspace/schemas
COPY runtime /workspace/runtime
COPY streaming /workspace/streaming
COPY services /workspace/services
RUN python3 /select_packages.py /workspace "${SERVICE}" /selection

# Third-party packages: pinned, their hashes checked. The same for services that need the same.
FROM ${BASE} AS third-party
WORKDIR /build
ENV UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1 UV_LINK_MODE=copy
COPY requirements.lock ./
RUN python3 -m venv uv \
    && awk '/^uv==/ { on = 1 } on { print } on && !/\\$/ { exit }' requirements.lock > uv.txt \
    && uv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes -r uv.txt
COPY --from=selection /selection/requirements.txt ./
# Whole seconds as modification times survive every way an image travels; byte code and kernels are checked against them.
RUN uv/bin/uv venv --quiet --python python3 /opt/csiflow \
    && VIRTUAL_ENV=/opt/csiflow uv/bin/uv pip install --quiet --constraints requirements.lock -r requirements.txt \
    && find /opt/csiflow -type f -exec touch -d @1700000000 {} + \
    && /opt/csiflow/bin/python -m compileall -q -j 0 -x /tests/ /opt/csiflow/lib

FROM third-party AS service
ARG SERVICE
COPY --from=selection /selection/packages packages
RUN uv/bin/uv pip install --quiet --python /opt/csiflow/bin/python --target /opt/csiflow/service \
        --no-deps --no-sources --build-constraints requirements.lock packages/* \
    && find /opt/csiflow/service -type f -exec touch -d @1700000000 {} + \
    && /opt/csiflow/bin/python -m compileall -q -j 0 /opt/csiflow/service
# Compiles the numba kernels, so that a consumer is ready seconds after its start (on this kind of CPU; numba compiles anew
# on another). Importing a service's app does so for kernels with declared types, its warm_up for the others.
RUN mkdir /opt/csiflow/kernels \
    && PYTHONPATH=/opt/csiflow/service NUMBA_CACHE_DIR=/opt/csiflow/kernels /opt/csiflow/bin/python -c \
        "import importlib; app = importlib.import_module('csi_${SERVICE}.app'); getattr(app, 'warm_up', int)()"

FROM ${BASE}
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent csiflow
COPY --from=third-party /opt/csiflow /opt/csiflow
COPY --from=service /opt/csiflow/service /opt/csiflow/service
COPY --from=service /opt/csiflow/kernels /opt/csiflow/kernels
COPY signatures /opt/csiflow/signatures
ARG SERVICE
ENV PATH=/opt/csiflow/bin:$PATH \
    PYTHONPATH=/opt/csiflow/service \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/tmp/kernels \
    SERVICE=${SERVICE} \
    CSIFLOW_LOG_FORMAT=json \
    CSIFLOW_STATE_DIR=/tmp/state \
    CSIFLOW_SIGNATURES=/opt/csiflow/signatures \
    CSIFLOW_INGEST_HTTP_HOST=0.0.0.0 CSIFLOW_INGEST_HTTP_PORT=9100 \
    CSIFLOW_EVENTS_HTTP_HOST=0.0.0.0 CSIFLOW_EVENTS_HTTP_PORT=9100 \
    CSIFLOW_INTROSPECTION_HTTP_HOST=0.0.0.0 CSIFLOW_INTROSPECTION_HTTP_PORT=9100 \
    CSIFLOW_CLUSTER_HTTP_HOST=0.0.0.0 CSIFLOW_CLUSTER_HTTP_PORT=9100 \
    CSIFLOW_GATEWAY_HTTP_HOST=0.0.0.0 CSIFLOW_GATEWAY_HTTP_PORT=9100
# By number, so that an orchestrator can tell that it is not root.
USER 10001
WORKDIR /tmp
EXPOSE 9100
# Ready, not merely alive: what depends on this service may start when it is. bash, because starting a Python for every
# probe costs many times the CPU; the answer's body, which says what is waited for, is in docker inspect.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9100 && printf 'GET /ready HTTP/1.0\\r\\n\\r\\n' >&3 && answer=$(cat <&3) && echo \"${answer##*$'\\n'}\" && [[ $answer == HTTP/1.?' 200 '* ]]"]
# numba writes beside what it reads, and this file system may be read-only but for /tmp.
CMD ["sh", "-c", "cp -R /opt/csiflow/kernels /tmp/ && exec python -m csi_${SERVICE}"]
