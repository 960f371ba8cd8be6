# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
COPY alerts alerts
COPY dashboards dashboards
RUN python -m venv /opt/vault-exporter \
    && /opt/vault-exporter/bin/pip install --no-cache-dir --no-compile .
COPY scripts/image_root.py scripts/
RUN python scripts/image_root.py /opt/vault-exporter /image && mkdir /state

# The image holds Python, the exporter, and the files of the system that they need; no shell and no package manager.
FROM scratch
LABEL org.opencontainers.image.title="vault-exporter" \
      org.opencontainers.image.description="Prometheus exporter for HashiCorp Vault and OpenBao" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
# A new volume for the checkpoint takes over who owns the directory.
COPY --from=build --chown=9410:9410 /state /var/lib/vault-exporter
ENV PATH=/opt/vault-exporter/bin LANG=C.UTF-8 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A fixed id, so that a volume with the audit log can be made readable to it.
USER 9410:9410
EXPOSE 9410
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["vault-exporter", "healthcheck"]
ENTRYPOINT ["vault-exporter"]
CMD ["serve"]
