import type { StreamSource } from "../activations/source.ts";
import type { Backend } from "../compute/backend.ts";
import { hubFile, type HubFileOptions, HubNotFoundError } from "../files/hub.ts";
import type { DictionaryOptions } from "./options.ts";
import type { DictionaryParts } from "./parts.ts";
import { publishedParts } from "./published.ts";

/** Which published dictionary. */
export interface FromHubOptions
  extends
    Pick<DictionaryOptions, "backend">,
    Pick<HubFileOptions, "revision" | "cacheDir" | "endpoint" | "onProgress"> {
  /** Block whose output it divides; default 12. */
  layer?: number;
  /** The percentile p; default 10. */
  percentile?: number;
  /** Data set on the hub; default `J-RUM/exemplar-partitioning`. */
  repo?: string;
}

/** The parts of a published dictionary. See `Dictionary.fromHub`. */
export async function partsFromHub(
  model: string,
  options: FromHubOptions,
  backend: Backend,
): Promise<DictionaryParts> {
  const { layer = 12, percentile = 10, repo = "J-RUM/exemplar-partitioning", ...rest } = options;
  const { revision, cacheDir, endpoint, onProgress } = rest;
  const where = { repo, type: "dataset" as const, revision, cacheDir, endpoint };
  const stem = `${model}_L${layer}_p${percentile}/${model}_layer${layer}`;
  let path: string;
  try {
    path = await hubFile({ ...where, path: `${stem}.pkl`, onProgress });
  } catch (error) {
    if (!(error instanceof HubNotFoundError)) throw error;
    throw new HubNotFoundError(
      `Expected a dictionary that is published but ${repo} has none of ${model}, layer ${layer}, p ${percentile}. ` +
        `Published: ${await published(where)}`,
      { cause: error },
    );
  }
  const source = await sourceOf(`${stem}_metadata.json`, layer, where);
  return publishedParts(await Deno.readFile(path), path, backend, { percentile, ...(source ? { source } : {}) });
}

type Where = Pick<HubFileOptions, "repo" | "revision" | "endpoint" | "cacheDir" | "type">;

/** What a data set has, as a list for people. */
async function published({ repo, revision = "main", endpoint = "https://huggingface.co" }: Where): Promise<string> {
  const url = `${endpoint}/api/datasets/${repo}/tree/${encodeURIComponent(revision)}?recursive=true`;
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok) {
    await response?.body?.cancel();
    return `see ${endpoint}/datasets/${repo}`;
  }
  const layers = new Map<string, number[]>();
  for (const { path } of await response.json() as { path: string }[]) {
    const [, model, layer, percentile] = /^(.+)_L(\d+)_p(\d+(?:\.\d+)?)\/[^/]+\.pkl$/.exec(path) ?? [];
    if (!model) continue;
    const name = `${model} layer ${layer}`;
    layers.set(name, [...layers.get(name) ?? [], Number(percentile)]);
  }
  const list = [...layers].map(([name, ps]) => `${name} at p ${ps.sort((a, b) => a - b).join(", ")}`);
  return list.length > 0 ? list.sort().join("; ") : "nothing";
}

/** Where the activations came from, as the record beside the dictionary tells; nothing where there is none. */
async function sourceOf(path: string, layer: number, where: Where): Promise<StreamSource | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(await hubFile({ ...where, path }));
  } catch (error) {
    if (error instanceof HubNotFoundError) return undefined;
    throw error;
  }
  const record = JSON.parse(text) as Record<string, Record<string, unknown> | undefined>;
  const config = record.discovery_config ?? record.config ?? {};
  const { model, context_length: context, model_batch_size: batchPrompts, extractor } = config;
  const isKnown = typeof model === "string" && typeof context === "number" && typeof batchPrompts === "number" &&
    (extractor === "per-position" || extractor === "final-position");
  if (!isKnown) return undefined;
  const hook = { layer, at: "resid_post" };
  return { model, hook, extractor, context, batchPrompts, chat: false, corpus: "monology/pile-uncopyrighted" };
}
