/**
 * What JavaScript lets pass and types do not: options that there are not, values that are none, batches of another shape.
 * Each is refused by a sentence, before anything is changed; what can be read all the same is.
 */
import { assertEquals, assertRejects } from "@std/assert";
import {
  type ActivationBatch,
  Batch,
  calibrate,
  calibrateLayers,
  configureHub,
  describeRegions,
  describeStream,
  Dictionary,
  discover,
  extract,
  hubFile,
  hubFiles,
  type Intervention,
  type LanguageModel,
  loadModel,
  localPath,
  match,
  Monitor,
  readActivations,
  readCorpus,
  readSae,
  readVectors,
} from "../mod.ts";
import {
  alarmRates,
  bootstrapMean,
  compareFirings,
  ConceptScorer,
  coverages,
  Dashboard,
  DirectionEffects,
  refusalRegions,
  tokenClassLabel,
  trainProbe,
  watch,
} from "../src/analysis/mod.ts";
import { type Backend, openBackend } from "../src/compute/mod.ts";
import {
  arrowTable,
  readArrow,
  readArrowBatches,
  readNpz,
  readSealedJson,
  writeArrow,
  writeSealedJson,
} from "../src/files/mod.ts";
import {
  band,
  bars,
  below,
  beside,
  boxes,
  by,
  byLayer,
  category,
  chart,
  dots,
  interval,
  line,
  links,
  means,
  number,
  ordered,
  percentileAxis,
  quantity,
  rectangles,
  renderChart,
  resultTable,
  rule,
  rules,
  saveTable,
  seeds,
  segments,
  series,
  share,
  stacks,
  strokes,
  text,
  ticks,
  voronoiChart,
  withInterval,
} from "../src/report/mod.ts";
import { Progress, runExperiment, tableBlock } from "../src/run/mod.ts";
import { backendTest } from "./lib/backends.ts";
import { inFolder } from "./lib/folder.ts";
import { assertSentence } from "./lib/sentence.ts";

const DIM = 4;
const TOY = new URL("../fixtures/gemma-2-toy", import.meta.url).pathname;

function rows(count: number, seed = 1): ActivationBatch & { data: Float32Array<ArrayBuffer> } {
  const data = Float32Array.from({ length: count * DIM }, (_, i) => Math.sin(i * i * seed + 1));
  return { data, rows: count, dim: DIM };
}

/** A batch that JavaScript can pass and TypeScript would refuse. */
const loose = (batch: unknown) => batch as ActivationBatch;

async function grown(backend: Backend): Promise<Dictionary> {
  const dictionary = await Dictionary.create({ center: new Float32Array(DIM), threshold: 0.3 }, { backend });
  await dictionary.add(rows(30));
  return dictionary;
}

/** All that a dictionary holds, to see that nothing was changed. */
const state = (dictionary: Dictionary) =>
  [dictionary.activations, dictionary.exemplars, dictionary.sums, dictionary.memberCounts].join(" ");

async function refused(action: () => unknown, ...parts: string[]): Promise<void> {
  // `async`: what is thrown at once is a refusal too.
  assertSentence(await assertRejects(async () => await action()), ...parts);
}

/** Whatever takes options, with a misspelt one, and the one that is meant. */
const MISSPELT: Record<
  string,
  [meant: string, use: (backend: Backend, dictionary: Dictionary, model: LanguageModel) => unknown]
