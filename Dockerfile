# The tuner in a container, for one machine: state in the volume /state, MLflow UI on a port of your choice.
#   docker build -t tuner .                                   CPU
#   docker build -t tuner --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .   CUDA
#   docker run --rm -v "$PWD/mlruns:/state" tuner start
FROM python:3.12-slim AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
RUN python -m venv /opt/tuner
COPY requirements.txt .
RUN /opt/tuner/bin/pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY search_spaces search_spaces
COPY trainer trainer
COPY tuner tuner
RUN /opt/tuner/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim
RUN useradd --create-home --uid 1000 tuner && mkdir /state && chown tuner /state
COPY --from=build /opt/tuner /opt/tuner
USER tuner
WORKDIR /home/tuner
ENV PATH=/opt/tuner/bin:$PATH TUNER_STATE=/state MLFLOW_DISABLE_TELEMETRY=true
VOLUME /state
ENTRYPOINT ["tuner"]
CMD ["start"]
