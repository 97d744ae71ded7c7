# The tuner in a container; state lies in the volume /state. docs/deploy.md says more.
#   docker build -t loss-weight-tuner:0.1.0 .                                                     CPU
#   docker build -t loss-weight-tuner:0.1.0 --build-arg TORCH_INDEX=https://pypi.org/simple .     CUDA
#   docker run --rm -v "$PWD/mlruns:/state" loss-weight-tuner:0.1.0 start
ARG PYTHON=python:3.11.13-slim-bookworm

FROM ${PYTHON} AS build
# PyPI's own torch for Linux is the one for CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/tuner
COPY requirements.txt constraints.txt ./
RUN /opt/tuner/bin/pip install --extra-index-url "$TORCH_INDEX" -r requirements.txt -c constraints.txt setuptools
COPY pyproject.toml README.md LICENSE ./
COPY search_spaces search_spaces
COPY trainer trainer
COPY tuner tuner
RUN /opt/tuner/bin/pip install --no-build-isolation -c constraints.txt '.[postgres,proxy,auth]'

FROM ${PYTHON}
RUN useradd --create-home --uid 1000 tuner && install --directory --owner=tuner --group=tuner /state
COPY --from=build /opt/tuner /opt/tuner
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
