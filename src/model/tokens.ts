/** Prompts as token ids, padded to batches. */

/** A padded batch of prompts. */
export interface TokenBatch {
  readonly batch: number;
  /** Length of the longest prompt. */
  readonly width: number;
  /** `batch x width`. */
  readonly ids: BigInt64Array<ArrayBuffer>;
  /** `batch x width`: 1 at tokens, 0 at padding. */
  readonly mask: BigInt64Array<ArrayBuffer>;
}

/**
 * Pads prompts to the length of the longest, on the right for reading and on the left for generating.
 *
 * @throws {RangeError} if there is no prompt, or one without tokens.
 */
export function pad(prompts: readonly Int32Array[], side: "left" | "right", padding: number): TokenBatch {
  if (prompts.length === 0) throw new RangeError("Expected at least one prompt but got none");
  const empty = prompts.findIndex((prompt) => prompt.length === 0);
  if (empty >= 0) throw new RangeError(`Expected every prompt to hold at least one token but prompt ${empty} is empty`);
  const batch = prompts.length;
  const width = prompts.reduce((longest, prompt) => Math.max(longest, prompt.length), 0);
  const ids = new BigInt64Array(batch * width).fill(BigInt(padding));
  const mask = new BigInt64Array(batch * width);
  prompts.forEach((prompt, i) => {
    const start = i * width + (side === "left" ? width - prompt.length : 0);
    prompt.forEach((token, p) => ids[start + p] = BigInt(token));
    mask.fill(1n, start, start + prompt.length);
  });
  return { batch, width, ids, mask };
}