> = {
  percentile: ["percentiles", (backend) => calibrate([rows(9)], { backend, percentile: 4 } as object)],
  percentil: [
    "percentiles",
    (backend) => calibrateLayers((async function* () {})(), [3], { backend, percentil: [4] } as object),
  ],
  satuationWindow: [
    "saturationWindow",
    (backend) => discover([rows(9)], new Map(), { backend, satuationWindow: 1 } as object),
  ],
  foldr: [
    "folder",
    (backend) => discover([rows(9)], new Map(), { backend, checkpoint: { foldr: "none" } } as object),
  ],
  member: [
    "members",
    (backend) => Dictionary.create({ center: new Float32Array(2), threshold: 0.1 }, { backend, member: 3 } as object),
  ],
  Members: ["members", (backend) => Dictionary.load("none.arrow", { backend, Members: true } as object)],
  layers: ["layer", () => Dictionary.fromHub("gemma-2-2b", { layers: 3 } as object)],
  replaced: ["replace", (_, dictionary) => dictionary.add(rows(2), { replaced: true } as object)],
  bases: ["basis", (_, dictionary) => dictionary.readout(rows(2), { kind: "cosine", bases: "mean" } as never)],
  base: ["basis", (_, dictionary) => dictionary.decode(new Float32Array(), { base: "mean" } as object)],
  K: ["k", (_, dictionary) => dictionary.export("nowhere", { K: 1 } as object)],
  basís: ["basis", (_, dictionary) => match(dictionary, dictionary, { basís: "mean" } as object)],
  region: ["regions", (_, dictionary, model) => describeRegions(dictionary, model, { region: [0] } as object)],
  context: ["contexts", (_, dictionary) => new Dashboard(dictionary, { context: 3 } as object)],
  feature: ["features", (_, dictionary, model) => new Dashboard(dictionary).files(model, { feature: 3 } as object)],
  treshold: ["threshold", (_, dictionary, model) => Monitor.create({ dictionary, model, treshold: 0.2 } as never)],
  layer: ["layers", (_, __, model) => extract(model, ["text"], { layer: [3] } as never).next()],
  batchPrompt: [
    "batchPrompts",
    () => describeStream({ model: "toy", layer: 3, corpus: "texts", batchPrompt: 3 } as never),
  ],
  fields: ["field", () => readCorpus(["text"], { fields: "text" } as object).next()],
  batchrows: ["batchRows", () => readVectors("none.npy", { batchrows: 3 } as object).next()],
  expected: ["expect", () => readActivations("none", { expected: {} } as object).next()],
  devices: ["device", () => loadModel(TOY, { devices: "cpu" } as object)],
  maxNewToken: ["maxNewTokens", (_, __, model) => model.generate([], { maxNewToken: 3 } as object)],
  skipSpecials: ["skipSpecial", (_, __, model) => model.decode([1], { skipSpecials: true } as object)],
  maxUnpack: ["maxUnpacked", () => readSae("none", { maxUnpack: 3 } as object)],
  resample: ["resamples", () => bootstrapMean([1], { resample: 3 } as object)],
  L2: ["l2", () => trainProbe(rows(2), Int32Array.of(0, 1), { L2: 3 } as object)],
  ofline: ["offline", () => configureHub({ ofline: true } as object)],
  refrsh: ["refresh", () => localPath("a file", { refrsh: true } as object)],
  revisions: ["revision", () => hubFile({ repo: "owner/name", path: "file", revisions: "main" } as never)],
  includes: ["include", () => hubFiles({ repo: "owner/name", includes: ["file"] } as never)],
  // Files.
  maxUnpackd: ["maxUnpacked", () => readNpz("none.npz", undefined, { maxUnpackd: 3 } as object)],
  column: ["columns", () => readArrow("none.arrow", { column: ["a"] } as object)],
  Columns: ["columns", () => readArrowBatches("none.arrow", { Columns: ["a"] } as object).next()],
  batchByte: ["batchBytes", () => writeArrow("none.arrow", arrowTable({}), { batchByte: 8 } as object)],
  fieldMetaData: ["fieldMetadata", () => arrowTable({}, { fieldMetaData: {} } as object)],
  remdy: ["remedy", () => readSealedJson("none.json", { remdy: "read it again" } as never)],
  opn: ["open", () => writeSealedJson("none.json", { format: "exemplar report 2" }, { opn: null } as object)],
  // Reports.
  parqet: ["parquet", () => saveTable("none", "table", resultTable({}, []), { parqet: true } as object)],
  onWarnings: ["onWarning", () => renderChart({ mark: "bar" } as never, { onWarnings: null } as object)],
  mising: ["missing", () => number("share", { mising: "there is none" } as object)],
  headings: ["heading", () => withInterval("auroc", "AUROC", "95 %", { headings: "AUROC" } as object)],
  isDoged: ["isDodged", () => chart([], { marks: [], isDoged: true } as never)],
  spacings: ["spacing", () => beside([], { spacings: 3 } as object)],
  spacin: ["spacing", () => below([], { spacin: 3 } as object)],
  label: ["labels", () => voronoiChart([], { label: 3 } as object)],
  labels: ["label", () => by("layer", { labels: "layer " } as object)],
  colums: ["columns", () => byLayer({ colums: 2 } as object)],
  domian: ["domain", () => quantity("members", null, { domian: [0, 1] } as object)],
  zeros: ["zero", () => share("members", null, { zeros: false } as object)],
  ordr: ["order", () => category("token", null, { ordr: "descending" } as object)],
  hasGrids: ["hasGrid", () => percentileAxis("p", { hasGrids: true } as object)],
  hasAllName: ["hasAllNames", () => series("model", {}, { hasAllName: true } as object)],
  hasLegends: ["hasLegend", () => ordered("percentile", "p", { hasLegends: false } as object)],
  hasPoint: ["hasPoints", () => line({ hasPoint: true } as object)],
  hasPionts: ["hasPoints", () => means({ hasPionts: true } as object)],
  colour: ["color", () => seeds({ colour: "red" } as object)],
  colr: ["color", () => ticks({ colr: "red" } as object)],
  siz: ["size", () => strokes({ siz: 3 } as object)],
  opacty: ["opacity", () => dots({ opacty: 1 } as object)],
  end: ["ends", () => band({ end: ["low", "high"] } as object)],
  widht: ["width", () => interval("low", "high", { widht: 3 } as object)],
  colors: ["color", () => bars({ colors: "red" } as object)],
  Color: ["color", () => stacks({ Color: "red" } as object)],
  sizes: ["size", () => segments("low", "high", { sizes: 3 } as object)],
  dashes: ["dash", () => links({ x: "x", y: "y" }, { dashes: [1] } as object)],
  Size: ["size", () => rectangles({ x: "x", y: "y" }, { Size: 1 } as object)],
  sise: ["size", () => boxes({ sise: 1 } as object)],
  color_: ["color", () => rules({ color_: "red" } as object)],
  Y: ["y", () => rule({ Y: 0.5 } as object)],
  fontsize: ["fontSize", () => text("label", { fontsize: 9 } as object)],
  // Analyses.
  centre: [
    "center",
    (backend) => new ConceptScorer({ backend, centre: new Float32Array(2), choices: [], l2: [] } as never),
  ],
  bach: ["batch", (_, dictionary, model) => watch({ model, dictionary } as never, [] as never, { bach: 3 } as never)],
  rate: ["rates", () => alarmRates(new Map([["text", [1]]]), { reference: "text", rate: [0.1], seeds: [0] } as never)],
  minimun: ["minimum", () => compareFirings([], null as never, null as never, { minimun: 3 } as never)],
  nullrate: ["nullRate", () => refusalRegions([], [], { nullrate: 0.1 } as object)],
  calibration: ["calibrations", () => coverages([], (async function* () {})(), { calibration: new Map() } as object)],
  aheads: ["ahead", (_, __, model) => tokenClassLabel("next", model, { aheads: 1 } as object)],
  typcal: ["typical", (_, dictionary) => DirectionEffects.create({ dictionary, typcal: null } as never)],
  // Runs.
  print: ["printed", () => tableBlock({ columns: [], rows: [] } as never, "none", { print: true } as object)],
  Quiet: ["quiet", () => new Progress({ Quiet: true } as object)],
  default: [
    "defaults",
    () =>
      runExperiment(
        { name: "none", question: "", description: "", default: { seed: 3 } } as never,
        () => Promise.resolve(),
        { args: ["--help"], print: () => {}, printError: () => {} },
      ),
  ],
};

