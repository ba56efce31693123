/** The device and the models that a run's flags ask for. */
import type { Backend } from "../../compute/backend.ts";
import { openBackend } from "../../compute/open.ts";
import { loadModel } from "../../model/load.ts";
import { defaultContext } from "../../activations/source.ts";
import type { LanguageModel } from "../../model/types.ts";
import type { Run } from "../experiment.ts";
import { flagName, type Flags, UsageError } from "../command/flags.ts";
import type { Progress, Stage } from "../terminal/progress.ts";

/**
 * Opens the backend that `--device` asks for, and records it.
 *
 * @throws {GpuError} if that is WebGPU and there is no adapter.
 *
 * @example
 * ```ts
 * import { openDevice, runExperiment } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * await runExperiment({ name: "device", question: "", description: "" }, async (run) => {
 *   const backend = await openDevice(run);
 *   if (backend.name !== "cpu" || run.manifest.device !== backend.device) throw new Error(backend.name);
 * }, { args: ["--device", "cpu", "--out", out], print: console.log, printError: console.error });
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function openDevice<F extends Flags>({ flags, manifest }: Run<F>): Promise<Backend> {
  const backend = await openBackend(flags.device);
  manifest.device = backend.device;
  manifest.search = () => backend.search ?? null;
  return backend;
}

/**
 * Loads a model as the flags ask for: on the backend's device, in `--dtype`, read at `--hook`, its texts as
 * `--bos`, `--control-tokens` and `--template-date` say. What its user should know is told and recorded.
 *
 * @param run Its flags, its notes, its seconds.
 * @param backend On whose device.
 * @param id Default `--model`.
 * @returns The model, which the caller disposes.
 * @throws {ModelError} if there is no such model, or it cannot be run.
 *
 * @example The base model and its chat model
 * ```ts
 * import { loadModelOf, openDevice, runExperiment } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment({ name: "two", question: "", description: "" }, async (run) => {
 *   const backend = await openDevice(run);
 *   await using base = await loadModelOf(run, backend);
 *   await using chat = await loadModelOf(run, backend, `${base.id}-it`);
 *   run.manifest.findings.models = [base.id, chat.id];
 * }, { args: ["--device", "cpu", "--out", out, "--quiet"], print: console.log, printError: console.error });
 * if (code !== 0) throw new Error(`${code}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function loadModelOf<F extends Flags>(
  run: Run<F>,
  { name: device }: Backend,
  id?: string,
): Promise<LanguageModel> {
  const { dtype, hook, bos, controlTokens, subfolder, modelFile, weights } = run.flags;
  const templateDate = "templateDate" in run.flags ? run.flags.templateDate : undefined;
  // A second model, be it another revision of the same, has its own behind its name.
  const revision = id === undefined ? run.flags.revision : undefined;
  const onQuantise = quantising(run.progress);
  const texts = { bos, controlTokens, templateDate };
  const files = { subfolder, modelFile, weights, revision };
  const options = { device, dtype, hook, ...texts, ...files, onNote: run.note, onQuantise };
  const model = await run.manifest.time("load", () => loadModel(id ?? run.flags.model, options));
  return model.withSignal(run.stop);
}

/**
 * Throws if `--template-date` is given to a model whose chat template writes no date, where it does nothing.
 *
 * @param run Whether the flag was given.
 * @param model Whose template chats are read in.
 * @throws {UsageError} A sentence.
 *
 * @example
 * ```ts
 * const run = { isGiven: () => false };
 * assertWritesDate(run, { id: "a model without a date" });
 * ```
 */
export function assertWritesDate(
  run: Pick<Run<Flags>, "isGiven">,
  { id, templateDate }: Pick<LanguageModel, "id" | "templateDate">,
): void {
  if (!run.isGiven("templateDate") || templateDate !== undefined) return;
  throw new UsageError(`Expected no --template-date, for the chat template of ${id} writes no date: leave it out.`);
}

