import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type Flags, readFlags, UsageError } from "../../src/run/mod.ts";
import { resolveLayers } from "../../src/run/command/flags.ts";
import { allFlags } from "../../src/run/command/common_flags.ts";
import { helpText } from "../../src/run/command/help.ts";

const FLAGS = {
  model: { type: "string", default: "toy", help: "folder" },
  device: { type: "string", default: "auto", choices: ["auto", "cpu"], help: "where" },
  maxTokens: { type: "integer", default: 2e6, min: 1, help: "budget of tokens" },
  alpha: { type: "number", help: "strength" },
  alphas: { type: "numbers", default: [50, 100], help: "strengths" },
  ks: { type: "integers", default: [1], help: "sizes" },
  layers: { type: "layers", default: "all", min: 0, help: "layers" },
  resume: { type: "boolean", help: "go on" },
} as const satisfies Flags;

const read = (line: string) => readFlags(line.split(" ").filter(Boolean), FLAGS);

Deno.test("flags that are not given have their defaults", () => {
  assertEquals(read(""), {
    model: "toy",
    device: "auto",
    maxTokens: 2e6,
    alpha: undefined,
    alphas: [50, 100],
    ks: [1],
    layers: "all",
    resume: false,
  });
});

Deno.test("values are read in every way of writing them", () => {
  const values = read(
    "--model=a/b --max-tokens 500k --alpha -0.5 --alphas=-1,2e1,.5 --ks 0,3-5 --layers 0-2,7 --resume",
  );
  assertEquals(values, {
    model: "a/b",
    device: "auto",
    maxTokens: 500_000,
    alpha: -0.5,
    alphas: [-1, 20, 0.5],
    ks: [0, 3, 4, 5],
    layers: [0, 1, 2, 7],
    resume: true,
  });
  for (const text of ["2e6", "2M", "2000k", "2000000", "2_000_000", "2m", "0.002G"]) {
    assertEquals(read(`--max-tokens ${text}`).maxTokens, 2_000_000, text);
  }
  assertEquals(read("--layers all").layers, "all");
  assertEquals(read("--model a --model b").model, "b");
});

Deno.test("a mistake is a sentence that says what was expected and what came", () => {
  const says = (line: string, sentence: string) => assertThrows(() => read(line), UsageError, sentence);
  says("--max-tokns 5", "There is no flag --max-tokns. Did you mean --max-tokens?");
  says("--layer=3", "There is no flag --layer. Did you mean --layers?");
  says("--maxTokens 5", "Did you mean --max-tokens?");
  says("--zzzzzzzzzz", "There is no flag --zzzzzzzzzz. See --help.");
  says("--constructor 1", "There is no flag --constructor");
  says("3,5", 'Expected only flags but got "3,5"');
  says("--model", "Expected a value after --model");
  says("--max-tokens many", 'Expected a whole number for --max-tokens but got "many"');
  says("--max-tokens 1.5", 'Expected a whole number for --max-tokens but got "1.5"');
  says("--max-tokens 0", "Expected --max-tokens to be at least 1 but got 0");
  says("--max-tokens 1e400", "Expected a whole number for --max-tokens");
  says("--alpha 0x10", 'Expected a number for --alpha but got "0x10"');
  says("--alphas 1,,2", 'Expected a number for --alphas but got ""');
  says("--device gpu", 'Expected --device to be one of auto, cpu but got "gpu"');
  says("--layers 5-3", 'Expected an ascending range for --layers but got "5-3"');
  says("--ks 0-99999999", "Expected an ascending range");
  says("--layers -1", "Expected --layers to be at least 0 but got -1");
});

Deno.test("layers and percentiles are a set: each once and ascending, however they are given", () => {
  const flags = allFlags({ name: "any" });
  const args = (text: string) => readFlags(text.split(" "), flags);
  assertEquals(args("--layers 5,1,5-6 --percentiles 16,2,16"), args("--layers 1,5,6 --percentiles 2,16"));
  assertEquals(args("--layers 5,1,5-6").layers, [1, 5, 6]);
  assertEquals(args("--percentiles 16,2").percentiles, [2, 16]);
});

