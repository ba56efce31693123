/** Loads a language model from a folder or from the Hugging Face hub. */
import { join } from "node:path";
import type { BackendName } from "../compute/backend.ts";
import { gpuAdapter, gpuDevice, GpuError, isSoftwareAdapter } from "../compute/device.ts";
import { assertOneOf, assertOptions, type OptionKinds } from "../compute/known_options.ts";
import type { GraphProto } from "../compute/onnx/codec.ts";
import { currentSettings, HUB_OPTIONS } from "../hub/options.ts";
import type { Built } from "./architectures/build.ts";
import { buildCheckpoint } from "./architectures/checkpoint.ts";
import { PACKED_BITS, type Storage } from "./architectures/net.ts";
import { findBlocks } from "./blocks.ts";
import { readChatTemplates } from "./chat_templates.ts";
import { blockCount, flattened, headSizes, MOST_BLOCKS, positionCount } from "./config.ts";
import { Decoder } from "./decoder.ts";
import { suffixes } from "./dtypes.ts";
import { ModelError } from "./error.ts";
import { ignoredNote, stopTokens } from "./generation_settings.ts";
import { GraphFile } from "./graph_file.ts";
import { describeInterface } from "./interface.ts";
import { HookedLanguageModel, Notes } from "./language_model.ts";
import { exportNote, findModelFiles, LAYOUT, type ModelFiles } from "./model_files.ts";
import { modelChecksum } from "./model_checksum.ts";
import { loadTransformers, type PreTrainedTokenizer, runtimeFor, type TransformersModule } from "./runtime.ts";
import { Sessions } from "./sessions.ts";
import { Shapes } from "./shapes.ts";
import { dayOf } from "./template_date.ts";
import { Tokenizer } from "./tokenizer.ts";
import { readTokenizerFiles } from "./tokenizer_files.ts";
import { traitsOf } from "./traits.ts";
import type { LanguageModel, LoadOptions } from "./types.ts";

const OPTIONS: OptionKinds<LoadOptions> = {
  ...HUB_OPTIONS,
  hook: "string",
  bos: "string",
  controlTokens: "string",
  templateDate: "string",
  device: "string",
  dtype: "string",
  weights: "string",
  revision: "string",
  subfolder: "string",
  modelFile: "string",
  onNote: "function",
  onQuantise: "function",
  onDownload: "function",
};

/**
 * Loads a decoder-only language model: its ONNX graph, or one that is built over its checkpoint.
 *
 * Runs the graph once on a few tokens, to see that what was found in it is right. A session of a capture, the lens or
 * generation opens when it is first needed, with just the part of the graph that it runs. On the CPU weights stay in
 * their files, which onnxruntime maps; all sessions together hold them about once.
 *
 * @param id A folder that holds `config.json`, `tokenizer.json`, `tokenizer_config.json`, and `onnx/model.onnx` or the
 * checkpoint itself (`model.safetensors`), or an id on the Hugging Face hub such as `onnx-community/Qwen3-0.6B-ONNX`,
 * which may end in `@` and a revision. An existing folder comes first. Files of the hub are downloaded once; what is
 * cached, also by Python's `huggingface_hub`, asks nobody.
 * @param options Device, storage type, which files, and how they are fetched.
 * @returns The model; call `dispose` when done.
 * @throws {ModelError} if the files are missing, unreachable, unreadable, or not of a language model that can be
 * hooked.
 * @throws {GpuError} if `"webgpu"` was chosen and there is no adapter.
 *
 * @example
 * ```ts
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * if (`${model.layers} x ${model.dim}` !== "8 x 192") throw new Error(`${model.layers} x ${model.dim}`);
 * ```
 */
export async function loadModel(id: string, options: LoadOptions = {}): Promise<LanguageModel> {
  assertOptions("loadModel", options, OPTIONS);
  assertOneOf("device", options.device ?? "auto", ["auto", "cpu", "webgpu"]);
  try {
    return await load(id, options);
  } catch (error) {
    if (!(error instanceof ModelError) || error.message.includes(id)) throw error;
    throw new ModelError(`${error.message} ("${id}")`, { cause: error });
  }
}

