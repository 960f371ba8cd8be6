{{/* The container and the volumes for Vault's own chart. */}}
{{- define "vault-exporter.sidecarValues" -}}
{{- $tls := and .Values.vault.tls.caSecret (not .Values.central.enabled) -}}
{{- $token := and (eq .Values.vault.auth.method "token") (not .Values.central.enabled) -}}
# Values for the charts of Vault (hashicorp/vault) and OpenBao (openbao/openbao): helm upgrade --values this-file.yaml
server:
  extraContainers:
    - name: vault-exporter
      image: {{ include "vault-exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - serve
        - --config=/etc/vault-exporter/config/vault-exporter.yml
        {{- range .Values.sidecar.extraArgs }}
        - {{ . | quote }}
        {{- end }}
      {{- if not .Values.central.enabled }}
      env:
        - name: VAULT_ADDR
          value: {{ printf "%s://127.0.0.1:%d" .Values.vault.scheme (int .Values.vault.port) | quote }}
      {{- end }}
      ports:
        - {name: vault-exporter, containerPort: {{ .Values.sidecar.port }}, protocol: TCP}
      securityContext:
        {{- if not (kindIs "invalid" .Values.sidecar.runAsUser) }}
        runAsUser: {{ .Values.sidecar.runAsUser }}
        {{- end }}
        {{- if not (kindIs "invalid" .Values.sidecar.runAsGroup) }}
        runAsGroup: {{ .Values.sidecar.runAsGroup }}
        {{- end }}
        {{- include "vault-exporter.containerSecurityContext" . | nindent 8 }}
      # No readiness probe: an exporter with a problem must not take Vault's pod out of its Service.
      {{- include "vault-exporter.probes" (dict "root" . "port" "vault-exporter" "kinds" (list "startupProbe" "livenessProbe")) | trim | nindent 6 }}
      resources:
        {{- toYaml .Values.sidecar.resources | nindent 8 }}
      volumeMounts:
        - {name: vault-exporter-config, mountPath: /etc/vault-exporter/config, readOnly: true}
        - {name: {{ .Values.sidecar.auditVolume }}, mountPath: {{ .Values.sidecar.auditMountPath }}, readOnly: true}
        - {name: {{ .Values.sidecar.checkpointVolume }}, mountPath: /var/lib/vault-exporter, subPath: vault-exporter}
        {{- if $tls }}
        - {name: vault-exporter-ca, mountPath: /etc/vault-exporter/ca, readOnly: true}
        {{- end }}
        {{- if $token }}
        - {name: vault-exporter-token, mountPath: /etc/vault-exporter/token, readOnly: true}
        {{- end }}
        {{- if include "vault-exporter.webSecret" . }}
        - {name: vault-exporter-web, mountPath: /etc/vault-exporter/web, readOnly: true}
        {{- end }}
  volumes:
    - name: vault-exporter-config
      configMap: {name: {{ include "vault-exporter.fullname" . }}-sidecar}
    {{- if $tls }}
    - name: vault-exporter-ca
      secret: {secretName: {{ .Values.vault.tls.caSecret }}, items: [{key: {{ .Values.vault.tls.caKey }}, path: {{ .Values.vault.tls.caKey }}}]}
    {{- end }}
    {{- if $token }}
    - name: vault-exporter-token
      secret: {secretName: {{ .Values.vault.auth.tokenSecret }}}
    {{- end }}
    {{- with include "vault-exporter.webSecret" . }}
    - name: vault-exporter-web
      secret: {secretName: {{ . }}}
    {{- end }}
{{- end }}
