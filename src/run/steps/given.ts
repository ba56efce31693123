/** Dictionaries that a flag names. */
import { modelDifference, tokensDifference } from "../../activations/source.ts";
import type { Backend } from "../../compute/backend.ts";
import { bareName } from "../../model/exports.ts";
import type { HookSite, LanguageModel } from "../../model/types.ts";
import { Dictionary } from "../../partition/dictionary.ts";
import { flagName, UsageError } from "../command/flags.ts";
import type { KeptDictionary } from "./grow_budgets.ts";

/** What a flag for a dictionary may be. */
export const DICTIONARY_HELP =
  "a file of any format, here or hf://, or hub:gemma-2-2b/12/10 for a published one of layer 12 and p 10";

/**
 * Loads a dictionary from a file of any format, or one that the method's authors publish.
 *
 * @param name A path, a file of the hub (`hf://...`), or `hub:gemma-2-2b/12/10`: of layer 12 and p 10.
 * @param backend Where it is to compute.
 * @returns The dictionary, which the caller disposes.
 * @throws {Error} if there is none, or it is damaged.
 *
 * @example
 * ```ts
 * import { openBackend } from "../../compute/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * const backend = await openBackend("cpu");
 * const path = await Deno.makeTempFile({ suffix: ".arrow" });
 * {
 *   using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend });
 *   await dictionary.add({ data: Float32Array.of(1, 0), rows: 1, dim: 2 });
 *   await dictionary.save(path);
 * }
 * using dictionary = await loadDictionary(path, backend);
 * if (dictionary.size !== 1) throw new Error(`${dictionary.size}`);
 * await Deno.remove(path);
 * ```
 */
export function loadDictionary(name: string, backend: Backend): Promise<Dictionary> {
  const [, model, layer, percentile] = /^hub:([^/]+)\/(\d+)\/(\d+(?:\.\d+)?)$/.exec(name) ?? [];
  if (model === undefined) return Dictionary.load(name, { backend });
  return Dictionary.fromHub(model, { layer: Number(layer), percentile: Number(percentile), backend });
}

/**
 * Loads a dictionary of a model, which is to be read at the dictionary's own hook.
 *
 * @param name See {@linkcode loadDictionary}.
 * @param model The model that is run.
 * @param backend Where it is to compute.
 * @returns The dictionary, which the caller disposes.
 * @throws {Error} if it was built on another model or does not say on which, with another `--bos`, or if the model has
 * not its hook.
 *
 * @example
 * ```ts
 * import { describeStream } from "../../activations/mod.ts";
 * import { openBackend } from "../../compute/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * const backend = await openBackend("cpu");
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const path = await Deno.makeTempFile({ suffix: ".arrow" });
 * {
 *   const source = describeStream({ model, layer: 3, corpus: "pile.jsonl" });
 *   const center = new Float32Array(model.dim);
 *   using built = await Dictionary.create({ center, threshold: 0.1, source }, { backend });
 *   await built.add({ data: center.map(() => 1), rows: 1, dim: model.dim });
 *   await built.save(path);
 * }
 * using given = await givenDictionary(path, model, backend);
 * if (given.source?.hook.layer !== 3) throw new Error("read layer 3 of the model");
 * await Deno.remove(path);
 * ```
 */
export async function givenDictionary(name: string, model: LanguageModel, backend: Backend): Promise<Dictionary> {
  const dictionary = await loadDictionary(name, backend);
  const { source, dim } = dictionary;
  if (source === undefined || bareName(source.model) !== bareName(model.id)) {
    throw new Error(
      `Expected a dictionary of the model ${model.id} but ${name} was built on ${
        source?.model ?? "one that it does not name"
      }: give that model with --model, or another dictionary`,
    );
  }
  if (source.commit !== undefined && model.commit !== undefined && source.commit !== model.commit) {
    throw new Error(
      `Expected a dictionary of ${model.id} at commit ${model.commit} but ${name} was built at ${source.commit}: give ` +
        `--revision ${source.commit}, or another dictionary`,
    );
  }
  const { id, checksum, dtype, weights } = model;
  const different = modelDifference({ model: id, modelChecksum: checksum, dtype, weights }, source);
  if (different) {
    throw new Error(
      `Expected a dictionary of ${model.id} as it is but ${name} was built on it with ${different}: give that model with ` +
        "--model, or another dictionary",
    );
  }
  const other = tokensDifference(source, model);
  if (other) {
    const flag = flagName(other.option);
    throw new Error(
      `Expected a dictionary built with ${flag} ${other.its} but ${name} was with ${other.own}: give the same ${flag}`,
    );
  }
  const { at } = source.hook;
  const hooked = await model.withHook(at);
  if (dim !== hooked.dim) {
    throw new Error(
      `Expected a dictionary of activations of length ${hooked.dim}, as ${model.id} has at ${at}, but ${name} was built ` +
        `on ${source.model} with ${dim}: give that model with --model, or another dictionary`,
    );
  }
  return dictionary;
}

