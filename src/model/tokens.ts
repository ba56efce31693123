/** Prompts as token ids, padded to batches. */

/** Tokens that are fed at once: whole prompts, or what follows tokens fed before. */
export interface TokenBatch {
  /** Number of prompts. */
  readonly batch: number;
  /** Tokens of each that are fed, padding included. */
  readonly width: number;
  /** `batch x width`. */
  readonly ids: BigInt64Array<ArrayBuffer>;
  /** Tokens of each up to now, those fed before included. */
  readonly total: number;
  /** `batch x total`: 1 at tokens, 0 at padding. Its last `width` columns are those of the tokens fed. */
  readonly mask: BigInt64Array<ArrayBuffer>;
  /** Which of the caller's prompts each row is, and its length. */
  readonly prompts: readonly { readonly number: number; readonly length: number }[];
}

/** Position of each token fed in its prompt, `batch x width`; padding has that of the token before it, or 0. */
export function positionsOf({ batch, width, total, mask }: TokenBatch): Int32Array<ArrayBuffer> {
  const positions = new Int32Array(batch * width);
  for (let row = 0; row < batch; row++) {
    let tokens = 0;
    for (let column = 0; column < total; column++) {
      // Padding is not counted, so it shifts no position, on whichever side it stands.
      tokens += Number(mask[row * total + column]);
      const place = column - (total - width);
      if (place >= 0) positions[row * width + place] = Math.max(0, tokens - 1);
    }
  }
  return positions;
}

/** Whether each token fed is one and no padding, `batch x width`. */
export function realTokens({ batch, width, total, mask }: TokenBatch): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    { length: batch * width },
    (_, i) => Number(mask[Math.floor(i / width) * total + total - width + i % width]),
  );
}

/** The tokens with one more for each prompt: those to feed next where what was fed is kept, or else the whole text. */
export function extended(tokens: TokenBatch, next: readonly bigint[], kept: boolean): TokenBatch {
  const { batch, width, total } = tokens;
  const grow = (values: BigInt64Array, columns: number, last: (row: number) => bigint) => {
    const grown = new BigInt64Array(batch * (columns + 1));
    for (let row = 0; row < batch; row++) {
      grown.set(values.subarray(row * columns, (row + 1) * columns), row * (columns + 1));
      grown[(row + 1) * (columns + 1) - 1] = last(row);
    }
    return grown;
  };
  return {
    ...tokens,
    width: kept ? 1 : width + 1,
    ids: kept ? BigInt64Array.from(next) : grow(tokens.ids, width, (row) => next[row]),
    total: total + 1,
    mask: grow(tokens.mask, total, () => 1n),
  };
}

/**
 * Pads prompts to the length of the longest, on the right for reading and on the left for generating.
 *
 * @param numbers Which of the caller's prompts these are; default all of them in order.
 * @throws {RangeError} if there is no prompt, or one without tokens.
 */
export function pad(
  prompts: readonly Int32Array[],
  side: "left" | "right",
  padding: number,
  numbers: readonly number[] = [...prompts.keys()],
): TokenBatch {
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
  const told = prompts.map(({ length }, i) => ({ number: numbers[i], length }));
  return { batch, width, ids, total: width, mask, prompts: told };
}