Deno.test("an option that there is not is refused by its name, wherever there are options", async () => {
  const backend = await openBackend("cpu");
  await using model = await loadModel(TOY, { device: "cpu" });
  using dictionary = await grown(backend);
  for (const [name, [meant, use]] of Object.entries(MISSPELT)) {
    await refused(() => use(backend, dictionary, model), JSON.stringify(name), `did you mean "${meant}"?`);
  }
  await refused(() => calibrate([rows(9)], "cpu" as never), 'an object, { name: value }, but found "cpu"');
  // What is not given a value is not given.
  await calibrate([rows(9)], { backend, percentile: undefined } as object);
});

backendTest("values that no option has are refused, and the dictionary stays as it was", async (backend) => {
  using dictionary = await grown(backend);
  const before = state(dictionary);
  await refused(() => dictionary.merge(NaN), "from 0 to 2", "NaN");
  await refused(() => dictionary.merge(-1), "from 0 to 2", "-1");
  await refused(() => dictionary.readout(rows(2), { kind: "cosine", basis: "means" as "mean" }), '"means"');
  await refused(() => dictionary.decode(new Float32Array(), { basis: "means" as "mean" }), '"means"');
  await refused(() => dictionary.directions("means" as "mean"), '"means"');
  await refused(() => dictionary.export("nowhere", { basis: "means" as "mean" }), '"means"');
  const calibration = { center: new Float32Array(DIM), threshold: 0.3 };
  for (const seed of [1.5, -1, NaN, 2 ** 53]) {
    await refused(() => Dictionary.create(calibration, { backend, seed }), "2^53 - 1", String(seed));
  }
  await refused(() => Dictionary.create({ threshold: 0.3 } as never, { backend }), "no center");
  assertEquals(state(dictionary), before);
});

