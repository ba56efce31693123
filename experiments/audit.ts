#!/usr/bin/env -S deno run --allow-read --allow-write --allow-env --allow-sys --allow-ffi --allow-net=huggingface.co,*.huggingface.co,*.hf.co
/**
 * Which regions did a finetuning keep, drop and introduce, and what is in them?
 *
 * Grows dictionaries of the model before and after on the same texts and on the same chat prompts, in several stream
 * orders. A region has moved when its nearest counterpart in the other model is farther than stream order alone explains,
 * at a set rate of false alarms; it counts as dropped when that counterpart also lies beyond the region's threshold.
 * Introduced is dropped seen from the other side. A fresh order of the same model, audited alike, gives the rate of false
 * alarms that was really reached.
 *
 *     deno task run experiments/audit.ts --model fixtures/gemma-2-toy --after fixtures/gemma-2-toy-it
 *
 * Leaves in `--out`: `audits.arrow` (a row a dictionary: regions audited, share moved, gone, false alarms),
 * `regions.arrow` (a row a region of the first order: cosines with its counterparts, verdict, logit lens, nearest context);
 * the charts `audit` and `counterparts`; `report.html`; `run.json`.
 *
 * Three to four minutes on the embedded models and two cores. On Gemma-2-2B, one layer, 20,000 texts: eight passes of 2.5 M
 * tokens, about 15 minutes on a GPU.
 */
import { shuffled } from "../src/activations/mod.ts";
import { auditOrders, keptDirections } from "../src/analysis/mod.ts";
import { sameTokens } from "../src/model/mod.ts";
import {
  assertWritesDate,
  contextOf,
  experiment,
  growOrders,
  loadModelOf,
  openModel,
  readingFlags,
  readTexts,
  seedsFlag,
  usable,
  windowFlags,
  windowsBy,
} from "../src/run/mod.ts";
import { auditOutcome } from "./lib/audit/outcome.ts";
import { type AuditedReading, regionRows, type Side, SIDES, textsOf } from "./lib/audit/rows.ts";

await experiment({
  name: "audit",
  question: "Which regions did finetuning keep, drop and introduce, and what is in them?",
  description: "Reports on a finetuning: regions kept, dropped and introduced beyond order noise, with contexts.",
  defaults: { layers: [3, 5, 7], percentiles: [1, 2, 4] },
  without: { maxTokens: "it reads all of --texts and --prompts" },
  flags: {
    after: {
      type: "string",
      names: "model",
      default: "fixtures/gemma-2-toy-it",
      help: "the finetuned model; --model is before",
    },
    chatCorpora: {
      type: "string",
      names: "corpora",
      default: "fixtures/corpora/harmful.jsonl,fixtures/corpora/harmless.jsonl",
      help: "files of user turns, with commas, read in the chat template of --after",
    },
    texts: { type: "integer", default: 150, min: 2, help: "texts drawn from --corpus" },
    prompts: { type: "integer", default: 200, min: 2, help: "user turns drawn from each of --chat-corpora" },
    seeds: seedsFlag(4, "stream orders", 4),
    alpha: {
      type: "number",
      default: 0.05,
      min: 0.001,
      max: 0.999,
      help: "rate of false alarms among unchanged regions",
    },
    minMembers: { type: "integer", default: 5, min: 1, help: "members that a region is audited from" },
    ...readingFlags({ calibration: 20_000, context: 128, batch: 128 }, "text"),
    ...windowFlags(),
  },
  examples: [["--layers 5 --percentiles 2", "one setting"]],
}, async (run) => {
  const { flags, manifest, seeds } = run;
  await using opened = await openModel(run);
  const { backend, model } = opened;
  await using after = await loadModelOf(run, backend, flags.after);
  assertWritesDate(run, after);
  const models = { before: sameTokens(model, after), after };
  const layers = run.layers(after.layers);
  const context = Math.min(opened.context, contextOf(run, after, "context"));

  const draw = async (file: string, count: number) =>
    (await Array.fromAsync(shuffled(readTexts(run, file), flags.seed))).slice(0, count);
  const chatFiles = flags.chatCorpora.split(",");
  const chatPrompts = (await Promise.all(chatFiles.map((file) => draw(file, flags.prompts)))).flat();
  const sources = [
    { name: "text", chat: false, files: [flags.corpus], texts: await draw(flags.corpus, flags.texts) },
    { name: "chat", chat: true, files: chatFiles, texts: chatPrompts },
  ] as const;

  const readings: AuditedReading[] = [];
  for (const { name, chat, files, texts } of sources) {
    const growSide = async (side: Side) => {
      const plan = {
        ...{ backend, model: models[side], layers, texts, files },
        corpus: `${files.join(" and ")}, ${texts.length} drawn with seed ${flags.seed}`,
        // Template and final positions are what finetuning changes.
        reading: {
          chat,
          context,
          batchPrompts: flags.batch,
          ...windowsBy({ ...flags, chat }),
          repeats: "each" as const,
        },
        label: `${side}, ${name}: `,
      };
      // All orders under the first one's calibration, and over all texts: nothing but the order differs.
      const { calibrations, failed } = await usable(run, { ...plan, seed: seeds[0] }, flags, { required: false });
      const growing = { saturationWindow: Infinity, signal: run.signal };
      const orders = await growOrders(run, { ...plan, calibrations, growing }, seeds, async (growths, seed) => ({
        directions: keptDirections(growths),
        texts: seed === seeds[0] ? await textsOf(growths, models[side]) : [],
      }));
      const directions = new Map(orders.entries().map(([seed, order]) => [seed, order.directions]));
      return { directions, texts: orders.get(seeds[0])!.texts, failed };
    };
    const grown = { before: await growSide("before"), after: await growSide("after") };

    const auditSide = async (side: Side) => {
      const other = side === "before" ? "after" : "before";
      const audits = await auditOrders(backend, grown[side].directions, grown[other].directions, flags);
      return audits.map((audit) => ({ reading: name, side, ...audit }));
    };
    const audits = await run.kept(
      `audits of ${name}`,
      () => manifest.time("audit", async () => [...await auditSide("before"), ...await auditSide("after")]),
    );
    const regions = SIDES.flatMap((side) => {
      const first = audits.filter((audit) => audit.side === side && audit.seed === seeds[0]);
      return regionRows(first, grown[side].texts);
    });
    readings.push({ name, audits, regions, failed: { before: grown.before.failed, after: grown.after.failed } });
  }
  return auditOutcome(flags, readings);
});
