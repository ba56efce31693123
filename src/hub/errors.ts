/** What can go wrong with the hub, as sentences. */
import { visibleLines } from "../files/visible_text.ts";

/**
 * Files of the hub that cannot be had; the message says why, and what to do. The hub's other errors are kinds of it.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { localPath } from "./hub_file.ts";
 *
 * await assertRejects(() => localPath("hf://pile.jsonl"), HubError, "Expected a file of the hub such as hf://");
 * ```
 */
export class HubError extends Error {
  /** As errors are called in messages. */
  override readonly name: string = "HubError";

  /** An error with this message; what it quotes of a file is made visible. */
  constructor(message: string, options?: ErrorOptions) {
    super(visibleLines(message), options);
  }
}

/**
 * A repository, revision or file that the hub does not have.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { hubFile } from "./hub_file.ts";
 *
 * // A hub that has nothing.
 * const answer = () => new Response("", { status: 404 });
 * await using hub = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
 * const options = { endpoint: `http://127.0.0.1:${hub.addr.port}`, cacheDir: "none", offline: false };
 * await assertRejects(
 *   () => hubFile({ repo: "owner/name", path: "config.json", ...options }),
 *   HubNotFoundError,
 *   "owner/name",
 * );
 * ```
 */
export class HubNotFoundError extends HubError {
  /** As errors are called in messages. */
  override readonly name: string = "HubNotFoundError";
}

/** A repository that the hub does not have, or not for everybody. */
export class HubRepositoryNotFoundError extends HubNotFoundError {}

/**
 * A hub that cannot be reached: no network, a wrong address, or no permission.
 *
 * @example Another file where the hub cannot be asked
 * ```ts
 * import { hubFile } from "./hub_file.ts";
 *
 * const wanted = { repo: "owner/name", path: "pile.jsonl", cacheDir: "none", offline: true };
 * const path = await hubFile(wanted).catch((error) => {
 *   if (error instanceof HubUnreachableError) return "fixtures/corpora/pile.jsonl";
 *   throw error;
 * });
 * if (path !== "fixtures/corpora/pile.jsonl") throw new Error(path);
 * ```
 */
export class HubUnreachableError extends HubError {
  /** As errors are called in messages. */
  override readonly name: string = "HubUnreachableError";
}