async function load(id: string, options: LoadOptions): Promise<LanguageModel> {
  const { hook = "resid_post" } = options;
  if (options.dtype !== undefined && !(options.dtype in suffixes)) {
    throw new RangeError(`Expected dtype to be one of ${Object.keys(suffixes).join(", ")} but got "${options.dtype}"`);
  }
  if (options.weights !== undefined && !["onnx", "safetensors"].includes(options.weights)) {
    throw new RangeError(`Expected weights to be onnx or safetensors but got "${options.weights}"`);
  }
  if (options.templateDate !== undefined) dayOf(options.templateDate);
  const device = await chooseDevice(options.device ?? "auto");
  const transformers = await loadTransformers();
  const notes = new Notes(options.onNote);
  const { files, built } = await filesOrExport(id, { ...options, device });
  // Told before the graph is read, which may be another than the user thinks.
  for (const note of files.notes) notes.add(note);
  const config = flattened(files.config);
  const stops = stopTokens(files.config, files.generationConfig);
  const file = built
    ? GraphFile.of(files.weights[0], built.model, files.dtype === "fp16" ? "float16" : "float32")
    : await GraphFile.read(files.graph, files);
  const graph = file.decode().graph!;
  assertDecoder(graph, id);
  const io = describeInterface(graph, headSizes(config));
  const count = blockCount(config);
  if (!built) assertOpenable(graph, count ?? MOST_BLOCKS);
  const blocks = built?.blocks ?? findBlocks(graph, count);
  if (!built) assertOpenable(graph, blocks.length);
  const chatTemplates = await readChatTemplates(files.folder);
  const { bos, controlTokens, templateDate } = options;
  const onDate = (day: string) => notes.add(dateNote(day));
  const reading = { bos, controlTokens, templateDate, chatTemplates, onDate };
  const tokenizer = new Tokenizer(await readTokenizer(transformers, files), reading);
  // As transformers.js numbers them.
  const firstPosition = String(config.model_type).startsWith("gemma3") ? 1 : 0;
  const decoder = new Decoder({
    sessions: new Sessions(file, device),
    ort: await runtimeFor(device),
    io,
    blocks,
    firstPosition,
  });
  const traits = traitsOf(graph, io, firstPosition);
  const quantised = traits.exactness === "quantised";
  if (built) notes.add(builtNote(built, files));
  if (quantised) notes.add(QUANTISED);
  try {
    const shapes = await Shapes.measure(decoder, someTokens(tokenizer, traits.tokens), traits);
    // What was opened to look reads all weights; what comes opens what it needs. On the GPU they stay where they are.
    if (device === "cpu") await decoder.sessions.release();
    const checksum = await modelChecksum(files, built !== undefined);
    return await HookedLanguageModel.at({
      checksum,
      id: files.origin?.repo ?? id,
      dtype: files.dtype,
      weights: built ? "safetensors" : "onnx",
      origin: files.origin,
      notes,
      decoder,
      shapes,
      tokenizer,
      tokens: traits.tokens,
      maxContext: Math.min(traits.maxContext, positionCount(config)),
      generator: {
        transformers,
        stops: new Set(stops),
        note: ignoredNote(files.config, files.generationConfig),
        // Any token does: what stands in its place is masked.
        padding: [config.pad_token_id, stops[0]].find((id) => isToken(id, traits.tokens)) ?? 0,
        equalLengths: traits.equalLengths,
      },
      oneAtATime: quantised || traits.fixedBatch,
      rereads: quantised,
    }, hook);
  } catch (cause) {
    await decoder.sessions.close();
    throw cause instanceof ModelError || cause instanceof GpuError ? cause : unrunnable(id, device, cause);
  }
}

/** A model's files and the graph that is built over them, or an export's files where its checkpoint is refused. */
async function filesOrExport(id: string, options: LoadOptions): Promise<{ files: ModelFiles; built?: Built }> {
  const { onQuantise } = options;
  const files = await findModelFiles(id, options);
  if (files.weights.length === 0) return { files };
  try {
    const storage = files.dtype as Storage;
    const folder = join(currentSettings(options).cacheDir, "quantised");
    return { files, built: await buildCheckpoint(files.config, files.weights, { storage, folder, onQuantise }) };
  } catch (error) {
    if (!(error instanceof ModelError) || !files.hasGraph) throw error;
    if (options.weights === "safetensors") {
      throw new ModelError(`${error.message}; --weights onnx runs the one that is there`, { cause: error });
    }
    return { files: await exportInstead(id, options, error) };
  }
}

/** The files of the export beside a checkpoint that its tensors show to be another than config.json says. */
async function exportInstead(id: string, options: LoadOptions, refusal: ModelError): Promise<ModelFiles> {
  try {
    const files = await findModelFiles(id, { ...options, weights: "onnx" });
    return { ...files, notes: [exportNote(refusal), ...files.notes] };
  } catch (cause) {
    if (!(cause instanceof ModelError)) throw cause;
    // An export that cannot be fetched, as offline, is not what is wrong.
    throw new ModelError(`${refusal.message}; nor is its ONNX export there: ${cause.message}`, { cause });
  }
}

