# The container of the FLARE challenges. Build it in the root of the repository:
#   docker build -t flareseg .
#   docker run --rm --network none --gpus all -v "$PWD/inputs:/workspace/inputs:ro" -v "$PWD/outputs:/workspace/outputs" \
#     flareseg /bin/bash -c "sh predict.sh"
# Everything is installed while it is built; it needs no network when it runs.
FROM python:3.12-slim

WORKDIR /opt/flareseg
COPY pyproject.toml README.md LICENSE ./
COPY locks ./locks
COPY FlareSegmentation ./FlareSegmentation
RUN pip install --no-cache-dir --constraint locks/python3.12.txt .

# what a GPU needs inside: computing, and NVML to measure its memory
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /workspace
COPY predict.sh ./
CMD ["sh", "predict.sh"]
