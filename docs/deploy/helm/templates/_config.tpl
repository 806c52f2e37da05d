{{- /* Written by `deno task docs` from docs/deploy/kubernetes. */ -}}
{{- define "sluice.ownConfig" -}}
admin:
  listen: ":9000"
  token: ${SLUICE_ADMIN_TOKEN}
reload:
  watch: true
# terminationGracePeriodSeconds of the pods must be longer than this and preStop together.
shutdown:
  drain: {{ .Values.shutdown.drainSeconds | int64 }}s
{{- end }}

{{- define "sluice.config" -}}
{{- $own := include "sluice.ownConfig" . }}
{{- $text := printf "%s\n%s" (.Values.config | trimSuffix "\n") $own }}
{{- $config := fromYaml .Values.config }}
{{- with $config.Error }}
  {{- fail (printf "config: Helm cannot read it: %s; check the file with sluice check" .) }}
{{- end }}
{{- range $section, $_ := fromYaml $own }}
  {{- if hasKey $config $section }}
    {{- fail (printf "config: remove %s, which the chart writes" $section) }}
  {{- end }}
{{- end }}
{{- if not (hasKey (fromYaml $text) "shutdown") }}
  {{- fail "config: begin its keys in the first column, in one document, without braces around them or ... at the end: the chart adds admin, reload, shutdown after them" }}
{{- end }}
{{- $text }}
{{- end }}
