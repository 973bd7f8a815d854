# The suite with strace and the toolchains of all bundled adapters:
#
#     docker build -t tornproof .
#     docker run --rm -v "$PWD:/project" tornproof check
FROM rust:1.90-slim-trixie

# the release of Debian pins the packages, and their versions go as security updates come
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        default-jdk-headless golang-go libcjson-dev make maven nodejs npm pkg-config \
        python3 python3-venv ruby strace \
    && rm -rf /var/lib/apt/lists/*

COPY . /suite
RUN python3 -m venv /opt/tornproof \
    && /opt/tornproof/bin/pip install --no-cache-dir --constraint /suite/constraints.txt /suite

ENV PATH="/opt/tornproof/bin:$PATH"
WORKDIR /project
ENTRYPOINT ["tornproof"]
