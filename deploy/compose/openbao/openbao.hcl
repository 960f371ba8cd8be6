# Added to development mode, which brings storage in memory and a listener without TLS.
telemetry {
  prometheus_retention_time = "24h"
  disable_hostname          = true
}

audit "file" "file" {
  options = {
    file_path = "/openbao/logs/audit.log"
    # The exporter runs as another user. Values in the log are hashed.
    mode      = "0644"
  }
}
