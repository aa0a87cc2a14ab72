{{/* Names and labels that several objects share. */}}
{{- define "patroni.scope" -}}
{{- default .Release.Name .Values.scope | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "patroni.serviceAccount" -}}
{{- default (include "patroni.scope" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "patroni.secret" -}}
{{- default (include "patroni.scope" .) .Values.existingSecret -}}
{{- end -}}

{{/* What pods are found by, and what patroni puts on its own objects. */}}
{{- define "patroni.selector" -}}
application: patroni
cluster-name: {{ include "patroni.scope" . }}
{{- end -}}

{{- define "patroni.labels" -}}
{{ include "patroni.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* A password: the one that is given, the one that is there, or a new one. */}}
{{- define "patroni.password" -}}
{{- $there := lookup "v1" "Secret" .root.Release.Namespace (include "patroni.scope" .root) -}}
{{- if .given -}}
{{- .given -}}
{{- else if and $there (hasKey (default dict $there.data) .key) -}}
{{- index $there.data .key | b64dec -}}
{{- else -}}
{{- randAlphaNum 24 -}}
{{- end -}}
{{- end -}}

{{- define "patroni.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
