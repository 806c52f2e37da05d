/** Walks the JSON Schema of a configuration. */

export interface Schema {
  readonly description?: string;
  readonly deprecated?: boolean;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

export interface SchemaKey {
  /** Entries of a list have the path of their list; any name is `*`. */
  readonly path: readonly string[];
  readonly schema: Schema;
}

/** All keys, without deprecated names. Keys of a definition are listed once, at its first use. */
export function schemaKeys(root: Schema): SchemaKey[] {
  const seen = new Set<string>();
  const walk = (schema: Schema, path: readonly string[]): SchemaKey[] => {
    const { $ref, additionalProperties: named } = schema;
    if ($ref !== undefined) {
      if (seen.has($ref)) return [];
      seen.add($ref);
      return walk(root.$defs![$ref.split("/").at(-1)!]!, path);
    }
    return [
      ...Object.entries(schema.properties ?? {}).filter(([, value]) => !value.deprecated).flatMap((
        [key, value],
      ) => [
        { path: [...path, key], schema: value },
        ...walk(value, [...path, key]),
      ]),
      ...typeof named === "object" ? walk(named, [...path, "*"]) : [],
      ...schema.items === undefined ? [] : walk(schema.items, path),
      ...(schema.anyOf ?? schema.oneOf ?? []).flatMap((alternative) => walk(alternative, path)),
    ];
  };
  return walk(root, []);
}
