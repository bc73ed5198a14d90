# The encoder is exported in a stage of its own: torch is needed for that, and for nothing after.
FROM python:3.11-slim AS base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 ETALAGE_MODELS=/models ETALAGE_HOME=/data XDG_CACHE_HOME=/data/.cache
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY etalage etalage
COPY workers workers
COPY indexer indexer
COPY ranker ranker
COPY autocomplete autocomplete
COPY opensearch opensearch
RUN pip install --constraint constraints.txt '.[otel]'

FROM base AS encoder
RUN pip install --constraint constraints.txt '.[train]' && etalage models export

FROM base
COPY --from=encoder /models /models
RUN useradd --uid 10001 etalage && mkdir /data && chown etalage /data
USER etalage
VOLUME /data
EXPOSE 8080
CMD ["etalage", "serve", "--host", "0.0.0.0"]
