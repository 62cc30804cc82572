# An environment with exactly the pinned packages. The project's folder is mounted, not copied:
#   docker build --tag gan-pipeline .
#   docker run --rm --init --user "$(id -u):$(id -g)" --volume "$PWD:/project" gan-pipeline snakemake --cores all
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make openssh-client \
    && rm -rf /var/lib/apt/lists/*

COPY requirements.txt requirements-remotes.txt constraints.txt /tmp/
# With the address of PyTorch's CPU index torch comes without CUDA, 5 GB less:
#   docker build --build-arg TORCH_INDEX=URL ...
ARG TORCH_INDEX=""
RUN torch="$(grep -oE '^torch==[0-9.]+' /tmp/requirements.txt)" \
    && vision="$(grep -oE '^torchvision==[0-9.]+' /tmp/requirements.txt)" \
    && if [ -n "$TORCH_INDEX" ]; then \
        pip install --no-cache-dir --index-url "$TORCH_INDEX" "$torch" "$vision"; \
    fi \
    && pip install --no-cache-dir -r /tmp/requirements.txt -r /tmp/requirements-remotes.txt \
        -c /tmp/constraints.txt

# a name and caches for any --user, of whom the system knows nothing; Git refuses folders of another one
ENV USER=anybody HOME=/tmp XDG_CACHE_HOME=/tmp/cache MPLCONFIGDIR=/tmp/matplotlib
RUN git config --system --add safe.directory /project
WORKDIR /project
CMD ["python", "-m", "pipeline", "--help"]
