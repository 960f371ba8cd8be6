{{/* `tls` and `auth` of the targets: dict "root" $ "tokenFile" "..." */}}
{{- define "vault-exporter.defaults" -}}
{{- $vault := .root.Values.vault -}}
cluster: {{ .root.Values.cluster | quote }}
{{- if or $vault.tls.caSecret $vault.tls.serverName $vault.tls.insecureSkipVerify }}
tls:
  {{- if $vault.tls.caSecret }}
  ca_cert: /etc/vault-exporter/ca/{{ $vault.tls.caKey }}
  {{- end }}
  {{- with $vault.tls.serverName }}
  server_name: {{ . | quote }}
  {{- end }}
  {{- if $vault.tls.insecureSkipVerify }}
  insecure_skip_verify: true
  {{- end }}
{{- end }}
auth:
  method: {{ $vault.auth.method }}
  {{- if eq $vault.auth.method "kubernetes" }}
  role: {{ $vault.auth.role | quote }}
  mount: {{ $vault.auth.mount | quote }}
  token_file: {{ .tokenFile }}
  {{- else if eq $vault.auth.method "token" }}
  token_file: /etc/vault-exporter/token/token
  {{- end }}
{{- end }}

{{/* What both configurations have in common: dict "root" $ "port" N */}}
{{- define "vault-exporter.commonConfig" -}}
listen: ":{{ .port }}"
{{- if include "vault-exporter.webSecret" .root }}
web_config_file: /etc/vault-exporter/web/web.yml
{{- end }}
{{- if .root.Values.expectedNodes }}
clusters:
  {{ .root.Values.cluster | quote }}: {{ .root.Values.expectedNodes | int }}
{{- end }}
{{- end }}

{{- define "vault-exporter.centralConfig" -}}
{{- $vault := .Values.vault -}}
{{- $written := fromYaml (include "vault-exporter.commonConfig" (dict "root" . "port" .Values.central.service.port)) -}}
{{- $token := "/var/run/secrets/vault-exporter/token" -}}
{{- $_ := set $written "defaults" (fromYaml (include "vault-exporter.defaults" (dict "root" . "tokenFile" $token))) -}}
{{- $targets := .Values.central.targets -}}
{{- if not $targets -}}
{{- $namespace := include "vault-exporter.vaultNamespace" . -}}
{{- range $number := until (int $vault.replicas) -}}
{{- $name := printf "%s-%d" $vault.statefulSet (add $number (int $vault.firstOrdinal)) -}}
{{- $address := printf "%s://%s.%s.%s.svc:%d" $vault.scheme $name (include "vault-exporter.vaultService" $) $namespace (int $vault.port) -}}
{{- $targets = append $targets (dict "name" $name "address" $address) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $written "targets" $targets -}}
{{ toYaml (mergeOverwrite $written (deepCopy .Values.central.config)) }}
{{- end }}

{{/* Beside a central exporter, the sidecar reads only the audit log, so that no node is scraped twice. */}}
{{- define "vault-exporter.sidecarConfig" -}}
{{- $written := fromYaml (include "vault-exporter.commonConfig" (dict "root" . "port" .Values.sidecar.port)) -}}
{{- if .Values.central.enabled -}}
{{- $_ := unset $written "clusters" -}}
{{- $_ := set $written "defaults" (dict "cluster" .Values.cluster) -}}
{{- else -}}
{{- $token := "/var/run/secrets/kubernetes.io/serviceaccount/token" -}}
{{- $_ := set $written "defaults" (fromYaml (include "vault-exporter.defaults" (dict "root" . "tokenFile" $token))) -}}
{{- end -}}
{{- $audit := dict "logs" (list .Values.sidecar.auditLog) "checkpoint" "/var/lib/vault-exporter/checkpoint" -}}
{{- $_ := set $written "audit" $audit -}}
{{ toYaml (mergeOverwrite $written (deepCopy .Values.sidecar.config)) }}
{{- end }}
