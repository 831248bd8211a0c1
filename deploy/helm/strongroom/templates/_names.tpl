{{/* The release's name, or both names where the release's does not say what it is; at most 50 characters, as parts are added. */}}
{{- define "strongroom.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "strongroom.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* What selects the Pods of one part: (list . "server"). */}}
{{- define "strongroom.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
component: {{ index . 1 }}
{{- end }}

{{- define "strongroom.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "strongroom.serviceAccount" -}}
{{ .Values.server.serviceAccount.name | default (include "strongroom.name" .) }}
{{- end }}

{{- define "strongroom.scheme" -}}
{{ if .Values.global.tlsDisable }}http{{ else }}https{{ end }}
{{- end }}

{{- define "strongroom.ownAddress" -}}
{{ include "strongroom.scheme" . }}://{{ include "strongroom.name" . }}.{{ .Release.Namespace }}.svc:8200
{{- end }}

{{- define "strongroom.tlsSecret" -}}
{{ .Values.server.tls.existingSecret | default (printf "%s-tls" (include "strongroom.name" .)) }}
{{- end }}

{{- define "strongroom.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What "restricted" asks of a Pod and of a container. */}}
{{- define "strongroom.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "strongroom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where a Pod may run, from one part's values. */}}
{{- define "strongroom.placement" -}}
{{- with .affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