/** What was computed in what. */
function builtNote({ stored, unread }: Built, { hasGraph, dtype }: ModelFiles): string {
  const storage = dtype as Storage;
  const types = stored.filter((type) => type !== (storage === "fp16" ? "float16" : "float32")).join(" and ");
  return `The model is run from its checkpoint, ${COMPUTED[storage]}${types === "" ? "" : ` (stored in ${types})`}` +
    (unread.length > 0 ? `; its text part alone, without ${unread.join(" and ")}` : "") +
    (hasGraph ? ", not from the ONNX export beside them: --weights onnx takes that" : "") +
    (dtype in PACKED_BITS ? ". Take fp32 for findings: such weights move a stream by a part of its length" : "");
}

/** What is computed in what, where a graph is built. */
const COMPUTED: Readonly<Record<Storage, string>> = {
  fp32: "in float32",
  fp16: "its products in float16, its stream, norms and attention in float32",
  q8: "its matrices in 8 bits, computed in float32",
  q4: "its matrices in 4 bits, computed in float32",
};

function isToken(id: unknown, tokens: number): id is number {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) < tokens;
}

/** What the runtime says of a graph that it does not take. */
function unrunnable(id: string, device: BackendName, cause: unknown): ModelError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).split("\n")[0];
  const elsewhere = device === "webgpu" ? "take another dtype, or --device cpu" : "take another dtype or export";
  return new ModelError(
    `Expected onnxruntime to run "${id}" on ${device} but it refuses the graph (${reason}): ${elsewhere}`,
    { cause },
  );
}

async function chooseDevice(choice: "auto" | BackendName): Promise<BackendName> {
  // A GPU that is demanded and not there is told now, not when the first session opens.
  if (choice === "webgpu") await gpuDevice();
  if (choice !== "auto") return choice;
  const adapter = await gpuAdapter();
  return adapter && !isSoftwareAdapter(adapter.info) ? "webgpu" : "cpu";
}

async function readTokenizer(
  transformers: TransformersModule,
  { folder, config }: ModelFiles,
): Promise<PreTrainedTokenizer> {
  try {
    return await readTokenizerFiles(transformers, folder, config);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelError(
      `Expected to read the tokenizer in "${folder}" but could not (${reason}): check its ${LAYOUT}`,
      {
        cause,
      },
    );
  }
}

function assertDecoder(graph: GraphProto, id: string): void {
  const inputs = graph.input.map(({ name }) => name);
  if (graph.output.some(({ name }) => name === "logits") && !inputs.some((name) => /encoder/.test(name))) return;
  throw new ModelError(
    `Expected "${id}" to be a decoder-only language model but its graph reads ${
      inputs.slice(0, 4).join(", ")
    } and gives ` +
      `${
        graph.output.slice(0, 2).map(({ name }) => name).join(", ")
      }: encoders, and models without an unembedding, are not read`,
  );
}

/** Nodes of a block, at most: exports have up to three hundred, unrolled mixtures of a hundred experts a thousand. */
const BLOCK_NODES = 1000;

/** Throws if a graph has so many nodes for its blocks that onnxruntime, which takes their square, would not end. */
function assertOpenable({ node }: GraphProto, blocks: number): void {
  // Beside the blocks' there are those of embeddings, masks and the model's end.
  const most = BLOCK_NODES * (blocks + 2);
  if (node.length <= most) return;
  throw new ModelError(
    `Expected a graph of up to ${most} nodes, as one of ${blocks} blocks has, but it has ${node.length}, which would take ` +
      "onnxruntime hours to open: export the model anew",
  );
}

/** Eight different token ids, of plain text where the tokenizer's are among the model's. */
function someTokens(tokenizer: Tokenizer, known: number): number[] {
  const ids = tokenizer.encode("The cat sat on a mat, and then it slept.").filter((id) => id < known);
  return [...new Set([...ids, ...Array(8).keys()])].slice(0, 8);
}

function dateNote(day: string): string {
  return `The model's chat template writes a date, which is ${day} on every day: --template-date sets another`;
}

/** What users of such a graph should know. */
const QUANTISED =
  "This graph quantises activations by the range of all tokens that it reads together: prompts are read one at a time, " +
  "and a text whole at every new token, so that what is given depends on the text alone. Take float32 or float16 for " +
  "findings: quantised like this, a stream of SmolLM2 is a quarter of its length away";
