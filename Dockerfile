# Two images, neither with torch:
#   docker build --target api --tag thumbnet-api .     the Flask API on port 8000
#   docker build --target demo --tag thumbnet-demo .   the Gradio demo on port 7860

FROM python:3.11-slim-bookworm AS build
ENV VIRTUAL_ENV=/opt/thumbnet
WORKDIR /build
# Without a pip of its own: the one of the base installs into it and stays behind.
RUN python -m venv --without-pip "$VIRTUAL_ENV"
COPY . .

FROM build AS build-api
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python "$VIRTUAL_ENV/bin/python" install --constraint constraints.txt '.[api]'

FROM build AS build-demo
# Gradio comes without its dependencies because it forbids the safe Pillow: see the extra `demo` in pyproject.toml.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python "$VIRTUAL_ENV/bin/python" install --constraint constraints.txt '.[demo]' \
    && python -m pip --python "$VIRTUAL_ENV/bin/python" install --constraint constraints.txt --no-deps gradio

# Everything that is written at run time goes under /tmp, so the root file system can be read-only.
FROM python:3.11-slim-bookworm AS run
ENV PATH=/opt/thumbnet/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_DISABLE_TELEMETRY=1
WORKDIR /tmp
USER 10001:10001

FROM run AS api
COPY --from=build-api /opt/thumbnet /opt/thumbnet
ENV THUMBNET_HOST=0.0.0.0 \
    THUMBNET_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client as h, os; c = h.HTTPConnection('127.0.0.1', int(os.environ['THUMBNET_PORT']), timeout=2); c.request('GET', '/readyz'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["thumbnet", "serve"]

FROM run AS demo
COPY --from=build-demo /opt/thumbnet /opt/thumbnet
EXPOSE 7860
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 7860, timeout=2); c.request('GET', '/'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["thumbnet", "demo", "--host", "0.0.0.0"]
