{{- define "offboard.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 48 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 48 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "offboard.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "offboard.labels" -}}
{{ include "offboard.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "offboard.serviceAccountName" -}}
{{ .Values.serviceAccount.name | default (include "offboard.fullname" .) }}
{{- end }}

{{- define "offboard.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}{{ else }}{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "offboard.subjects" -}}
- kind: ServiceAccount
  name: {{ include "offboard.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* The rules of the first role in a file of files/rbac, which is a copy of one in config/. */}}
{{- define "offboard.rules" -}}
{{ toYaml (fromYaml (first (splitList "\n---\n" (.root.Files.Get (printf "files/rbac/%s.yaml" .file))))).rules }}
{{- end }}

{{/* A ClusterRole with the rules of a file, and its binding to the operator's account. */}}
{{- define "offboard.clusterRole" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ .name }}
  labels: {{- include "offboard.labels" .root | nindent 4 }}
rules: {{- include "offboard.rules" . | nindent 0 }}
---
{{ include "offboard.clusterRoleBinding" . }}
{{- end }}

{{- define "offboard.clusterRoleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .name }}
  labels: {{- include "offboard.labels" .root | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ .name }}}
subjects: {{- include "offboard.subjects" .root | nindent 0 }}
{{- end }}

{{/* A Role in one namespace with the rules of a file, and its binding to the operator's account. */}}
{{- define "offboard.fileRole" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {{- include "offboard.labels" .root | nindent 4 }}
rules: {{- include "offboard.rules" . | nindent 0 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {{- include "offboard.labels" .root | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ .name }}}
subjects: {{- include "offboard.subjects" .root | nindent 0 }}
{{- end }}

{{/* A Role in the release's namespace with one verb on named things of one kind, and its binding to the operator's account. */}}
{{- define "offboard.ownRole" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "offboard.labels" .root | nindent 4 }}
rules:
- apiGroups: [""]
  resources: [{{ .resource }}]
  resourceNames: {{ toJson .names }}
  verbs: [{{ .verb }}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "offboard.labels" .root | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ .name }}}
subjects: {{- include "offboard.subjects" .root | nindent 0 }}
{{- end }}

{{/* One rule of what its pods may reach: ports, and to where, which is everywhere when empty. */}}
{{- define "offboard.egress" -}}
- ports:
  {{- range .ports }}
  - {port: {{ . | int }}, protocol: TCP}
  {{- end }}
  {{- with .to }}
  to: {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
