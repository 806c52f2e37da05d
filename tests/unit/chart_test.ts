/** The Helm chart in docs/deploy/helm. tests/interop/kubernetes has the tests with helm. */

import assert from "node:assert/strict";
import { parse, parseDocument } from "yaml";
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

Deno.test("the Helm chart has each manifest of the gateway, where it is enabled", () => {
  const files = chartFiles();
  const folder = new URL("../kubernetes/gateway/", CHART);
  const manifests = Array.from(Deno.readDirSync(folder), ({ name }) => name)
    .filter((name) => !["kustomization.yaml", "namespace.yaml"].includes(name));
  const expected = manifests.map((name) =>
    `templates/${name.startsWith("gateway") ? "" : "gateway-"}${name}`
  );
  const found = [...files.keys()].filter((path) => path.startsWith("templates/gateway"));
  assert.deepEqual(found.sort(), expected.sort());
  for (const path of found) {
    const [, condition, ...rest] = files.get(path)!.trimEnd().split("\n");
    assert.equal(condition, "{{- if .Values.gateway.enabled }}", path);
    assert.equal(rest.at(-1), "{{- end }}", path);
    // Only the image and the class may be called as the program is.
    const names = rest.join("\n").matchAll(
      /^ *(?:- )?(?:name|serviceAccountName|app.kubernetes.io\/instance): (.*)$/gm,
    );
    for (const [, name] of names) assert.doesNotMatch(name!, /^"?sluice-/, path);
  }
  const { gateway } = parse(files.get("values.yaml")!);
  assert.equal(gateway.enabled, false);
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
