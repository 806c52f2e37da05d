/** docs/recipes/postgres-by-name.md */

import assert from "node:assert/strict";
import { CertificateAuthority } from "../../support/certificates.ts";
import { interopTest, run } from "../../support/interop.ts";
import { POSTGRES_WITH_TLS, queryWith, startPostgres } from "../servers/postgres.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("postgres-by-name");
const NAMES = ["orders.db.example.com", "billing.db.example.com"];

interopTest("recipe: PostgreSQL by server name", POSTGRES_WITH_TLS, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const names = [...NAMES, "other.db.example.com"].map((name) => `DNS:${name}`);
  const pair = await authority.issue({ name: "db.example.com", names });
  const servers = [await startPostgres(stack), await startPostgres(stack)];
  const recipe = await RECIPE.start(stack, {
    "10.0.0.91:5432": `127.0.0.1:${servers[0]!.port}`,
    "10.0.0.92:5432": `127.0.0.1:${servers[1]!.port}`,
    "certs/db.pem": pair.cert,
    "certs/db.key": pair.key,
    "listen: :5432": "listen: 127.0.0.1:0",
  });
  const portOf = async (settings: string) =>
    Number((await run("psql", queryWith(recipe.port(), settings, "SHOW port"))).text);
  const verified = `sslmode=verify-full sslrootcert=${authority.cert}`;
  for (const [index, name] of NAMES.entries()) {
    assert.equal(await portOf(`host=${name} ${verified}`), servers[index]!.port);
  }
  await assert.rejects(portOf(`host=other.db.example.com ${verified}`), /psql/);
  await assert.rejects(portOf(`host=${NAMES[0]} sslmode=disable`), /TLS|SSL/);
});