/** A prompt of two tokens. */
const prompt = () => ({ id: "short", text: 0, tokens: Int32Array.of(2, 3), excerpt: () => ({}) });

/** Batches that are none, each with a part of the sentence. */
const BAD: Record<string, [unknown, string]> = {
  "nothing": [undefined, "undefined"],
  "an array of rows as the batch": [[[1, 2, 3, 4]], "a Float32Array of rows x dim numbers"],
  "texts": [{ data: ["a", "b", "c", "d"], rows: 1, dim: DIM }, "something else than numbers"],
  "big integers": [{ data: new BigInt64Array(DIM), rows: 1, dim: DIM }, "something else than numbers"],
  "rows of several lengths": [{ data: [[1, 2, 3, 4], [5, 6, 7], [8]], rows: 2, dim: DIM }, "row 1 has 3"],
  "too few numbers": [{ ...rows(3), rows: 4 }, "4 x 4 = 16"],
  "half a row": [{ data: new Float32Array(6), rows: 1.5, dim: DIM }, "1.5"],
  "a provenance of fewer rows": [
    { ...rows(2), provenance: { prompts: [], prompt: new Int32Array(1), position: new Int32Array(2) } },
    "of 2 rows but its prompt is of 1",
  ],
  "a prompt that is not there": [
    { ...rows(1), provenance: { prompts: [], prompt: [0], position: [0], token: [0] } },
    "one of the 0",
  ],
  "a position that the prompt has not": [
    { ...rows(1), provenance: { prompts: [prompt()], prompt: [0], position: [2], token: [0] } },
    'one of the 2 tokens of its prompt but row 0 is at position 2 of "short"',
  ],
};

