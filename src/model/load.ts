/** Loads a language model from a folder or from the Hugging Face hub. */
import { join, resolve } from "node:path";
import type { BackendName } from "../compute/backend.ts";
import { gpuAdapter, gpuDevice, isSoftwareAdapter } from "../compute/device.ts";
import { exists } from "../files/exists.ts";
import { readChatTemplates } from "./chat_templates.ts";
import { ModelError } from "./error.ts";
import { HookedSession } from "./hooked_session.ts";
import { HookedLanguageModel } from "./language_model.ts";
import { ModelFile } from "./model_file.ts";
import { loadTransformers, type OpenSession, openSession, type ProgressCallback, runtimeFor } from "./runtime.ts";
import { Tokenizer } from "./tokenizer.ts";
import type { Dtype, LanguageModel, LoadOptions } from "./types.ts";

const LAYOUT = "config.json, tokenizer.json, tokenizer_config.json and onnx/model.onnx";

/** How transformers.js names the graph file of a storage type. */
const suffixes: Record<Dtype, string> = {
  fp32: "",
  fp16: "_fp16",
  q8: "_quantized",
  q4: "_q4",
  q4f16: "_q4f16",
  int8: "_int8",
  uint8: "_uint8",
  bnb4: "_bnb4",
};

/** The fields of config.json that are read here, under the names that different families give them. */
interface Config {
  readonly model_type?: string;
  readonly num_hidden_layers?: number;
  readonly n_layer?: number;
  readonly hidden_size?: number;
  readonly n_embd?: number;
  readonly vocab_size?: number;
  readonly pad_token_id?: number;
  readonly eos_token_id?: number | number[];
  readonly text_config?: Config;
}

/**
 * Loads a decoder-only language model in ONNX.
 *
 * Opens no session: that of a capture, the lens or generation opens when it is first needed, with just the part of the
 * graph that it runs, and stays open until `dispose`. Weights are never held but by onnxruntime.
 *
 * @param id A folder that holds `config.json`, `tokenizer.json`, `tokenizer_config.json` and `onnx/model.onnx`, or an id
 * on the Hugging Face hub such as `onnx-community/gemma-2-2b-it-ONNX`. An existing folder comes first.
 * @param options Device, storage type and progress.
 * @returns The model; call `dispose` when done.
 * @throws {ModelError} if the files are missing, unreachable, unreadable, or not of a language model that can be hooked.
 * @throws {GpuError} if `"webgpu"` was chosen and there is no adapter.
 */
export async function loadModel(id: string, options: LoadOptions = {}): Promise<LanguageModel> {
  const dtype = options.dtype ?? "fp32";
  if (!(dtype in suffixes)) {
    throw new RangeError(`Expected dtype to be one of ${Object.keys(suffixes).join(", ")} but got "${dtype}"`);
  }
  const device = await chooseDevice(options.device ?? "auto");
  const folder = await findFolder(id, dtype);
  const transformers = await loadTransformers();
  const settings = { progress_callback: progress(options.onDownload), local_files_only: folder !== undefined };
  const source = folder ?? id;
  const files = await reach(id, folder, async () => ({
    config: await transformers.AutoConfig.from_pretrained(source, settings) as Config,
    tokenizer: await transformers.AutoTokenizer.from_pretrained(source, settings),
  }));
  const config = { ...files.config.text_config, ...files.config };
  const dim = config.hidden_size ?? config.n_embd;
  if (!dim || !config.vocab_size) {
    throw new ModelError(
      `Expected the config.json of "${id}" to give hidden_size and vocab_size but it does not: complete it`,
    );
  }

  let session: HookedSession | undefined;
  const open: OpenSession = async (graph) => session = new HookedSession(await ModelFile.read(graph, device), dim);
  const model = await reach(id, folder, () =>
    transformers.AutoModelForCausalLM.from_pretrained(source, {
      ...settings,
      dtype,
      // An injected runtime supports no device by name; the session option says which.
      device: "auto",
      session_options: { executionProviders: [device], [openSession]: open } as object,
    }));
  if (!session) throw new ModelError(`Expected "${id}" to be a decoder-only language model but it has no graph of one`);
  const layers = config.num_hidden_layers ?? config.n_layer;
  const found = session.file.graph.streams.length;
  if (layers !== undefined && layers !== found) {
    throw new ModelError(
      `Expected the graph of "${id}" to show the residual stream after its ${layers} blocks but found it after ${found}: ` +
        "use an export that keeps its modules' names",
    );
  }
  const stops = [model.generation_config?.eos_token_id ?? config.eos_token_id ?? []].flat() as number[];
  return new HookedLanguageModel({
    id,
    dim,
    vocab: config.vocab_size,
    dtype,
    file: session.file,
    session,
    ort: await runtimeFor(device),
    tokenizer: new Tokenizer(files.tokenizer, {
      bos: options.bos,
      chatTemplates: folder ? await readChatTemplates(folder) : {},
    }),
    generator: {
      transformers,
      model,
      stops: new Set(stops),
      padding: config.pad_token_id ?? stops[0] ?? 0,
      equalLengths: session.file.graph.leftAligned,
    },
    // As transformers.js numbers them.
    firstPosition: config.model_type?.startsWith("gemma3") ? 1 : 0,
  });
}

async function chooseDevice(choice: "auto" | BackendName): Promise<BackendName> {
  // A GPU that is demanded and not there is told now, not when the first session opens.
  if (choice === "webgpu") await gpuDevice();
  if (choice !== "auto") return choice;
  const adapter = await gpuAdapter();
  return adapter && !isSoftwareAdapter(adapter.info) ? "webgpu" : "cpu";
}

/** The absolute path of a model folder; undefined if `id` is an id on the hub. */
async function findFolder(id: string, dtype: Dtype): Promise<string | undefined> {
  const folder = resolve(id);
  const graph = `onnx/model${suffixes[dtype]}.onnx`;
  if (!await exists(folder)) {
    if (/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(id)) return undefined;
    throw new ModelError(
      `Expected a model folder at "${folder}" but there is none: give a folder with ${LAYOUT}, or a hub id`,
    );
  }
  for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json", graph]) {
    if (!await exists(join(folder, file))) {
      throw new ModelError(`Expected "${folder}" to be a model folder but it has no ${file}: it needs ${LAYOUT}`);
    }
  }
  return folder;
}

/** Says in a sentence why files could not be had, from the hub or from a folder. */
async function reach<T>(id: string, folder: string | undefined, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = folder
      ? `Expected to read the model in "${folder}" but could not (${reason}): check its ${LAYOUT}`
      : `Expected to fetch "${id}" from huggingface.co but could not (${reason}): check the id and the connection, ` +
        `or give the path of a local folder with ${LAYOUT}`;
    throw new ModelError(message, { cause });
  }
}

function progress(onDownload: LoadOptions["onDownload"]): ProgressCallback | undefined {
  if (!onDownload) return undefined;
  return (event) => {
    if (event.status === "progress") onDownload(event.file, event.loaded, event.total);
  };
}
