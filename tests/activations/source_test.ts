import { assertEquals, assertThrows } from "@std/assert";
import { type DescribeOptions, describeStream } from "../../src/activations/mod.ts";
import { assertSameReading, bosOf } from "../../src/activations/source.ts";

const base = {
  model: { id: "fixtures/gemma-2-toy", hook: "resid_post", bos: "always" as const },
  layer: 3,
  corpus: "pile.jsonl",
};

Deno.test("a stream is described as plain data, with the defaults of extract", () => {
  const source = describeStream(base);
  assertEquals(source, {
    model: "fixtures/gemma-2-toy",
    hook: { layer: 3, at: "resid_post" },
    extractor: "per-position",
    context: 128,
    stride: 127,
    batchPrompts: 128,
    chat: false,
    corpus: "pile.jsonl",
    bos: "always",
  });
  assertEquals(JSON.parse(JSON.stringify(source)), source);
});

Deno.test("a stream has the hook of its model, or the one that is named", () => {
  const at = (options: Partial<DescribeOptions>) => describeStream({ ...base, ...options }).hook;
  const model = { id: "toy", hook: "attn_out", bos: "always" } as const;
  assertEquals(at({ model }), { layer: 3, at: "attn_out" });
  assertEquals(at({ model, at: "z" }), { layer: 3, at: "z" });
  assertEquals(at({ model: "toy" }), { layer: 3, at: "resid_post" });
  assertEquals(at({ model: "toy", at: "/model/layers.{layer}/mlp/act" }).at, "/model/layers.{layer}/mlp/act");
});

Deno.test("a stream has its model's rule for <bos>, or the one that is named", () => {
  const model = { ...base.model, bos: "never" } as const;
  assertEquals(describeStream({ ...base, model }).bos, "never");
  assertEquals(describeStream({ ...base, model, bos: "tokenizer" }).bos, "tokenizer");
  assertEquals(describeStream({ ...base, model: "toy" }).bos, "always");
  const { bos: _, ...older } = describeStream(base);
  assertEquals(bosOf(older), "always");
});

Deno.test("a calibration fits streams of the same hook, extractor, context and rule for <bos> only", () => {
  const calibration = describeStream(base);
  assertSameReading(calibration, describeStream({ ...base, corpus: "code.jsonl", model: "other", batchPrompts: 7 }));
  assertThrows(
    () => assertSameReading(calibration, describeStream({ ...base, layer: 4 })),
    Error,
    "Expected a stream of the calibration's hook, resid_post of layer 3, but found resid_post of layer 4",
  );
  assertThrows(
    () => assertSameReading(calibration, describeStream({ ...base, at: "attn_out" })),
    Error,
    "Expected a stream of the calibration's hook, resid_post of layer 3, but found attn_out of layer 3",
  );
  assertThrows(
    () => assertSameReading(calibration, describeStream({ ...base, extractor: "final-position" })),
    Error,
    "calibration's extractor, per-position, but found final-position",
  );
  assertThrows(
    () => assertSameReading(calibration, describeStream({ ...base, context: 64 })),
    Error,
    "calibration's context length, 128, but found 64",
  );
  assertThrows(
    () => assertSameReading(calibration, describeStream({ ...base, bos: "never" })),
    Error,
    "calibration's rule for <bos>, always, but found never",
  );
  const { bos: _, ...older } = calibration;
  assertSameReading(older, calibration);
});
