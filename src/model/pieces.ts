/** How much of its prompts a model computes at once: little enough that whoever waits sees it move and can stop it. */
import type { LanguageModel } from "./types.ts";

/**
 * Operations of one piece, about a second's on two cores, and on a GPU. A block's matrices hold about 12 dim² weights,
 * each of which takes a multiplication and an addition a token.
 */
const OPERATIONS = { cpu: 2 ** 36, webgpu: 2 ** 43 } as const;
const OPERATIONS_A_TOKEN = 24;

/** No fewer tokens than make a product of matrices worth reading the weights for: 128 took a fifth longer each than 256. */
const FEWEST_TOKENS = 128;
/** Tokens beyond which nothing is gained: on two cores 256 to 3,400 took a small model the same time each. */
const MOST_TOKENS = { cpu: 1024, webgpu: 4096 } as const;
/** Bytes of activations that one piece gives, all layers together. */
const READ_BYTES = 2 ** 28;

/**
 * Tokens, padding included, that a model reads at once. It depends on nothing but the model and the layers, so that the
 * same run has the same bytes.
 *
 * @param layers Blocks that are read, at least one: the model runs up to the deepest.
 */
export function tokensAtOnce(
  { device, dim, streamDim }: Pick<LanguageModel, "device" | "dim" | "streamDim">,
  layers: readonly number[],
): number {
  const blocks = layers.reduce((deepest, layer) => Math.max(deepest, layer), 0) + 1;
  const inTime = OPERATIONS[device] / (OPERATIONS_A_TOKEN * streamDim ** 2 * blocks);
  const inMemory = READ_BYTES / (Float32Array.BYTES_PER_ELEMENT * dim * layers.length);
  return Math.max(FEWEST_TOKENS, Math.floor(Math.min(inTime, inMemory, MOST_TOKENS[device])));
}