backendTest("batches that are none are refused whole", async (backend) => {
  using dictionary = await grown(backend);
  using matrix = backend.upload(rows(2).data, 2, DIM);
  const before = state(dictionary);
  for (const [bad, part] of Object.values(BAD)) {
    await refused(() => dictionary.add(loose(bad)), part);
    await refused(() => dictionary.assign(loose(bad)), part);
    await refused(() => dictionary.readout(loose(bad), { kind: "signed" }), part);
    await refused(() => calibrate([loose(bad)], { backend }), part);
  }
  const provenance = { prompts: [], prompt: new Int32Array(3), position: new Int32Array(3), token: new Int32Array(3) };
  await refused(() => dictionary.ingest(matrix, provenance), "of 2 rows but its prompt is of 3");
  await refused(() => Batch.onBackend(matrix, provenance), "of 2 rows but its prompt is of 3");
  const gone = backend.upload(rows(2).data, 2, DIM);
  gone.dispose();
  await refused(() => dictionary.ingest(gone), "disposed");
  assertEquals(state(dictionary), before, "nothing is behind, and nothing has changed");
});

backendTest("numbers of other kinds and in other memory are read as what they are", async (backend) => {
  const { data } = rows(30);
  const shared = new Float32Array(new SharedArrayBuffer(data.byteLength));
  const resizable = new Float32Array(new ArrayBuffer(data.byteLength, { maxByteLength: 2 * data.byteLength }));
  for (const values of [shared, resizable]) values.set(data);
  const kinds = [
    shared,
    resizable,
    Float64Array.from(data),
    Array.from(data),
    Array.from({ length: 30 }, (_, row) => [...data.subarray(row * DIM, (row + 1) * DIM)]),
    Array.from({ length: 30 }, (_, row) => data.slice(row * DIM, (row + 1) * DIM)),
  ];
  using expected = await grown(backend);
  for (const values of kinds) {
    using dictionary = await Dictionary.create({ center: new Float32Array(DIM), threshold: 0.3 }, { backend });
    await dictionary.add(loose({ data: values, rows: 30, dim: DIM }));
    assertEquals(state(dictionary), state(expected));
  }
});

Deno.test("one batch is not taken for several, nor one text for a list of its letters", async () => {
  const backend = await openBackend("cpu");
  await using model = await loadModel(TOY, { device: "cpu" });
  const calibration = await calibrate([rows(30)], { backend });
  await refused(() => calibrate(rows(9) as never, { backend }), "one batch", "[batch]");
  await refused(() => discover(rows(9) as never, calibration, { backend }), "one batch", "[batch]");
  await refused(() => extract(model, "one text" as never, { layers: [3] }).next(), "[text]");
  for (const entry of [null, 3, {}, { text: 3 }]) {
    await refused(() => extract(model, ["text", entry] as never, { layers: [3] }).next(), "prompt 1 of the stream");
  }
});

Deno.test("an intervention that would change nothing is refused", async () => {
  await using model = await loadModel(TOY, { device: "cpu" });
  const direction = new Float32Array(model.dim).fill(1);
  const bad: [unknown, string][] = [
    [{ layer: 5 }, "does none"],
    [{ layer: 5, ablated: { directions: [direction] } }, 'did you mean "ablate"?'],
    [{ layer: 5, ablate: { directions: [] } }, "found none"],
    [{ layer: 5, ablate: { direction: [direction] } }, 'did you mean "directions"?'],
    [{ layer: 5, ablate: { directions: [0] } }, "it is number"],
    [{ layer: 5, steer: { direction, Alpha: 3 } }, '"Alpha"'],
    [{ layer: 5, steer: { alpha: 3 } }, "it is undefined"],
    [{ layer: 5, replace: { position: [0], values: direction } }, '"position"'],
  ];
  for (const [intervention, part] of bad) {
    await refused(
      () => model.generate([model.encode("The king")], { interventions: [intervention as Intervention] }),
      part,
    );
    await refused(() => model.logits([model.encode("The king")], [intervention as Intervention]), part);
  }
});

Deno.test("a Float32Array as libraries declare it is taken", () =>
  inFolder(async () => {
    // Of either kind of memory, as embedding libraries type what they give.
    const embedding: Float32Array = rows(9).data;
    const { center } = await calibrate([{ data: embedding, rows: 9, dim: DIM }], { backend: "cpu" });
    assertEquals(center.length, DIM);
  }));
