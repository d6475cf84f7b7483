# The course, ready to open: what `make lab` sets up, in an image. Linux on x86-64 for the Gluon cells (docker build --platform linux/amd64 on a Mac).
FROM python:3.13-slim

# MXNet's library needs the first two; make and git are what a clone needs.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 libquadmath0 make git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /course
COPY . .
RUN make .venv/.course

ENV PATH=/course/.venv/bin:$PATH
EXPOSE 8888
# The address has to be open inside the container; Jupyter's token keeps strangers out.
CMD ["make", "lab", "LAB=--ip=0.0.0.0 --no-browser"]
