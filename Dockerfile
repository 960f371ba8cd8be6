# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
COPY alerts alerts
COPY dashboards dashboards
RUN python -m venv /opt/vault-exporter \
    && /opt/vault-exporter/bin/pip install --no-cache-dir --no-compile .

FROM python:3.13-slim
LABEL org.opencontainers.image.title="vault-exporter" \
      org.opencontainers.image.description="Prometheus exporter for HashiCorp Vault and OpenBao" \
      org.opencontainers.image.licenses="Apache-2.0"
# A fixed id, so that a volume with the audit log can be made readable to it.
RUN groupadd --system --gid 9410 vault-exporter \
    && useradd --system --uid 9410 --gid 9410 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vault-exporter
COPY --from=build /opt/vault-exporter /opt/vault-exporter
ENV PATH=/opt/vault-exporter/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 9410:9410
EXPOSE 9410
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["vault-exporter", "healthcheck"]
ENTRYPOINT ["vault-exporter"]
CMD ["serve"]
