/** A checkpoint as it is published, as a graph over its files. */
import { openByteFile } from "../../files/byte_file.ts";
import { blockCount, type Config, flattened } from "../config.ts";
import { ModelError } from "../error.ts";
import { buildDecoder, type Built } from "./build.ts";
import { FAMILIES, type KnownFamily } from "./families/all.ts";
import { Net, PACKED_BITS, type Storage } from "./net.ts";
import { packedFile, type PackOptions } from "./packed_file.ts";
import { CheckpointReader } from "./reader.ts";
import type { DecoderSpec } from "./spec.ts";
import { textConfig, textPart } from "./text_part.ts";
import { type StoredTensor, type StoredTensors, storedTensors } from "./tensors.ts";

/** Tensors that files hold beside the weights: masks, and tables that are computed. */
const BUFFERS =
  /(^|\.)(rotary_emb\.inv_freq|rotary_emb\.(cos|sin)_cached|attn\.(bias|masked_bias)|attn\.attention\.(bias|masked_bias)|attention\.(bias|masked_bias)|embed_positions)$/;

/** What the matrices are held in, and where quantised ones are kept. */
export interface CheckpointOptions extends Omit<PackOptions, "bits"> {
  readonly storage: Storage;
}

/**
 * Builds the graph of a checkpoint.
 *
 * @param config Its config.json.
 * @param paths Its files of weights.
 * @param options Quantised weights are made now, unless the cache has them.
 * @throws {ModelError} if its family is not known, if config.json says what the family's table does not know, or if
 * tensors are missing, left over or of another shape.
 */
export async function buildCheckpoint(
  config: Config,
  paths: readonly string[],
  { storage, ...options }: CheckpointOptions,
): Promise<Built> {
  const { spec, tensors, unread } = understood(config, await storedTensors(paths));
  const net = new Net(tensors, storage);
  const built = buildDecoder(net, spec);
  assertAllUsed(net.used, tensors);
  await assertTied(spec.head.weight, net.used, tensors);
  const bits = PACKED_BITS[storage];
  if (bits !== undefined) {
    const { path, places } = await packedFile(net.packed, { ...options, bits });
    net.place(path, places);
  }
  return { ...built, unread };
}

/**
 * Throws what {@link buildCheckpoint} would at config.json alone: before the weights are fetched.
 *
 * @throws {ModelError} if its family is not known, or if it says what the family's table does not know.
 */
export function assertUnderstood(config: Config): void {
  // Tables ask for tensors only to see how their names begin.
  understood(config, new Map());
}

/** What config.json makes of tensors. */
function understood(
  config: Config,
  stored: StoredTensors,
): { spec: DecoderSpec; tensors: StoredTensors; unread: readonly string[] } {
  const family = familyOf(config);
  if (!family.wrapper && flattened(config) !== config) {
    throw new ModelError(
      `Expected a ${config.model_type} model without parts of other models but config.json has a text_config: take an ONNX export`,
    );
  }
  const { config: own, tensors, unread } = family.wrapper
    ? textPart(family.wrapper, config, stored)
    : { config: flattened(config), tensors: stored, unread: [] };
  // Each block is made, before its tensors are looked for.
  blockCount(own);
  const reader = new CheckpointReader(own, tensors);
  const spec = family.read(reader);
  reader.assertUnderstood();
  return { spec, tensors, unread };
}

/**
 * The family of a checkpoint, as far as config.json tells.
 *
 * @throws {ModelError} if it is not known, or if the weights are stored in another form than numbers.
 */
export function familyOf(config: Config): KnownFamily {
  const quantised = quantisationOf(config) ?? quantisationOf(flattened(config));
  if (quantised) {
    const method = String(quantised.quant_method ?? quantised.quant_type ?? "an unknown method");
    throw new ModelError(
      `Expected weights in float32, float16 or bfloat16 but config.json says that they are quantised by ${method}: take ` +
        // In this they were published.
        (method === "mxfp4" ? "a version of the model in bfloat16" : "the original checkpoint"),
    );
  }
  const outer = known(config.model_type);
  const wrapper = outer?.wrapper;
  const type = wrapper ? textConfig(config).model_type ?? wrapper.text : flattened(config).model_type;
  const family = wrapper && type === wrapper.text ? outer : known(type);
  // Around another text part, or in place of one, it is a model that nobody knows.
  if (family && family.wrapper === wrapper) return family;
  throw new ModelError(
    `Expected a checkpoint of a family that is known here (${Object.keys(FAMILIES).join(", ")}) but config.json says ` +
      `"${type}"${wrapper ? ` within "${config.model_type}"` : ""}: take an ONNX export`,
  );
}

function known(type: unknown): KnownFamily | undefined {
  return Object.hasOwn(FAMILIES, String(type)) ? FAMILIES[String(type)] : undefined;
}

function quantisationOf(config: Config): Config | undefined {
  return (config.quantization_config ?? config.compression_config ?? undefined) as Config | undefined;
}

/** Whether there is a table for a checkpoint's family, and its weights are numbers. */
export function isKnownFamily(config: Config): boolean {
  try {
    familyOf(config);
    return true;
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    return false;
  }
}

/** Throws if the checkpoint has weights that the graph does not read: it would not be the whole model. */
function assertAllUsed(used: ReadonlySet<string>, tensors: StoredTensors): void {
  const left = [...tensors.keys()].filter((name) => !used.has(name) && !BUFFERS.test(name) && !isTiedHead(name, used));
  if (left.length === 0) return;
  const named = left.slice(0, 3).map((name) => `"${name}"`).join(", ");
  throw new ModelError(
    `Expected to know what each tensor of the checkpoint is for but nothing reads ${named}` +
      `${
        left.length > 3 ? ` and ${left.length - 3} more` : ""
      }: the model is not what its config.json says, or take an ONNX export`,
  );
}

/** A tied head may be stored all the same. */
function isTiedHead(name: string, used: ReadonlySet<string>): boolean {
  return /^(lm_head|embed_out)\.weight$/.test(name) && !used.has(name);
}

/** Bytes that are compared at a time. */
const SAMPLE = 2 ** 16;

/** Throws if a head that is stored beside the embedding it is said to be tied to is another matrix. */
async function assertTied(embedding: string, used: ReadonlySet<string>, tensors: StoredTensors): Promise<void> {
  const [name] = [...tensors.keys()].filter((name) => isTiedHead(name, used));
  if (name === undefined) return;
  const [head, table] = [tensors.get(name)!, tensors.get(embedding)!];
  let same = head.dtype === table.dtype && head.shape.join() === table.shape.join();
  // The beginning, the middle and the end tell two matrices apart.
  for (const start of same ? [0, head.length >> 1, Math.max(0, head.length - SAMPLE)] : []) {
    const [a, b] = await Promise.all([head, table].map((tensor) => sampleOf(tensor, start)));
    same &&= a.every((byte, i) => byte === b[i]);
  }
  if (same) return;
  throw new ModelError(
    `Expected "${name}" to be "${embedding}" itself, as config.json says (tie_word_embeddings), but it is another matrix: ` +
      "check that config.json belongs to the weights",
  );
}

async function sampleOf({ path, offset, length }: StoredTensor, start: number): Promise<Uint8Array> {
  using file = await openByteFile(path, "a .safetensors file");
  return await file.read(offset + start, new Uint8Array(Math.min(SAMPLE, length - start)));
}