Deno.test("a list has each of its values once, and as many as its flag allows", () => {
  const flags = {
    ks: { type: "integers", minLength: 2, help: "sizes" },
    layer: { type: "layers", default: [4], minLength: 1, maxLength: 1, help: "layer" },
  } as const satisfies Flags;
  const one = (line: string) => readFlags(line.split(" "), flags);
  assertEquals(one("--ks 4,2,4,2-3").ks, [4, 2, 3]);
  assertEquals(one("--layer 3,3").layer, [3]);
  assertThrows(() => one("--ks 4,4"), UsageError, "Expected --ks to be 2 values or more but got 1: 4.");
  assertThrows(() => one("--layer 3,4"), UsageError, "Expected --layer to be exactly one value but got 2: 3, 4.");
  assertThrows(() => one("--layer all"), UsageError, "Expected --layer to be exactly one value but got all.");
});

Deno.test("help tells every limit", () => {
  const flags = {
    share: { type: "number", default: 0.3, min: 0.01, max: 0.99, help: "share" },
    most: { type: "number", max: 5, help: "most" },
    seeds: { type: "integer", default: 4, min: 4, help: "orders" },
    layer: { type: "layers", default: [4], min: 0, minLength: 1, maxLength: 1, help: "layer" },
    pairs: { type: "integers", minLength: 2, maxLength: 3, help: "pairs" },
  } as const satisfies Flags;
  const text = helpText({ name: "any", question: "", description: "" }, flags);
  for (
    const part of [
      ...["share (0.01 to 0.99; default 0.3)", "most (at most 5)", "orders (at least 4; default 4)"],
      ...["--layer <number>", "layer (at least 0; exactly one value; default 4)", "pairs (2 to 3 values)"],
    ]
  ) assertStringIncludes(text, part);
});

Deno.test("percentiles of no dictionary are refused, and help tells which there are", () => {
  const flags = allFlags({ name: "any" });
  for (const [text, limit] of [["0", "at least 0.001"], ["4,0", "at least 0.001"], ["101", "at most 100"]]) {
    assertThrows(() => readFlags(["--percentiles", text], flags), UsageError, `Expected --percentiles to be ${limit}`);
  }
  const lines = helpText({ name: "any", question: "", description: "" }, flags).replace(/\s+/g, " ");
  assertStringIncludes(lines, "one dictionary each (0.001 to 100; default 1,2,4,8,10)");
});

Deno.test("layers are checked against the model's", () => {
  assertEquals(resolveLayers("all", 3), [0, 1, 2]);
  assertEquals(resolveLayers([2, 0, 2], 3), [0, 2]);
  assertThrows(() => resolveLayers([3], 3), UsageError, "layers from 0 to 2, which the model has, but got 3");
});

Deno.test("help names every flag with its default, and the examples", () => {
  const about = {
    name: "build",
    question: "How many regions?",
    description: "word ".repeat(60),
    examples: [["--layers 3,5", "two layers"]],
  } as const;
  const text = helpText(about, FLAGS, { width: 80 });
  for (
    const flag of ["--model <text>", "--max-tokens <number>", "--device <auto|cpu>", "--layers <list>", "--resume"]
  ) {
    assertStringIncludes(text, flag);
  }
  assertStringIncludes(text, "budget of tokens (at least 1; default 2000000)");
  assertStringIncludes(text, "strengths (default 50,100)");
  assertStringIncludes(text, "# two layers\n  deno task run experiments/build.ts --layers 3,5");
  assertEquals(text.split("\n").every((line) => line.length <= 80), true);
});

Deno.test("a switch is on or off by =true and =false, and takes nothing else", () => {
  const flags = { chat: { type: "boolean", help: "" }, warm: { type: "boolean", default: true, help: "" } } as const;
  assertEquals(readFlags(["--chat=true", "--warm=false"], flags), { chat: true, warm: false });
  assertEquals(readFlags(["--chat=false"], flags), { chat: false, warm: true });
  assertEquals(readFlags(["--chat"], flags), { chat: true, warm: true });
  assertThrows(
    () => readFlags(["--chat=maybe"], flags),
    UsageError,
    'Expected nothing after --chat, or =true or =false, but got "maybe"',
  );
});
