# presage and Ray, for KubeRay, which asks by wget whether a node is well:
#   docker build -t presage . && docker build -t presage-ray -f deploy/ray.Dockerfile .
FROM presage

RUN apt-get update \
    && apt-get install --yes --no-install-recommends bash wget \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir 'ray[default,client]==2.60.0'

ENV RAY_USAGE_STATS_ENABLED=0
ENTRYPOINT []
