/** The Helm chart in docs/deploy/helm. tests/interop/kubernetes has the tests with helm. */

import assert from "node:assert/strict";
import { parseDocument } from "yaml";
import { CHART, chartFiles } from "../../.github/build/chart.ts";
import { ManifestTemplate } from "../../.github/build/manifest_template.ts";

Deno.test("the Helm chart is as `deno task docs` writes it from the manifests", () => {
  const files = chartFiles();
  assert.ok(files.size >= 10);
  for (const [path, text] of files) {
    assert.equal(Deno.readTextFileSync(new URL(path, CHART)), text, `${path}: run \`deno task docs\``);
  }
  const templates = Array.from(
    Deno.readDirSync(new URL("templates/", CHART)),
    ({ name }) => `templates/${name}`,
  );
  assert.deepEqual(templates.filter((path) => !files.has(path)), [], "delete what has no manifest any more");
});

Deno.test("ManifestTemplate replaces values, keys, items and lines, and keeps comments", () => {
  const template = new ManifestTemplate(parseDocument(`# about it
kind: A
spec:
  count: 2
  # why
  ports:
    - name: a
    - name: admin
`));
  template.set(["kind"], "{{ .kind }}");
  template.set(["spec", "count"], "{{ .count }}");
  template.wrap(["spec", "count"], "if .few");
  template.replace(["spec", "ports", 0], (indent) => `- name: {{ ${indent} }}\n  port: 1`);
  template.add(["spec", "ports"], () => "- name: {{ .more }}");
  template.rename(["spec", "ports"], "{{ .key }}");
  template.add(["spec"], () => "last:\n  {{ .last }}");
  assert.equal(
    template.text(),
    `# about it
kind: {{ .kind }}
spec:
  {{- if .few }}
  count: {{ .count }}
  {{- end }}
  {{ .key }}:
    - name: {{ 4 }}
      port: 1
    - name: admin
    - name: {{ .more }}
  last:
    {{ .last }}
`,
  );
});

Deno.test("ManifestTemplate throws when a manifest no longer has what is replaced", () => {
  const template = new ManifestTemplate(parseDocument("spec: { a: 1 }\n"));
  assert.throws(() => template.set(["spec", "b"], "x"), /no spec\.b/);
  assert.throws(() => template.rename(["spec", "b"], "x"), /no spec\.b/);
  assert.throws(() => template.wrap(["spec", "b"], "if x"), /no spec\.b/);
  assert.throws(() => template.replace(["spec", "b"], () => "x"), /no spec\.b/);
  assert.throws(() => template.add(["spec", "a"], () => "x"), /no mapping or list spec\.a/);
});