/**
 * The model read where given dictionaries were built.
 *
 * @param model The model, read wherever.
 * @param at Their hook.
 * @param asked `--hook`; its default stands for whatever they have.
 * @returns A view of `model`: disposing it disposes that.
 * @throws {UsageError} if another hook was asked for.
 *
 * @example
 * ```ts
 * import { loadModel } from "../../model/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const { hook } = await atTheirHook(model, "mlp_out", "resid_post");
 * if (hook !== "mlp_out") throw new Error(hook);
 * ```
 */
export function atTheirHook(model: LanguageModel, at: HookSite, asked: HookSite): Promise<LanguageModel> {
  if (asked === "resid_post" || asked === at) return model.withHook(at);
  throw new UsageError(`Expected --hook ${at}, where the dictionary was built, but got ${asked}. Leave --hook out.`);
}

/** Cosine of two centers that count as one: both calibrations are means over many activations. */
const SAME_CENTER = 1 - 1e-6;

/** Dictionaries that a flag names, all of one hook, those of a layer of one calibration. */
export interface GivenDictionaries {
  /** In the order of their names. */
  readonly dictionaries: readonly KeptDictionary[];
  /** By layer. */
  readonly centers: ReadonlyMap<number, { readonly center: Float32Array<ArrayBuffer> }>;
  /** Where the model is to be read. */
  readonly hook: HookSite;
}

/**
 * Looks at dictionaries that are given instead of grown: all count as grown to one budget, the most activations
 * that one of them took; those of one layer and percentile as stream orders, from `seed` on.
 *
 * @param names At least one; see {@linkcode loadDictionary}.
 * @param model The model that is run.
 * @param backend Where the dictionaries are looked at; none is left there.
 * @param options `seed` of the first of a layer and percentile.
 * @throws {Error} if one is of another model, does not tell its percentile, or has another hook or center than the
 * others.
 *
 * @example Two that count as orders 5 and 6
 * ```ts
 * import { describeStream } from "../../activations/mod.ts";
 * import { openBackend } from "../../compute/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * const backend = await openBackend("cpu");
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const folder = await Deno.makeTempDir();
 * const names = [`${folder}/one.arrow`, `${folder}/other.arrow`];
 * const center = new Float32Array(model.dim).fill(1);
 * const source = describeStream({ model, layer: 3, corpus: "pile.jsonl" });
 * const calibration = { center, threshold: 0.1, percentile: 8, source };
 * for (const name of names) {
 *   using dictionary = await Dictionary.create(calibration, { backend });
 *   await dictionary.add({ data: center.map((_, i) => i), rows: 1, dim: model.dim });
 *   await dictionary.save(name);
 * }
 * const { dictionaries } = await givenDictionaries(names, model, backend, { seed: 5 });
 * const told = dictionaries.map(({ layer, percentile, seed }) => `layer ${layer}, p ${percentile}, seed ${seed}`);
 * if (told.join("; ") !== "layer 3, p 8, seed 5; layer 3, p 8, seed 6") throw new Error(told.join("; "));
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function givenDictionaries(
  names: readonly string[],
  model: LanguageModel,
  backend: Backend,
  { seed }: Pick<KeptDictionary, "seed">,
): Promise<GivenDictionaries> {
  const dictionaries: Omit<KeptDictionary, "budget">[] = [];
  const centers = new Map<number, { readonly center: Float32Array<ArrayBuffer> }>();
  let hook: HookSite | undefined;
  for (const file of names) {
    using dictionary = await givenDictionary(file, model, backend);
    const { percentile, center, activations: tokens, size } = dictionary;
    const { layer, at } = dictionary.source!.hook;
    hook ??= at;
    if (at !== hook) {
      throw new Error(
        `Expected dictionaries of one hook but ${file} is of ${at} and those before it are of ${hook}: give those of one ` +
          "of them",
      );
    }
    if (percentile === undefined) {
      throw new Error(`Expected a dictionary that tells its percentile but ${file} does not: save it with one`);
    }
    const known = centers.get(layer);
    if (known && cosine(center, known.center) < SAME_CENTER) {
      throw new Error(
        `Expected dictionaries of one calibration at layer ${layer} but the center of ${file} is another than that of ` +
          `${dictionaries.find((one) => one.layer === layer)!.file}: give those of one of them`,
      );
    }
    centers.set(layer, known ?? { center: center.slice() });
    const order = dictionaries.filter((one) => one.layer === layer && one.percentile === percentile).length;
    dictionaries.push({ layer, percentile, seed: seed + order, tokens, regions: size, file });
  }
  if (hook === undefined) throw new Error("Expected the names of dictionaries but found none: give one at least");
  const budget = Math.max(...dictionaries.map(({ tokens }) => tokens));
  return { dictionaries: dictionaries.map((one) => ({ ...one, budget })), centers, hook };
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
