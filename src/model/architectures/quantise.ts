/** Weights in 4 or 8 bits, as onnxruntime's MatMulNBits reads them. */

/** Weights that share a scale: neighbours in a row. */
export const BLOCK = 32;

/** Bits of a weight. */
export type Bits = 4 | 8;

/**
 * Factors of the widest scale of a block that are tried: cutting its one largest weight may bring all others nearer.
 */
const NARROWER = [1, 0.92, 0.84];

/**
 * Quantises rows in blocks of {@link BLOCK}: `weight = (level - 2^(bits - 1)) * scale`. The scale has the sign that
 * makes the block's largest weight the lowest level, of which there is one more below zero than above; in 4 bits it is
 * the one of some narrower ones with the least squared error.
 *
 * @param weights Rows one after the other, their length a multiple of {@link BLOCK}.
 * @returns Levels, in 4 bits two a byte and the first in its lower half, and a scale a block.
 */
export function quantise(
  weights: Float32Array,
  bits: Bits,
): { levels: Uint8Array<ArrayBuffer>; scales: Float32Array<ArrayBuffer> } {
  const scales = new Float32Array(weights.length / BLOCK);
  const levels = new Uint8Array(weights.length * bits / 8);
  const half = 2 ** (bits - 1);
  for (let block = 0, from = 0; block < scales.length; block++, from += BLOCK) {
    const widest = extremeOf(weights, from) / -half;
    const scale = bits === 4 ? bestScale(weights, from, widest) : Math.fround(widest);
    scales[block] = scale;
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let i = from; i < from + BLOCK; i++) {
      const level = nearest(weights[i] * inverse, half);
      if (bits === 8) levels[i] = level;
      else levels[i >> 1] |= level << 4 * (i & 1);
    }
  }
  return { levels, scales };
}

/** The weight of a block that is farthest from zero. */
function extremeOf(weights: Float32Array, from: number): number {
  let [extreme, size] = [0, 0];
  for (let i = from; i < from + BLOCK; i++) {
    const own = Math.abs(weights[i]);
    if (own > size) [extreme, size] = [weights[i], own];
  }
  return extreme;
}

function bestScale(weights: Float32Array, from: number, widest: number): number {
  if (widest === 0) return 0;
  let [best, least] = [widest, Infinity];
  for (const factor of NARROWER) {
    const scale = Math.fround(widest * factor);
    const inverse = 1 / scale;
    let error = 0;
    for (let i = from; i < from + BLOCK; i++) {
      // 8 is half of what 4 bits tell apart; only they are tried narrower.
      const off = weights[i] - (nearest(weights[i] * inverse, 8) - 8) * scale;
      error += off * off;
    }
    if (error < least) [best, least] = [scale, error];
  }
  return best;
}

/** The nearest level of those around `half`. */
function nearest(value: number, half: number): number {
  const level = (value + half + 0.5) | 0;
  return level < 0 ? 0 : level >= 2 * half ? 2 * half - 1 : level;
}
