# presage for CPUs and, with `docker run --gpus all`, for NVIDIA GPUs: PyTorch from PyPI holds both. docs/install.md
FROM python:3.13-slim

# Of another index, such as PyTorch's own of wheels for CPUs alone: a smaller image.
ARG TORCH_INDEX=
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision

COPY . /source
RUN pip install --no-cache-dir /source && rm -rf /source

# By the key in XDG_DATA_HOME a container knows what an earlier one fitted; whoever it runs as may write there.
RUN install --directory --mode=1777 /var/presage
ENV PRESAGE_DATABASE=/work/.presage.duckdb XDG_DATA_HOME=/var/presage
WORKDIR /work
ENTRYPOINT ["presage"]
CMD ["--help"]
