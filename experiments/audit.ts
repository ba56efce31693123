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
 * About two minutes on the embedded models and two cores. On Gemma-2-2B, one layer, 20,000 texts: eight passes of 2.5 M
 * tokens, about 15 minutes on a GPU.
 */
import { readCorpus, shuffled } from "../src/activations/mod.ts";
import { sameTokens } from "../src/model/mod.ts";
import { experiment, growOrders, loadModelOf, openModel } from "../src/run/mod.ts";
import { auditedOf, type AuditedReading, auditOrders, type Side } from "./lib/audit/measure.ts";
import { reportAudit } from "./lib/audit/report.ts";

await experiment({
  name: "audit",
  question: "Which regions did finetuning keep, drop and introduce, and what is in them?",
  description: "Reports on a finetuning: regions kept, dropped and introduced beyond order noise, with contexts.",
  defaults: { layers: [3, 5, 7], percentiles: [1, 2, 4] },
  flags: {
    after: { type: "string", default: "fixtures/gemma-2-toy-it", help: "the finetuned model; --model is before" },
    chatCorpora: {
      type: "string",
      default: "fixtures/corpora/harmful.jsonl,fixtures/corpora/harmless.jsonl",
      help: "files of user turns, with commas, read in the chat template of --after",
    },
    calibration: { type: "integer", default: 20_000, min: 2, help: "activations to calibrate on; published: 200k" },
    texts: { type: "integer", default: 150, min: 2, help: "texts drawn from --corpus" },
    prompts: { type: "integer", default: 200, min: 2, help: "user turns drawn from each of --chat-corpora" },
    seeds: { type: "integer", default: 4, min: 4, help: "stream orders, seeds from --seed on" },
    alpha: { type: "number", default: 0.05, min: 0, help: "rate of false alarms among unchanged regions" },
    minMembers: { type: "integer", default: 5, min: 1, help: "members that a region is audited from" },
  },
  examples: [["--layers 5 --percentiles 2", "one setting"]],
}, async (run) => {
  const { flags, manifest, signal } = run;
  const { percentiles, corpus, seed, minMembers, alpha } = flags;
  const seeds = Array.from({ length: flags.seeds }, (_, i) => seed + i);
  const { backend, model } = await openModel(run);
  const after = await loadModelOf(run, backend, flags.after);
  const models = { before: sameTokens(model, after), after };
  const layers = run.layers(after.layers);

  const draw = async (file: string, count: number) =>
    (await Array.fromAsync(shuffled(readCorpus(file), seed))).slice(0, count);
  const chatFiles = flags.chatCorpora.split(",");
  const readings = [
    { name: "text", chat: false, files: [corpus], texts: await draw(corpus, flags.texts) },
    {
      name: "chat",
      chat: true,
      files: chatFiles,
      texts: (await Promise.all(chatFiles.map((file) => draw(file, flags.prompts)))).flat(),
    },
  ];

  const audited: AuditedReading[] = [];
  for (const { name, chat, files, texts } of readings) {
    const growAll = (side: Side) => {
      const plan = {
        backend,
        model: models[side],
        layers,
        percentiles,
        texts,
        corpus: `${files.join(" and ")}, ${texts.length} drawn with seed ${seed}`,
        files,
        calibration: flags.calibration,
        reading: { chat },
        growing: { saturationWindow: Infinity, signal },
        label: `${side}, ${name}: `,
      };
      return growOrders(run, plan, seeds, (growths, s) => auditedOf(growths, s === seed ? models[side] : undefined));
    };
    const before = await growAll("before");
    const later = await growAll("after");
    const orders = { before: before.bySeed, after: later.bySeed };
    const audits = await run.kept(
      `audits of ${name}`,
      () => manifest.time("audit", () => auditOrders(backend, name, orders, { minMembers, alpha })),
    );
    const first = { before: orders.before.get(seed)!, after: orders.after.get(seed)! };
    audited.push({ name, audits, first, failed: { before: before.failed, after: later.failed } });
  }
  await Promise.all([models.before.dispose(), models.after.dispose()]);
  await manifest.time("report", () => reportAudit(run, audited));
});
