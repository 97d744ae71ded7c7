# The tuner in a container; state lies in the volume /state. docs/deploy.md says more.
#   docker build -t loss-weight-tuner:0.1.0 .                                                     CPU
#   docker build -t loss-weight-tuner:0.1.0 --build-arg TORCH_INDEX=https://pypi.org/simple .     CUDA
#   docker run --rm -v tuner:/state loss-weight-tuner:0.1.0 start
ARG PYTHON=python:3.11.13-slim-bookworm

FROM ${PYTHON} AS build
# PyPI's own torch for Linux is the one for CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.txt constraints.txt ./
RUN python -m venv --without-pip /opt/tuner && python -m venv /opt/builder \
    && /opt/builder/bin/pip install setuptools wheel -c constraints.txt
# What the tuner needs, with the extras postgres, proxy and auth; it changes seldom.
RUN /opt/builder/bin/pip --python /opt/tuner/bin/python install --extra-index-url "$TORCH_INDEX" \
    -r requirements.txt 'psycopg[binary]' grpcio protobuf Flask-WTF -c constraints.txt \
    && cd /opt/tuner/lib/python3.11/site-packages && rm -rf torch/include torch/share torch/test torch/bin \
    && find . -type d -name tests -not -path './torch/*' -prune -exec rm -rf {} +
# The tuner itself, beside it.
COPY pyproject.toml README.md LICENSE ./
COPY examples examples
COPY search_spaces search_spaces
COPY trainer trainer
COPY tuner tuner
RUN /opt/builder/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /opt/builder/bin/pip --python /opt/tuner/bin/python install --no-deps --prefix /opt/code /wheel/*.whl

FROM ${PYTHON}
RUN useradd --create-home --uid 1000 tuner && install --directory --owner=tuner --group=tuner /state
COPY --from=build /opt/tuner /opt/tuner
COPY --from=build /opt/code /opt/tuner
ENV PATH=/opt/tuner/bin:$PATH TUNER_STATE=/state TUNER_ALIVE_FILE=/tmp/tuner-alive
ENV MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true PYTHONUNBUFFERED=1
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# A number, so that Kubernetes can see that it is not root.
USER 1000
WORKDIR /home/tuner
VOLUME /state
# A worker touches the file once an epoch and while it waits; an epoch may take a quarter of an hour.
HEALTHCHECK --interval=60s --timeout=10s --start-period=15m --retries=2 \
    CMD test -n "$(find "$TUNER_ALIVE_FILE" -mmin -15)"
ENTRYPOINT ["tuner"]
CMD ["start"]
