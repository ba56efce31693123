import type { StreamSource } from "../activations/source.ts";
import type { Backend } from "../compute/backend.ts";
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import { readWhole } from "../files/byte_file.ts";
import { HubNotFoundError } from "../hub/errors.ts";
import { HUB_OPTIONS, type HubOptions } from "../hub/options.ts";
import { type RepoFiles, useRepository } from "../hub/repository.ts";
import { join } from "node:path";
import { readText } from "../files/open.ts";
import type { DictionaryOptions } from "./options.ts";
import type { DictionaryParts } from "./parts.ts";
import { publishedParts } from "./published.ts";

/** Which published dictionary, and how it is fetched. */
export interface FromHubOptions extends Pick<DictionaryOptions, "backend">, HubOptions {
  /** Layer whose output it divides; default 12. */
  layer?: number;
  /** The percentile p; default 10. */
  percentile?: number;
  /** Data set on the hub; default `J-RUM/exemplar-partitioning`. */
  repo?: string;
  /** Branch, tag or commit; default `main`. */
  revision?: string;
  /** Whether to keep its sampled members, 30 a region; default false. */
  members?: boolean;
}

const OPTIONS: OptionKinds<FromHubOptions> = {
  ...HUB_OPTIONS,
  backend: ["string", "backend"],
  layer: "number",
  percentile: "number",
  repo: "string",
  revision: "string",
  members: "boolean",
};

/** The parts of a published dictionary. See `Dictionary.fromHub`. */
export async function partsFromHub(
  model: string,
  options: FromHubOptions,
  backend: Backend,
): Promise<DictionaryParts> {
  assertOptions("Dictionary.fromHub", options, OPTIONS);
  const { layer = 12, percentile = 10, repo = "J-RUM/exemplar-partitioning", revision = "main" } = options;
  const { members, ...rest } = options;
  // Names as the authors' upload has them.
  const stem = `${model}_L${layer}_p${percentile}/${model}_layer${layer}`;
  const [pickle, record] = [`${stem}.pkl`, `${stem}_metadata.json`];
  const dataSet = { repo, type: "dataset", revision } as const;
  try {
    return await useRepository(dataSet, { ...rest, only: pickle }, async (files) => {
      await files.get([pickle]);
      const hasRecord = await files.has(record);
      if (hasRecord) await files.get([record]);
      const source = hasRecord ? sourceOf(await readText(join(files.folder, record)), layer) : undefined;
      const path = join(files.folder, pickle);
      const origin = { percentile, ...(source ? { source } : {}) };
      return publishedParts(await readWhole(path), path, backend, { ...origin, members });
    });
  } catch (cause) {
    if (!(cause instanceof HubNotFoundError)) throw cause;
    const list = await useRepository(dataSet, rest, (files) => Promise.resolve(published(files)));
    throw new HubNotFoundError(
      `Expected a dictionary that is published but ${repo} has none of ${model}, layer ${layer}, p ${percentile}. ` +
        `Published: ${list}`,
      { cause },
    );
  }
}

/** What a data set has, as a list for people. */
function published({ files }: RepoFiles): string {
  if (!files) throw new HubNotFoundError("Cannot list what is published: it is not told.");
  const layers = new Map<string, number[]>();
  for (const path of files.keys()) {
    const [, model, layer, percentile] = /^(.+)_L(\d+)_p(\d+(?:\.\d+)?)\/[^/]+\.pkl$/.exec(path) ?? [];
    if (!model) continue;
    const name = `${model} layer ${layer}`;
    layers.set(name, [...layers.get(name) ?? [], Number(percentile)]);
  }
  const list = [...layers].map(([name, ps]) => `${name} at p ${ps.sort((a, b) => a - b).join(", ")}`);
  return list.length > 0 ? list.sort().join("; ") : "nothing";
}

/** Where the activations came from, as the record beside the dictionary tells; nothing where it does not. */
function sourceOf(text: string, layer: number): StreamSource | undefined {
  const record = JSON.parse(text) as Record<string, Record<string, unknown> | undefined>;
  const config = record.discovery_config ?? record.config ?? {};
  const { model, context_length: context, model_batch_size: batchPrompts, extractor } = config;
  const isKnown = typeof model === "string" && typeof context === "number" && typeof batchPrompts === "number" &&
    (extractor === "per-position" || extractor === "final-position");
  if (!isKnown) return undefined;
  // Hook and corpus are those of the published implementation, for all of its dictionaries.
  const hook = { layer, at: "resid_post" };
  return { model, hook, extractor, context, batchPrompts, chat: false, corpus: "monology/pile-uncopyrighted" };
}
