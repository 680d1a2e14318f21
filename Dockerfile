# A tagger as a web service, on the CPU:
#     docker build --tag lstm-tagger .
#     docker run --publish 127.0.0.1:8000:8000 lstm-tagger
# The version of Python is the one that CI runs the tests with.
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/tagger
ENV PATH=/opt/tagger/bin:$PATH
WORKDIR /source
COPY constraints.txt ./
# The builds of the second index have no CUDA, which takes gigabytes: their versions, such as 2.13.0+cpu, go first.
RUN pip install --constraint constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu torch
COPY LICENSE README.md pyproject.toml ./
COPY configs configs
COPY spacy_lstm_tagger spacy_lstm_tagger
RUN pip install --constraint constraints.txt ".[serve]"

FROM python:3.11-slim
COPY --from=build /opt/tagger /opt/tagger
ENV PATH=/opt/tagger/bin:$PATH OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tagger
USER 10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --start-period=60s --timeout=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
# Without a shell between, so that SIGTERM reaches the service, and what was asked is answered before it ends.
ENTRYPOINT ["python", "-m", "spacy", "lstm-tagger", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["--model", "en"]