/**
 * Tokens that the model reads of a text at once: as the flag says, or, where it is left to its default, what the model can
 * read of that, which is told.
 *
 * @param run Its flags, and whether that one was given.
 * @param model What limits it.
 * @param flag The flag's name.
 * @throws {UsageError} if a number was asked for that is more than the model has positions.
 *
 * @example
 * ```ts
 * const told: string[] = [];
 * const run = { isGiven: () => false, note: (sentence: string) => told.push(sentence), flags: { context: 128 } };
 * const context = contextOf(run, { id: "a small model", maxContext: 64 }, "context");
 * if (context !== 64 || told.length !== 1) throw new Error(`${context}`);
 * ```
 */
export function contextOf<K extends "context" | "textContext">(
  run: Pick<Run<Flags>, "isGiven" | "note"> & { readonly flags: Readonly<Record<K, number>> },
  { id, maxContext }: Pick<LanguageModel, "id" | "maxContext">,
  flag: K,
): number {
  const context = run.flags[flag];
  if (context <= maxContext) return context;
  if (run.isGiven(flag)) {
    throw new UsageError(
      `Expected ${
        flagName(flag)
      } of at most ${maxContext} tokens, all the positions that ${id} has, but got ${context}.`,
    );
  }
  run.note(
    `Texts are read by at most ${maxContext} tokens, all the positions that ${id} has, not ${context}, the default of ` +
      flagName(flag),
  );
  return maxContext;
}

function hasContext<F extends Flags>(
  run: Run<F>,
): run is Run<F> & { readonly flags: Run<F>["flags"] & { readonly context: number } } {
  return "context" in run.flags && typeof run.flags.context === "number";
}

/** Shows how far the weights of a checkpoint are quantised. */
function quantising(progress: Progress): (done: number, total: number) => void {
  let stage: Stage | undefined;
  return (done, total) => {
    stage ??= progress.stage("quantise", total / 1e6, "M weights");
    stage.set(done / 1e6);
    if (done >= total) stage.end();
  };
}

/** What most experiments begin with; giving it back gives the model back. */
export interface Opened extends AsyncDisposable {
  /** Where the numbers are computed. */
  readonly backend: Backend;
  /** The model, read at `--hook`. */
  readonly model: LanguageModel;
  /** The layers asked for. */
  readonly layers: readonly number[];
  /**
   * Tokens that are read of a text at once: `--context`, where the experiment has that flag (see {@linkcode contextOf}), otherwise what
   * `extract` takes by default. A plan takes it as `reading: { context }`.
   */
  readonly context: number;
}

/**
 * Opens the backend that `--device` asks for and loads `--model`, as {@linkcode openDevice} and {@linkcode loadModelOf}
 * do.
 *
 * @returns Both, with the layers asked for and the tokens that are read at once; `await using` gives the model back.
 * @throws {GpuError} if there is no adapter for `--device webgpu`.
 * @throws {ModelError} if there is no such model, or it cannot be run.
 * @throws {UsageError} if the model lacks a layer that was asked for.
 *
 * @example
 * ```ts
 * import { openModel, runExperiment } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment({ name: "layers", question: "", description: "" }, async (run) => {
 *   await using opened = await openModel(run);
 *   if (opened.layers.join() !== "2,3") throw new Error(opened.layers.join());
 * }, { args: ["--layers", "2-3", "--device", "cpu", "--out", out], print: console.log, printError: console.error });
 * if (code !== 0) throw new Error(`${code}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function openModel<F extends Flags>(run: Run<F>): Promise<Opened> {
  const backend = await openDevice(run);
  const model = await loadModelOf(run, backend);
  return {
    backend,
    model,
    layers: run.layers(model.layers),
    context: hasContext(run) ? contextOf(run, model, "context") : defaultContext(model),
    [Symbol.asyncDispose]: () => model.dispose(),
  };
}
