/** How much of its prompts a model computes at once: little enough that whoever waits sees it move and can stop it. */
import type { LanguageModel } from "./types.ts";

/**
 * Operations of one piece, about a second's on two cores, and on a GPU. A block's matrices hold about 12 dim² weights,
 * each of which takes a multiplication and an addition a token.
 */
const OPERATIONS = { cpu: 2 ** 36, webgpu: 2 ** 43 } as const;
const OPERATIONS_A_TOKEN = 24;

/** No fewer tokens than make a product of matrices worth reading the weights for: 128 cost a fifth more each than 256. */
const FEWEST_TOKENS = 128;
/** Tokens beyond which a GPU gains nothing. */
const MOST_ON_GPU = 4096;
/**
 * Numbers of the stream that a piece on the CPU holds, 2.5 MiB of them: what a block makes of it is ten times that.
 */
const STREAM_NUMBERS = 5 * 2 ** 17;
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
  const inMemory = Math.min(
    device === "cpu" ? Math.max(512, STREAM_NUMBERS / streamDim) : MOST_ON_GPU,
    READ_BYTES / (Float32Array.BYTES_PER_ELEMENT * dim * layers.length),
  );
  return Math.max(FEWEST_TOKENS, Math.floor(Math.min(inTime, inMemory)));
}
