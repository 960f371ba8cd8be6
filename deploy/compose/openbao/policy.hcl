# The exporter's own token: look up, renew, give back, ask what it may do.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }

# canary
path "secret/data/vault-exporter/canary" { capabilities = ["create", "update", "read"] }

# canary
path "secret/metadata/vault-exporter/canary" { capabilities = ["delete"] }

# auth_methods
path "sys/auth" { capabilities = ["read"] }

# operations
path "sys/generate-root-token/attempt" { capabilities = ["read"] }

# operations
path "sys/generate-root/attempt" { capabilities = ["read"] }

# ha_nodes
path "sys/ha-status" { capabilities = ["read"] }

# host
path "sys/host-info" { capabilities = ["read"] }

# in_flight
path "sys/in-flight-req" { capabilities = ["read"] }

# clients
path "sys/internal/counters/activity/monthly" { capabilities = ["read"] }

# entities
path "sys/internal/counters/entities" { capabilities = ["read"] }

# tokens
path "sys/internal/counters/tokens" { capabilities = ["read"] }

# barrier_key
path "sys/key-status" { capabilities = ["read"] }

# leases
path "sys/leases/count" { capabilities = ["read"] }

# license
path "sys/license/status" { capabilities = ["read"] }

# locked_users
path "sys/locked-users" { capabilities = ["read"] }

# telemetry
path "sys/metrics" { capabilities = ["read"] }

# mounts
path "sys/mounts" { capabilities = ["read"] }

# namespaces
path "sys/namespaces" { capabilities = ["list"] }

# namespaces
path "sys/namespaces/+/seal-status" { capabilities = ["read"] }

# plugins
path "sys/plugins/catalog" { capabilities = ["read"] }

# policies
path "sys/policies/acl" { capabilities = ["list"] }

# policies
path "sys/policies/password" { capabilities = ["list"] }

# quotas
path "sys/quotas/config" { capabilities = ["read"] }

# quotas
path "sys/quotas/lease-count" { capabilities = ["list"] }

# quotas
path "sys/quotas/rate-limit" { capabilities = ["list"] }

# operations
path "sys/rekey-recovery-key/init" { capabilities = ["read"] }

# operations
path "sys/rekey/init" { capabilities = ["read"] }

# barrier_key
path "sys/rotate/config" { capabilities = ["read"] }

# operations
path "sys/rotate/recovery/init" { capabilities = ["read"] }

# operations
path "sys/rotate/root/init" { capabilities = ["read"] }

# autopilot
path "sys/storage/raft/autopilot/state" { capabilities = ["read"] }

# raft
path "sys/storage/raft/configuration" { capabilities = ["read"] }

# versions
path "sys/version-history" { capabilities = ["list"] }
