/** The sessions that a model has open, by what its graph was cut to. */
import type { InferenceSession } from "../compute/ort.ts";
import { hasAnswered, isBroken } from "./web_session.ts";

/** Sessions that stay open until they break or all are closed. */
export class OpenSessions {
  readonly #sessions = new Map<string, Promise<InferenceSession>>();
  /** Broken ones whose outputs may be in use. */
  readonly #retired: InferenceSession[] = [];

  /** The session under `key`: opened when it is first asked for, and anew after a run of it failed on WebGPU. */
  async get(key: string, open: () => Promise<InferenceSession>): Promise<InferenceSession> {
    const last = this.#sessions.get(key);
    const session = await last;
    if (session && !isBroken(session)) return session;
    // Another call may have replaced it meanwhile.
    if (this.#sessions.get(key) === last) {
      this.#sessions.set(key, this.#replace(session, open));
      this.#sessions.get(key)!.catch(() => this.#sessions.delete(key));
    }
    return await this.#sessions.get(key)!;
  }

  /** Closes all. */
  async release(): Promise<void> {
    const sessions = [...this.#retired.splice(0), ...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) await (await session).release();
  }

  async #replace(
    broken: InferenceSession | undefined,
    open: () => Promise<InferenceSession>,
  ): Promise<InferenceSession> {
    if (broken && hasAnswered(broken)) this.#retired.push(broken);
    else await broken?.release();
    return await open();
  }
}
