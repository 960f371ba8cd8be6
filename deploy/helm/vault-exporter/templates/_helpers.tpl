{{- define "vault-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "vault-exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "vault-exporter.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "vault-exporter.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "vault-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "vault-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vault-exporter.labels" -}}
{{ include "vault-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* metadata of an object: dict "root" $ "name" "..." "namespace" "..." "labels" {} "annotations" {} */}}
{{- define "vault-exporter.metadata" -}}
name: {{ .name }}
namespace: {{ default .root.Release.Namespace .namespace }}
labels:
  {{- $labels := merge (dict) (.labels | default dict) (fromYaml (include "vault-exporter.labels" .root)) }}
  {{- toYaml $labels | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "vault-exporter.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- define "vault-exporter.vaultNamespace" -}}
{{ default .Release.Namespace .Values.vault.namespace }}
{{- end }}

{{- define "vault-exporter.vaultService" -}}
{{ default (printf "%s-internal" .Values.vault.statefulSet) .Values.vault.service }}
{{- end }}

{{/* Vault's first pod. */}}
{{- define "vault-exporter.vaultPod" -}}
{{ .Values.vault.statefulSet }}-{{ .Values.vault.firstOrdinal }}
{{- end }}

{{- define "vault-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "vault-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "vault-exporter.webSecret" -}}
{{- if .Values.web.existingSecret -}}
{{ .Values.web.existingSecret }}
{{- else if .Values.web.config -}}
{{ include "vault-exporter.fullname" . }}-web
{{- end }}
{{- end }}

{{/* The headless Service of the shards. */}}
{{- define "vault-exporter.shardsService" -}}
{{ include "vault-exporter.fullname" . }}-shards
{{- end }}

{{/* Where Prometheus finds the targets: the host and port of the exporter, or of each shard, as a JSON array. */}}
{{- define "vault-exporter.hosts" -}}
{{- $name := include "vault-exporter.fullname" . -}}
{{- $end := printf "%s.svc:%d" .Release.Namespace (int .Values.central.service.port) -}}
{{- $shards := int .Values.central.shards -}}
{{- $hosts := list -}}
{{- if gt $shards 1 -}}
{{- range $number := until $shards -}}
{{- $hosts = append $hosts (printf "%s-%d.%s.%s" $name $number (include "vault-exporter.shardsService" $) $end) -}}
{{- end -}}
{{- else -}}
{{- $hosts = append $hosts (printf "%s.%s" $name $end) -}}
{{- end -}}
{{ toJson $hosts }}
{{- end }}

{{/* The exporter as kubectl names it. */}}
{{- define "vault-exporter.workload" -}}
{{ gt (int .Values.central.shards) 1 | ternary "sts" "deploy" }}/{{ include "vault-exporter.fullname" . }}
{{- end }}

{{- define "vault-exporter.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* What the monitors need to reach the exporter's port. */}}
{{- define "vault-exporter.access" -}}
{{- with .Values.web.basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.web.tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The probes: dict "root" $ "port" "name" "kinds" (list "livenessProbe" ...). */}}
{{- define "vault-exporter.probes" -}}
{{- $probes := .root.Values.probes -}}
{{- range $kind := .kinds }}
{{ $kind }}:
  {{- if eq $probes.type "tcp" }}
  tcpSocket: {port: {{ $.port }}}
  {{- else if eq $probes.type "exec" }}
  exec: {command: [vault-exporter, healthcheck, --config=/etc/vault-exporter/config/vault-exporter.yml]}
  {{- else }}
  httpGet:
    path: {{ eq $kind "readinessProbe" | ternary "/-/ready" "/-/healthy" }}
    port: {{ $.port }}
    scheme: {{ upper $.root.Values.web.scheme }}
  {{- end }}
  timeoutSeconds: {{ $probes.timeoutSeconds }}
  periodSeconds: {{ eq $kind "startupProbe" | ternary 2 $probes.periodSeconds }}
  failureThreshold: {{ eq $kind "startupProbe" | ternary 30 3 }}
{{- end }}
{{- end }}
