# The mock as a container: `docker run -p 4010:4010 mockvault`, flags as of `mockvault serve`.
FROM python:3.12-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir --disable-pip-version-check "build>=1.2"
COPY pyproject.toml README.md CHANGELOG.md ./
COPY spec ./spec
COPY fixtures ./fixtures
COPY mockvault ./mockvault
COPY conformance ./conformance
RUN python -m build --wheel --outdir /dist

FROM python:3.12-slim
LABEL org.opencontainers.image.title="mockvault" \
      org.opencontainers.image.description="A contract-driven, stateful mock of the Apideck Vault API" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10001 mockvault \
 && useradd --system --uid 10001 --gid mockvault --no-create-home --shell /usr/sbin/nologin mockvault
COPY --from=build /dist/*.whl /tmp/
RUN pip install --no-cache-dir --disable-pip-version-check "$(ls /tmp/*.whl)[redis]" && rm /tmp/*.whl
ENV MOCKVAULT_HOST=0.0.0.0 \
    MOCKVAULT_PORT=4010 \
    PYTHONUNBUFFERED=1
USER mockvault
EXPOSE 4010
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=6 \
  CMD ["mockvault", "health"]
ENTRYPOINT ["mockvault"]
CMD ["serve"]
