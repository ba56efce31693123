/** What can go wrong with the hub, as sentences. */
import { visibleLines } from "../files/visible_text.ts";

/** Files of the hub that cannot be had; the message says why, and what to do. */
export class HubError extends Error {
  /** As errors are called in messages. */
  override readonly name: string = "HubError";

  /** An error with this message; what it quotes of a file is made visible. */
  constructor(message: string, options?: ErrorOptions) {
    super(visibleLines(message), options);
  }
}

/** A repository, revision or file that the hub does not have. */
export class HubNotFoundError extends HubError {
  /** As errors are called in messages. */
  override readonly name: string = "HubNotFoundError";
}

/** A repository that the hub does not have, or not for everybody. */
export class HubRepositoryNotFoundError extends HubNotFoundError {}

/** A hub that cannot be reached: no network, a wrong address, or no permission. */
export class HubUnreachableError extends HubError {
  /** As errors are called in messages. */
  override readonly name: string = "HubUnreachableError";
}
