/** Questions that could not be asked: the answer says so, and why. */
import { assert, assertStringIncludes } from "@std/assert";
import type { Dictionary } from "../../src/partition/mod.ts";
import { auditOutcome } from "../../experiments/lib/audit/outcome.ts";
import type { AuditedReading } from "../../experiments/lib/audit/rows.ts";
import { monitorOutcome, type MonitorResult } from "../../experiments/lib/monitor/outcome.ts";
import { HELD_OUT } from "../../experiments/lib/monitor/texts.ts";
import type { CommonFlags } from "../../src/run/mod.ts";

const FLAGS = { model: "toy" } as CommonFlags;

const MONITORED: MonitorResult = {
  dictionary: { source: { hook: { layer: 3, at: "resid_post" } }, size: 4 } as Dictionary,
  tried: [],
  threshold: 0.4,
  scores: new Map([[HELD_OUT, Array<number>(150).fill(0.2)], ["Bulgarian", [0.9]]]),
  rates: [],
  handle: { regions: new Set(), occupied: 3, accuracy: null },
  asked: { total: 24, refused: 0 },
  onOthers: { refused: 0, sensitivity: null, answered: 24, falseAlarms: 0 },
  watched: { prompts: 0, unreadable: 0, alarms: new Map(), seconds: 1, memory: [{ prompts: 0, mebibytes: 1 }] },
};
const answerOf = (more: Partial<MonitorResult>) =>
  monitorOutcome({ ...FLAGS, falseAlarms: 0.01, seeds: 2 }, { ...MONITORED, ...more }).answer;

Deno.test("monitor says why alarms could not be measured, and why no region tells refusal", () => {
  const none = answerOf({});
  assertStringIncludes(
    none,
    "How often it is raised could not be measured: half of the held-out prompts set it then, and 75",
  );
  assertStringIncludes(none, "are fewer than the 99 that takes");
  assertStringIncludes(none, "could not be asked: the model refuses none of the 24 instructions.");
  assert(!none.includes("–"), none);
  assertStringIncludes(answerOf({ asked: { total: 24, refused: 24 } }), "refuses all of the 24 instructions");
  const others = answerOf({ asked: { total: 24, refused: 3 } });
  assertStringIncludes(others, "could not be asked: the model refuses none of the 24 other instructions.");
});

Deno.test("an audit of no dictionary says so, and still lists what failed", () => {
  const failed = [{
    layer: 3,
    percentile: 1,
    threshold: 0,
    reason: "Expected a threshold of more than 1e-6 but found 0",
  }];
  const reading: AuditedReading = { name: "chat", audits: [], regions: [], failed: { before: failed, after: failed } };
  const { answer, sections } = auditOutcome({ after: "toy-it", alpha: 0.05, seed: 0 }, [reading]);
  assertStringIncludes(
    answer,
    "What finetuning changed could not be asked: no percentile gives a dictionary in both models.",
  );
  assertStringIncludes(answer, "more than 1e-6");
  assert(sections.flatMap(({ blocks }) => blocks).some((block) => block && block.kind === "table"));
});
