/**
 * The files of ACME in their folder, which several proxies may share: each is written in one step, for its owner alone.
 */

import { randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { AcmeError } from "../../acme/acme_error.ts";
import { EcKey } from "../../acme/keys.ts";
import type { ChallengeAnswers, ChallengeType, Issued } from "../../acme/client.ts";
import {
  acmeChallengeFolder,
  acmeFolder,
  acmeHttpAnswerFile,
  acmeTlsAnswerFile,
} from "../../config/values/acme_files.ts";
import { answerWithin } from "../../files/answer_within.ts";
import { readTextFile } from "../../files/read_file.ts";

const FOR_OWNER = 0o600;
const FOLDER_FOR_OWNER = 0o700;
/**
 * Pauses in which another proxy finishes writing the key of the account, in milliseconds, and how many there may be.
 */
const PAUSE = 100;
const MOST_PAUSES = 50;

/** RFC 8555 section 8.3. */
const TOKEN = /^[A-Za-z0-9_-]{1,255}$/;
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;

/** Why no certificate came, kept beside it: a restart, or another proxy, must not try again at once. */
export interface FailureRecord {
  /** In a row. */
  readonly attempts: number;
  /** Milliseconds since 1970. */
  readonly nextAttempt: number;
  readonly error: string;
  /** What was ordered: other names are tried at once. */
  readonly names: readonly string[];
}

export interface StorageOptions {
  readonly storage: string;
  readonly directory: string;
}

export class AcmeStorage implements ChallengeAnswers {
  readonly #storage: string;
  readonly folder: string;

  constructor(options: StorageOptions) {
    this.#storage = options.storage;
    this.folder = acmeFolder(options);
  }

  /** Makes the folders. @throws {UnusableFileError} when one does not answer, and what `Deno.mkdir` and `Deno.stat` do */
  async prepare(): Promise<void> {
    for (const folder of [this.#storage, this.folder, acmeChallengeFolder(this.#storage)]) {
      await answerWithin(folder, () => Deno.mkdir(folder, { mode: FOLDER_FOR_OWNER })).catch((error) => {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      });
    }
    // What is written there is read too: if that is not allowed, the start fails and not the first order.
    await answerWithin(this.#storage, () => Deno.stat(this.#storage));
  }

  /** The key of the account, made by the first proxy that needs it. */
  async accountKey(pause: (milliseconds: number) => Promise<void>): Promise<EcKey> {
    const path = join(this.folder, "account.key");
    for (let pauses = 0;; pauses += 1) {
      const pem = await readIfThere(path);
      if (pem === undefined) {
        const key = await EcKey.generate();
        if (await createNew(path, key.toPem(), true)) return key;
        continue;
      }
      try {
        return EcKey.fromPem(pem);
      } catch {
        // Another proxy may still be writing it.
        if (pauses === MOST_PAUSES) throw new Error(`Cannot use the account key in "${path}": it is damaged`);
        await pause(PAUSE);
      }
    }
  }

  /** Certificate and key, as one file. */
  async writeCertificate(path: string, { key, chain }: Issued): Promise<void> {
    await replace(path, `${chain.trimEnd()}\n${key}`, true);
  }

  /** Undefined after a success, and where the file cannot be read. */
  async readFailure(certificate: string): Promise<FailureRecord | undefined> {
    try {
      const record = JSON.parse(await readTextFile(failureFile(certificate)));
      return typeof record?.attempts === "number" && typeof record.nextAttempt === "number"
        ? record
        : undefined;
    } catch {
      return undefined;
    }
  }

  async writeFailure(certificate: string, record: FailureRecord): Promise<void> {
    await replace(failureFile(certificate), `${JSON.stringify(record)}\n`);
  }

  async clearFailure(certificate: string): Promise<void> {
    await removeIfThere(failureFile(certificate));
  }

  async setTls(name: string, certificate: string): Promise<void> {
    await replace(this.#answerFile("tls-alpn-01", name), certificate);
  }

  async setHttp(token: string, text: string): Promise<void> {
    await replace(this.#answerFile("http-01", token), text);
  }

  async remove(kind: ChallengeType, key: string): Promise<void> {
    await removeIfThere(this.#answerFile(kind, key));
  }

  /** @throws {AcmeError} for what is no token or name, which could lead out of the folder */
  #answerFile(kind: ChallengeType, key: string): string {
    if (kind === "http-01") {
      if (!TOKEN.test(key)) throw new AcmeError("The server has sent an invalid token");
      return acmeHttpAnswerFile(this.#storage, key);
    }
    if (!HOST_NAME.test(key)) throw new AcmeError("The server has sent a name that is no host name");
    return acmeTlsAnswerFile(this.#storage, key);
  }
}

/**
 * Writes beside the file, then renames: a reader sees the old content or the new.
 *
 * @param isKept See {@linkcode write}.
 */
async function replace(path: string, text: string, isKept = false): Promise<void> {
  const beside = join(dirname(path), `.${randomUUID()}.new`);
  try {
    await write(beside, text, isKept);
    await answerWithin(path, () => Deno.rename(beside, path));
  } catch (error) {
    await removeIfThere(beside).catch(() => {});
    throw error;
  }
}

/** @param isKept Whether it must not be empty after a power failure, as a renamed file may be. */
function write(path: string, text: string, isKept: boolean): Promise<void> {
  return answerWithin(path, async () => {
    using file = await Deno.open(path, { write: true, createNew: true, mode: FOR_OWNER });
    await writeAll(file, new TextEncoder().encode(text));
    if (isKept) await file.sync();
  });
}

/** False when there is one already. @param isKept See {@linkcode write}. */
export async function createNew(path: string, text: string, isKept = false): Promise<boolean> {
  try {
    await write(path, text, isKept);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

export async function removeIfThere(path: string): Promise<void> {
  await answerWithin(path, () => Deno.remove(path)).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

function failureFile(certificate: string): string {
  return certificate.replace(/\.pem$/, ".failed.json");
}
